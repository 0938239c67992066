"""python -m benchmarks.embed: speed and memory of downstream.embed on clips of mixed lengths.

Makes a folder of clips of 0.5 s to 2 min (and one of 10 min), embeds it, then one with twice as
much audio: time may double, memory must not.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_MODEL = flags.DEFINE_string("model", "random:efficientnet_b0", "As of downstream.embed.")
_HOURS = flags.DEFINE_list("hours", ["1", "2"], "Audio to embed, in hours.")
_FRAMES = flags.DEFINE_bool("frames", False, "As of downstream.embed.")
_RATE_HZ = 22_050


def main(_):
  rows = []
  for hours in map(float, _HOURS.value):
    with tempfile.TemporaryDirectory() as folder:
      count = write_clips(os.path.join(folder, "clips"), 3600 * hours)
      seconds, peak_mb = embed(folder)
    rows.append([f"{hours:g} h", count, f"{seconds:.0f}", f"{60 * hours / seconds:.2f}", peak_mb])
  print(f"\npython -m downstream.embed --model={_MODEL.value}, decoding included\n")
  headings = ["audio", "clips", "time (s)", "hours of audio per minute", "peak memory (MB)"]
  markdown_table.show(headings, rows)


def write_clips(folder, total_s):
  """Writes clips of mixed lengths, `total_s` seconds together; returns how many."""
  os.makedirs(folder)
  rng = np.random.default_rng(0)
  lengths_s = [min(600.0, total_s)]
  while (left_s := total_s - sum(lengths_s)) > 0.5:
    lengths_s.append(min(left_s, float(np.exp(rng.uniform(np.log(0.5), np.log(120))))))
  for number, length_s in enumerate(lengths_s):
    wave = rng.normal(0, 0.1, int(length_s * _RATE_HZ)).astype("f")
    soundfile.write(os.path.join(folder, f"{number:05d}.wav"), wave, _RATE_HZ)
  return len(lengths_s)


def embed(folder):
  """Runs the command in a process of its own; returns (seconds, peak memory in MB)."""
  options = [f"--model={_MODEL.value}", f"--input={folder}/clips", f"--store_dir={folder}/stores"]
  options += [f"--output={folder}/out.npz", f"--frames={_FRAMES.value}"]
  started_s = time.perf_counter()
  process = subprocess.Popen([sys.executable, "-m", "downstream.embed", *options])
  _, status, usage = os.wait4(process.pid, 0)
  if status:
    sys.exit("downstream.embed failed, see above")
  return time.perf_counter() - started_s, usage.ru_maxrss // 1024


if __name__ == "__main__":
  main.run_main(main)
