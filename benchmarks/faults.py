"""python -m benchmarks.faults: breaks things on purpose, and counts what is lost or wrong.

  fuzz         damaged sound files of all formats are read
  store        files of a store are damaged; it is prepared and read again
  checkpoints  files of a run's checkpoints are damaged; it is trained on
  starts       three trainings of one run are started at once
  kills        preparations and trainings are killed at random times, and repeated
  disk         the disk is full under preparations and trainings; they are repeated with space

Seeds are fixed; --minutes bounds each campaign. The exit code is 1 if anything was wrong.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from benchmarks.lib import damaging, fuzzing, killing
from benchmarks.lib.fault_tally import Tally, write
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.places import require_writable
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.faults --output=docs/results/faults.csv",
  "python -m benchmarks.faults --campaigns=fuzz,store --files=1000 --damages=50 --minutes=2",
)
CAMPAIGNS = ("fuzz", "store", "checkpoints", "starts", "kills", "disk")


def main(_: Sequence[str]) -> None:
  output = FLAGS.output
  require_writable("output", output)
  campaigns = _campaigns()
  tallies = []
  for name in FLAGS.campaigns:
    if name not in campaigns:
      raise UserError(f"--campaigns={name}: there are {', '.join(CAMPAIGNS)}")
    with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as folder:
      tally = campaigns[name](folder)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in tally.counts.items())
    line("campaign", f"{name}: {tally.num_tried} tried, {counts}")
    tallies.append(tally)
  show(tallies)
  if output:
    write(output, tallies)
    line("results", output)
  if num_wrong := sum(tally.num_wrong for tally in tallies):
    raise UserError(f"{num_wrong} outcomes were wrong, see the lines above")


def _campaigns() -> Mapping[str, Callable[[str], Tally]]:
  """Returns what runs each campaign in a folder, as the flags say."""
  seed, minutes, training = FLAGS.seed, FLAGS.minutes, FLAGS.training
  files, memory_mb, damages = FLAGS.files, FLAGS.memory_mb, FLAGS.damages
  checkpoints, rounds, kills, disks = FLAGS.checkpoints, FLAGS.rounds, FLAGS.kills, FLAGS.disks
  return {
    "fuzz": lambda folder: fuzzing.fuzz(files, minutes, seed, memory_mb),
    "store": lambda folder: damaging.damage_store(folder, damages, minutes, seed),
    "checkpoints": lambda folder: damaging.damage_checkpoints(folder, checkpoints, minutes, seed),
    "starts": lambda folder: killing.start_at_once(folder, rounds, minutes),
    "kills": lambda folder: killing.kill(folder, kills, minutes, seed, training),
    "disk": lambda folder: killing.fill_disk(folder, disks, minutes, seed, training),
  }


def show(tallies: Sequence[Tally]) -> None:
  """Prints a table of all outcomes."""
  rows = [
    [name, tried, f"**{outcome}**" if wrong else outcome, count]
    for tally in tallies
    for name, tried, outcome, wrong, count in tally.rows()
  ]
  print(f"\nwhat must not be is bold; {os.cpu_count()} cores\n")
  markdown_table.show(["campaign", "tried", "outcome", "count"], rows)


def _define_flags() -> None:
  with flag_group("Campaigns"):
    flags.DEFINE_list("campaigns", list(CAMPAIGNS), "Which of them.")
    flags.DEFINE_integer("files", 30_000, "Damaged sound files of fuzz.", 1)
    flags.DEFINE_integer("damages", 800, "Damages of store.", 1)
    flags.DEFINE_integer("checkpoints", 100, "Damages of checkpoints.", 1)
    flags.DEFINE_integer("rounds", 30, "Rounds of starts.", 1)
    flags.DEFINE_integer("kills", 60, "Kills of kills.", 1)
    flags.DEFINE_integer("disks", 30, "Full disks of disk.", 1)
    flags.DEFINE_bool("training", True, "Kill and starve trainings too, not only preparations.")
  with flag_group("Bounds"):
    flags.DEFINE_float("minutes", 30.0, "Of each campaign; then it stops.", 0.01)
    flags.DEFINE_integer("memory_mb", 1000, "What reading a damaged file may take.", 1)
    flags.DEFINE_integer("seed", 0, "Of damages, times and sizes.", 0)
  with flag_group("Results"):
    flags.DEFINE_string("output", None, "CSV file with the counts; docs/pages.py shows it.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
