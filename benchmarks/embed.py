"""python -m benchmarks.embed: measures speed and memory of downstream.embed.

It writes a folder of clips of 0.5 s to 2 min, with one of 10 min among them, and embeds it. Then it
repeats this with twice as much audio. The time may double, the memory must not.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import soundfile
from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.embed",
  "python -m benchmarks.embed --model=runs/mine --hours=0.1 --hours=0.2 --frames",
)
RATE_HZ = 22_050
LONGEST_S = 600


def main(_: Sequence[str]) -> None:
  model, hours, frames = FLAGS.model, FLAGS.hours, FLAGS.frames
  rows = [measure(model, amount, frames) for amount in hours]
  print(f"\npython -m downstream.embed --model={model}, decoding included\n")
  headings = ["audio", "clips", "time (s)", "hours of audio per minute", "peak memory (MB)"]
  markdown_table.show(headings, rows)


def measure(model: str, hours: float, frames: bool) -> list[str]:
  """Embeds so many hours of audio; returns a row of the table."""
  with tempfile.TemporaryDirectory() as folder:
    num_clips = write_clips(os.path.join(folder, "clips"), 3600 * hours)
    seconds, peak_mb = embed(folder, model, frames)
  speed = f"{60 * hours / seconds:.2f}"
  return [f"{hours:g} h", str(num_clips), f"{seconds:.0f}", speed, str(peak_mb)]


def write_clips(folder: str, total_s: float) -> int:
  """Writes clips of mixed lengths, `total_s` seconds in total; returns how many."""
  os.makedirs(folder)
  rng = np.random.default_rng(0)
  lengths_s = [min(float(LONGEST_S), total_s)]
  while (left_s := total_s - sum(lengths_s)) > 0.5:
    lengths_s.append(min(left_s, float(np.exp(rng.uniform(np.log(0.5), np.log(120))))))
  for number, length_s in enumerate(lengths_s):
    wave = rng.normal(0, 0.1, int(length_s * RATE_HZ)).astype("f")
    soundfile.write(os.path.join(folder, f"{number:05d}.wav"), wave, RATE_HZ)
  return len(lengths_s)


def embed(folder: str, model: str, frames: bool) -> tuple[float, int]:
  """Runs the command in a process of its own; returns (seconds, peak memory in MB)."""
  options = [f"--model={model}", f"--input={folder}/clips", f"--store_dir={folder}/stores"]
  options += [f"--output={folder}/out.npz", f"--frames={frames}"]
  started_s = time.perf_counter()
  process = subprocess.Popen([sys.executable, "-m", "downstream.embed", *options])
  _, status, usage = os.wait4(process.pid, 0)
  if status:
    raise UserError("downstream.embed failed, see above")
  return time.perf_counter() - started_s, usage.ru_maxrss // 1024


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_string("model", "random:efficientnet_b0", "Encoder, as in downstream.embed.")
    flags.DEFINE_multi_float("hours", [1.0, 2.0], "Hours of audio to embed.", lower_bound=0.001)
    flags.DEFINE_bool("frames", False, "An embedding every 50 ms, as in downstream.embed.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
