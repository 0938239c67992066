"""python -m benchmarks.protocols: compares the two protocols of downstream.linear on one task.

`cached` embeds each clip once, `paper` trains on random excerpts as the papers do. Each starts with
no embeddings in the cache. The table shows the accuracy over the seeds, and the time.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.cache import cache_folder
from downstream.choices import parse_seeds
from downstream.protocols import CACHED, PAPER

EXAMPLES = (
  "python -m benchmarks.protocols --task=/path/to/your/audio",
  "python -m benchmarks.protocols --model=runs/mine --task=esc10_fold5 "
  "--option=--audio_root=/path/to/audio_root",
)


@dataclasses.dataclass(frozen=True)
class Request:
  """What is evaluated.

  Attributes:
    model: as `--model` of downstream.linear has it.
    task: as `--task` of downstream.linear has it.
    epochs: of the protocol `paper`; None: as many as the paper has.
    options: further flags of downstream.linear.
  """

  model: str
  task: str
  epochs: int | None
  options: tuple[str, ...]


def main(_: Sequence[str]) -> None:
  request = Request(FLAGS.model, FLAGS.task, FLAGS.epochs, tuple(FLAGS.option))
  seeds = parse_seeds(FLAGS.seeds)
  results = {}
  for protocol in (CACHED, PAPER):
    with tempfile.TemporaryDirectory() as cache:
      results[protocol] = [evaluate(request, protocol, seed, cache) for seed in seeds]
  slow_s = np.mean([seconds for _, seconds in results["paper"]])
  rows = []
  for protocol, measured in results.items():
    scores, seconds = np.array(measured).T
    spread = scores.std(ddof=1) if len(scores) > 1 else 0.0
    accuracy, ratio = f"{scores.mean():.1f} ± {spread:.1f}", slow_s / seconds.mean()
    rows.append([protocol, accuracy, f"{seconds[0]:.1f}", f"{ratio:.0f}x"])
  title = f"{request.task}, {request.model}, {len(seeds)} seeds"
  print(f"\n{title}\n")
  headings = ["protocol", "accuracy (%)", "first seed (s)", "speed, mean over seeds"]
  markdown_table.show(headings, rows)


def evaluate(request: Request, protocol: str, seed: int, cache: str) -> tuple[float, float]:
  """Evaluates in a process of its own.

  Returns:
    (score in %, seconds, embedding included).
  """
  output = os.path.join(cache, f"{protocol}-{seed}")
  options = [f"--model={request.model}", f"--task={request.task}", f"--protocol={protocol}"]
  options += [f"--seed={seed}", f"--output={output}"]
  if protocol == PAPER and request.epochs:
    options.append(f"--epochs={request.epochs}")
  # Decoded audio may be there already; embeddings may not.
  options += [f"--store_dir={os.path.join(cache_folder(), 'stores')}", *request.options]
  environment = os.environ | {"CONTRASTIVE_AUDIO_CACHE": cache}
  command = [sys.executable, "-m", "downstream.linear", *options]
  subprocess.run(command, check=True, env=environment)
  with open(os.path.join(output, "result.json"), encoding="utf-8") as file:
    content = json.load(file)
  result = content["results"][0]
  return result["score"], content["embedding_s"] + result["seconds"]


def _define_flags() -> None:
  with flag_group(REQUIRED):
    flags.DEFINE_string("task", None, "Task, as in downstream.linear.", required=True)
  with flag_group("Measurement"):
    flags.DEFINE_string("model", "random:efficientnet_b0", "Encoder, as in downstream.linear.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of both protocols.")
    flags.DEFINE_integer("epochs", None, "Epochs of the protocol `paper`.", lower_bound=1)
    flags.DEFINE_multi_string("option", [], "Further flag of downstream.linear, as --name=value.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
