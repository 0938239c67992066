"""Which flags of `downstream.tables` go together, and which tasks there are."""

from collections.abc import Sequence

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.errors import UserError
from downstream.cards.all_cards import CARDS

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
