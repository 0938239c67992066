"""python -m benchmarks.protocols: linear evaluation by cached embeddings against the papers' way.

Both protocols of downstream.linear on one task, from nothing cached: accuracy over the seeds, and
how long they take.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.cache import cache_folder

_MODEL = flags.DEFINE_string("model", "random:efficientnet_b0", "As of downstream.linear.")
_TASK = flags.DEFINE_string("task", None, "As of downstream.linear.", required=True)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Of the papers' protocol.")
_OTHERS = flags.DEFINE_multi_string("option", [], "Further flags of downstream.linear, as --x=y.")


def main(_):
  results = {}
  for protocol in ("cached", "paper"):
    with tempfile.TemporaryDirectory() as folder:
      results[protocol] = [judge(protocol, seed, folder) for seed in _SEEDS.value]
  rows = []
  slow_s = np.mean([seconds for _, seconds in results["paper"]])
  for protocol, runs in results.items():
    scores, seconds = np.array(runs).T
    spread = scores.std(ddof=1) if len(scores) > 1 else 0.0
    ratio = slow_s / seconds.mean()
    first = f"{seconds[0]:.1f}"
    rows.append([protocol, f"{scores.mean():.1f} ± {spread:.1f}", first, f"{ratio:.0f}x"])
  seeds, epochs = len(_SEEDS.value), _EPOCHS.value
  print(f"\n{_TASK.value}, {_MODEL.value}, {seeds} seeds; paper: {epochs} epochs\n")
  markdown_table.show(
    ["protocol", "accuracy (%)", "first seed (s)", "speed, mean over seeds"], rows
  )


def judge(protocol, seed, cache):
  """Judges in a process of its own; returns (score in %, seconds, embedding included)."""
  output = os.path.join(cache, f"{protocol}-{seed}")
  options = [f"--model={_MODEL.value}", f"--task={_TASK.value}", f"--protocol={protocol}"]
  options += [f"--seed={seed}", f"--epochs={_EPOCHS.value}", f"--output={output}", *_OTHERS.value]
  # Decoded audio may be there already; embeddings may not.
  options.append(f"--store_dir={os.path.join(cache_folder(), 'stores')}")
  environment = os.environ | {"CONTRASTIVE_AUDIO_CACHE": cache}
  command = [sys.executable, "-m", "downstream.linear", *options]
  subprocess.run(command, check=True, env=environment)
  with open(os.path.join(output, "result.json"), encoding="utf-8") as file:
    content = json.load(file)
  result = content["results"][0]
  return result["score"], content["embedding_s"] + result["seconds"]


if __name__ == "__main__":
  main.run_main(main)
