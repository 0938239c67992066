"""python -m benchmarks.gpu: checks and measures everything on a GPU, in ten minutes.

  devices       what TensorFlow sees, and whether it leaves memory to others
  log_mels      log-mels on the GPU beside those on the CPU, and beside arrays of other code
  views         each augmentation, and all of them together, beside the CPU's
  training      trainings in each precision; their losses beside those in float32 on the CPU
  xla           the same training with XLA, and without
  resuming      a deterministic training that is killed and repeated, beside an undisturbed one
  input         pairs of excerpts a second that a store gives
  embedding     hours of audio that downstream.embed embeds in a minute
  speed         the whole loop beside the bare step: --loops says which ones

Each check is bounded in time, and one that fails does not stop the others. With --output=FILE rows
are written as they come, and the same command goes on where it was stopped. Without a GPU, all of
it runs on the CPU, and the table says what was not checked.
"""

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from absl import flags

from benchmarks.lib import checks, gpu_checks, gpu_speed, systems
from benchmarks.lib.checks import DIFFERS, Check, Finding, Results
from benchmarks.lib.fault_worker import Worker
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.places import require_writable
from contrastive_audio.configuration import PRECISIONS
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table
from contrastive_audio.views.augmentation_config import AUGMENTATIONS

EXAMPLES = (
  "python -m benchmarks.gpu --output=gpu.csv",
  "python -m benchmarks.gpu --checks=speed --systems=mixback --loops=whole,views_on_host",
)
GROUPS = (
  *("devices", "log_mels", "views", "training", "xla", "resuming"),
  *("input", "embedding", "speed"),
)
# What differs from the papers' recipes in the loops of the checks of speed. Loops with none of
# these fields are measured at each size of batch, the others at the middle one.
LOOPS: dict[str, dict[str, Any]] = {
  "whole": {},
  "microbatch": {},
  "mixed_bfloat16": {"precision": "mixed_bfloat16"},
  "views_on_host": {"views_on": "host"},
  "xla": {"xla": True},
}
_VIEW_STEPS = ("mix-back", *AUGMENTATIONS, "all of recipe paper")


@dataclasses.dataclass(frozen=True)
class Sizes:
  """How much is checked; see the flags.

  Attributes:
    batch: clips of the checks of numbers.
    steps: of the trainings of the checks of numbers.
    batch_sizes: of the checks of speed.
    parts: of a batch, with --microbatch.
    timed_steps: of a turn of the checks of speed.
    encoder: of the checks of speed; None: those of the papers.
    hours: of audio that are embedded.
    model: that embeds them.
    systems: of the checks of input and speed.
    loops: of the checks of speed, keys of LOOPS.
  """

  batch: int
  steps: int
  batch_sizes: tuple[int, ...]
  parts: int
  timed_steps: int
  encoder: str | None
  hours: float
  model: str
  # They choose rows, which do not depend on what other rows there are.
  systems: tuple[str, ...] = dataclasses.field(repr=False)
  loops: tuple[str, ...] = dataclasses.field(repr=False)


def main(_: Sequence[str]) -> None:
  sizes, groups, output, total_s = _sizes(), FLAGS.checks, FLAGS.output, 60 * FLAGS.minutes
  for flag, known in (("checks", GROUPS), ("loops", LOOPS), ("systems", systems.SYSTEMS)):
    _require_known(flag, known)
  require_writable("output", output)
  worker = Worker(checks.answer)
  try:
    rows = check_all(sizes, groups, output, total_s, worker)
  finally:
    worker.close()
  show(rows)
  if num_wrong := sum(finding.verdict == DIFFERS for _, finding in rows):
    raise UserError(f"{num_wrong} of {len(rows)} checks differ, see the table")


def _require_known(flag: str, known: Iterable[str]) -> None:
  if unknown := [name for name in FLAGS[flag].value if name not in known]:
    raise UserError(f"--{flag}={unknown[0]}: there are {', '.join(known)}")


def check_all(
  sizes: Sizes, groups: Sequence[str], output: str | None, total_s: float, worker: Worker
) -> list[tuple[str, Finding]]:
  """Runs the checks of some groups; prints each as it ends; returns the rows of the table."""
  first = Check("devices", "devices", 120.0, gpu_checks.devices)
  ((_, seen, _),) = checks.run([first], Results(None, ""), first.limit_s, worker)
  if not seen.found:
    raise UserError(f"TensorFlow does not start: {seen.why}")
  line("devices", seen.found)
  results, rows = Results(output, f"{seen.found}; {sizes}"), [("devices", seen)]
  with tempfile.TemporaryDirectory(prefix="gpu-") as place:
    chosen = [c for c in all_checks(sizes, place, seen.verdict == checks.OK) if c.group in groups]
    for name, finding, is_new in checks.run(chosen, results, total_s, worker):
      line(finding.verdict, f"{name}: {_said(finding)}{'' if is_new else ' (before)'}")
      rows.append((name, finding))
  return rows


def _said(finding: Finding) -> str:
  return "; ".join(filter(None, [finding.found, finding.why]))


def all_checks(sizes: Sizes, place: str, has_gpu: bool) -> Iterator[Check]:
  """Yields all checks, the slowest last.

  Args:
    sizes: how much is checked.
    place: a folder for clips, stores and runs.
    has_gpu: whether there is one.
  """
  yield Check("devices", "memory growth", 60.0, gpu_checks.memory_growth, place="own")
  for system in systems.SYSTEMS:
    name = f"log-mels of {system}, beside"
    for other, *arguments in (
      ("the CPU's", False),
      ("arrays of other code", True),
      ("the CPU's, in TensorFloat-32", False, True),
    ):
      yield Check("log_mels", f"{name} {other}", 60.0, gpu_checks.log_mels, (system, *arguments))
  for name in _VIEW_STEPS:
    yield Check("views", f"view: {name}", 60.0, gpu_checks.view_step, (name, sizes.batch))
  yield from _trainings(sizes)
  yield Check("resuming", "resuming", 240.0, gpu_speed.resuming, (place,), "here")
  largest = max(sizes.batch_sizes)
  for system in sizes.systems:
    arguments = (system, largest, place)
    yield Check("input", f"input of {system}", 90.0, gpu_speed.input_rate, arguments)
  arguments = (sizes.model, sizes.hours, place, has_gpu)
  name = f"embedding with {sizes.model}"
  yield Check("embedding", name, 120.0, gpu_speed.embedding, arguments, "here")
  yield from _speeds(sizes, place, has_gpu)


def _trainings(sizes: Sizes) -> Iterator[Check]:
  for system in systems.SYSTEMS:
    for precision in PRECISIONS[:3]:
      arguments = (system, precision, sizes.steps, sizes.batch)
      name = f"training of {system} in {precision}, beside float32 on the CPU"
      yield Check("training", name, 120.0, gpu_checks.training, arguments)
  for system in systems.SYSTEMS:
    arguments = (system, sizes.steps, sizes.batch)
    name = f"training of {system} with XLA, beside the same without"
    yield Check("xla", name, 150.0, gpu_checks.xla, arguments)


def _speeds(sizes: Sizes, place: str, has_gpu: bool) -> Iterator[Check]:
  """Yields small batches first, as time may end, and the middle one with other fields last.

  A GPU forgets the memory of the check before; of a CPU, only a process of its own tells its peak.
  """
  for name, fields in _loops(sizes):
    for system in sizes.systems:
      arguments = (system, sizes.encoder, fields, sizes.timed_steps, place)
      where = "shared" if has_gpu else "own"
      yield Check("speed", f"loop of {system}, {name}", 150.0, gpu_speed.loop, arguments, where)


def _loops(sizes: Sizes) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields what the rows of the loops are called, and their fields."""
  for size in sizes.batch_sizes:
    if "whole" in sizes.loops:
      yield f"batch {size}", {"batch_size": size}
    if "microbatch" in sizes.loops:
      part = size // sizes.parts
      yield f"batch {size}, microbatch {part}", {"batch_size": size, "microbatch": part}
  middle = sorted(sizes.batch_sizes)[len(sizes.batch_sizes) // 2]
  for name in sizes.loops:
    if LOOPS[name]:
      yield f"batch {middle}, {name}", {"batch_size": middle, **LOOPS[name]}


def show(rows: Sequence[tuple[str, Finding]]) -> None:
  """Prints the table."""
  print()
  headings = ["check", "what was found", "verdict", "why"]
  cells = [[name, found.found, found.verdict, found.why] for name, found in rows]
  markdown_table.show(headings, cells)


def _sizes() -> Sizes:
  """Returns what the flags say."""
  try:
    batch_sizes = tuple(map(int, FLAGS.batch_sizes))
  except ValueError:
    batch_sizes = ()
  if not batch_sizes or min(batch_sizes) < 2 * FLAGS.parts:
    raise UserError(
      f"--batch_sizes={','.join(FLAGS.batch_sizes)}: write whole numbers of at least "
      f"{2 * FLAGS.parts}, separated by commas"
    )
  return Sizes(
    batch=FLAGS.batch,
    steps=FLAGS.steps,
    batch_sizes=batch_sizes,
    parts=FLAGS.parts,
    timed_steps=FLAGS.timed_steps,
    encoder=FLAGS.encoder,
    hours=FLAGS.hours,
    model=FLAGS.model,
    systems=tuple(FLAGS.systems),
    loops=tuple(FLAGS.loops),
  )


def _define_flags() -> None:
  with flag_group("Checks"):
    flags.DEFINE_list("checks", list(GROUPS), "Which of those above.")
    flags.DEFINE_float("minutes", 9.5, "Checks that would start later wait for another call.", 0.1)
    flags.DEFINE_string("output", None, "CSV file to which rows are written as they come.")
  with flag_group("Numbers"):
    flags.DEFINE_integer("batch", 32, "Pairs of the checks of views and trainings.", 4)
    flags.DEFINE_integer("steps", 50, "Steps of the trainings.", 1)
  with flag_group("Speed"):
    flags.DEFINE_list("systems", list(systems.SYSTEMS), "Those of input and loops.")
    flags.DEFINE_list("loops", list(LOOPS), "What differs from the recipes; whole: nothing.")
    flags.DEFINE_list("batch_sizes", ["256", "1024", "4096"], "Pairs of a step.")
    flags.DEFINE_integer("parts", 4, "Parts of a batch, with --microbatch.", 2)
    flags.DEFINE_integer("timed_steps", 8, "Steps of a turn; there are two turns.", 2)
    flags.DEFINE_string("encoder", None, "In place of those of the papers.")
    flags.DEFINE_float("hours", 1.0, "Hours of audio that are embedded.", 0.001)
    flags.DEFINE_string("model", "random:efficientnet_b0", "Embeds them, as in downstream.embed.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
