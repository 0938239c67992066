"""python -m benchmarks.embed: measures speed and memory of downstream.embed, and of its parts.

Networks have random weights, unless --model names a run folder.
It writes a folder of clips of 0.5 s to 2 min, with one of 10 min among them, and embeds it. Then it
decodes the folder without embedding it, and embeds it again when it is decoded. The share is the
time of the slower part, of the time of the whole: 1 if the other part costs nothing. The highest
possible one follows from the seconds of processors of both parts, if those do all the work. The
start of each command, which the embedding of one second measures, is not counted. With twice as
much audio the time may double, the memory must not.
"""

import os
import tempfile
from collections.abc import Sequence

from absl import flags

from benchmarks.lib import embedding_speed, untrained_runs
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.embed",
  "python -m benchmarks.embed --model=runs/mine --hours=0.1 --hours=0.2 --frames",
)
ENCODERS = ("efficientnet_b0", "frame_cnn", "vgg_like")
HEADINGS = (
  *("model", "audio", "clips", "whole (s)", "decoding alone (s)", "embedding alone (s)"),
  *("share of the slower", "highest possible", "hours of audio per minute", "peak memory (MB)"),
)


def main(_: Sequence[str]) -> None:
  model, names, hours, frames = FLAGS.model, FLAGS.encoders, FLAGS.hours, FLAGS.frames
  for name in names:
    untrained_runs.require_known("encoders", name)
  rows = []
  with tempfile.TemporaryDirectory() as place:
    for name in [model] if model else names:
      folder = model or untrained_runs.make(name, os.path.join(place, name))
      rows += [row(name, folder, amount, frames) for amount in hours]
  print(
    f"\npython -m downstream.embed, {os.cpu_count()} cores; in brackets seconds of processors\n"
  )
  markdown_table.show(HEADINGS, rows)


def row(name: str, model: str, hours: float, frames: bool) -> list[str]:
  """Embeds so many hours of audio; returns a row of the table."""
  measured = embedding_speed.measure(model, hours, frames)
  costs = (measured.whole, measured.decoding, measured.embedding)
  times = [f"{cost.clock_s:.1f} ({cost.processor_s:.1f})" for cost in costs]
  shares = [f"{measured.share:.2f}", f"{measured.highest_share:.2f}"]
  speed = f"{60 * hours / measured.whole.clock_s:.2f}"
  return [
    *(name, f"{hours:g} h", str(measured.num_clips), *times, *shares, speed),
    str(measured.whole.peak_mb),
  ]


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_list("encoders", list(ENCODERS), "Networks with random weights.")
    flags.DEFINE_string("model", None, "Run folder or preset in place of them.")
    flags.DEFINE_multi_float("hours", [0.5], "Hours of audio to embed.", lower_bound=0.001)
    flags.DEFINE_bool("frames", False, "An embedding every 50 ms, as in downstream.embed.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
