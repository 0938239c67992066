"""Which flags of `downstream.tables` go together, and which tasks there are."""

import dataclasses
import os
from collections.abc import Sequence

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.errors import UserError
from downstream import protocols
from downstream.cards.all_cards import CARDS
from downstream.papers import methods
from downstream.papers.measurement import LaboratoryRequest
from downstream.papers.table import Table

# Tables whose rows differ in what a flag would set for all of them.
OWN_CHOICES = {
  "batch_size": ("cola_batch_size", "cola_batch_clips"),
  "encoder": ("mixback_linear", "mixback_finetune"),
}
# Flags of pre-trainings, which the models of --table=suite have behind them.
TRAINING_FLAGS = (
  *("steps", "batch_size", "epoch_steps", "encoder", "microbatch"),
  *("pretraining_dataset", "pretraining_tasks"),
)


def require_used_flags() -> None:
  """Refuses flags that the table would ignore.

  Raises:
    UserError: which, and why.

  Example:
    >>> from absl import flags
    >>> from contrastive_audio.cli.help import forget_flags, flag_group
    >>> with flag_group("Table"):
    ...   _ = [flags.DEFINE_string(name, None, "") for name in ("table", *TRAINING_FLAGS)]
    >>> _ = FLAGS(["tables", "--table=suite", "--steps=7"])
    >>> require_used_flags()
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --steps: --table=suite trains nothing; leave it out
    >>> forget_flags()
  """
  for name, tables in OWN_CHOICES.items():
    if FLAGS[name].present and FLAGS.table in tables:
      raise UserError(f"--{name}: the rows of --table={FLAGS.table} have their own; leave it out")
  if FLAGS.table == "suite":
    if given := [name for name in TRAINING_FLAGS if FLAGS[name].present]:
      raise UserError(f"--{given[0]}: --table=suite trains nothing; leave it out")
  elif FLAGS.models:
    raise UserError(f"--models is for --table=suite: --table={FLAGS.table} has rows of its own")
  if FLAGS.pretraining_tasks and FLAGS.suite != "small":
    raise UserError(
      f"--pretraining_tasks is for --suite=small: --suite={FLAGS.suite} pre-trains on "
      "--pretraining_dataset"
    )
  if FLAGS.pretraining_tasks and FLAGS.pretraining_dataset:
    raise UserError("--pretraining_tasks and --pretraining_dataset: only one of them can pre-train")


def require_used_protocol(table: Table, request: LaboratoryRequest, seed: int) -> None:
  """Refuses flags of trainings on labels that no row of the table would use.

  Args:
    table: its rows.
    request: which protocol, and how many epochs.
    seed: stands for {seed} in the name of a model.

  Raises:
    UserError: which, and why.

  Example:
    >>> from absl import flags
    >>> from contrastive_audio.cli.help import forget_flags, flag_group
    >>> from downstream.papers.table import Variant
    >>> with flag_group("Table"):
    ...   _ = [flags.DEFINE_string(name, None, "") for name in ("table", "protocol", "epochs")]
    >>> _ = FLAGS(["tables", "--table=mine", "--protocol=cached"])
    >>> table = Table("mine", [Variant("one", "logmel_stats", method="knn")], ("musan",))
    >>> require_used_protocol(table, LaboratoryRequest("tables"), seed=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --protocol: the rows of --table=mine have their own; ...
    >>> forget_flags()
  """
  rows = table.measured_rows(seed)
  if FLAGS.epochs and not any(methods.excerpt_options(row, request, name, 0) for row, name in rows):
    raise UserError(
      f"--epochs: no row of --table={FLAGS.table} with --protocol={request.protocol} trains in "
      "epochs; leave it out"
    )
  by_paper, cached = (
    [methods.describe(row, dataclasses.replace(request, protocol=each), name) for row, name in rows]
    for each in (protocols.PAPER, protocols.CACHED)
  )
  if FLAGS.protocol and by_paper == cached:
    raise UserError(f"--protocol: the rows of --table={FLAGS.table} have their own; leave it out")


def parse_name(name: str | None, parts: Sequence[str | None]) -> str:
  """Checks the flag --name, that of the table's files.

  Args:
    name: its value, if it was given.
    parts: of the name by default.

  Raises:
    UserError: it names a folder.

  Example:
    >>> parse_name(None, ["suite", "open", None])
    'suite-open'
    >>> parse_name("mine/table", [])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --name=mine/table: it is a name in --runs_dir, ...
  """
  if name and os.path.basename(name) != name:
    raise UserError(f"--name={name}: it is a name in --runs_dir, so it has no folder")
  return (name or "-".join(filter(None, parts))).replace(":", "-")


def parse_tasks(names: Sequence[str] | None) -> Sequence[str] | None:
  """Checks the flag --tasks.

  Args:
    names: of tasks; None: those of the table.

  Raises:
    UserError: there is no such task, or it is named twice.

  Example:
    >>> parse_tasks(["esc50", "musan"])
    ['esc50', 'musan']
  """
  for number, name in enumerate(names or ()):
    if name not in CARDS:
      raise UserError(f"--tasks: there is no {name!r}; python -m downstream.tasks lists them")
    if name in (names or ())[:number]:
      raise UserError(f"--tasks: {name} is named twice; it would count twice in the average")
  return names
