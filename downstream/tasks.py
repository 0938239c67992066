"""python -m downstream.tasks: lists the task cards.

A card says which clips train and which test, how the task is scored, and which published numbers
can be compared. Your own data set is a task, too: pass its path, or the name of a data set of
tensorflow-datasets, as --task to downstream.linear, knn or finetune.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError

EXAMPLES = (
  "python -m downstream.tasks",
  "python -m downstream.tasks --task=librispeech_speaker",
)


def main(_: Sequence[str]) -> None:
  name = FLAGS.task
  from downstream.cards.all_cards import CARDS  # late: --help does not need them

  if name and name not in CARDS:
    raise UserError(f"--task={name}: there is no such card; there are {', '.join(CARDS)}")
  for card in [CARDS[name]] if name else CARDS.values():
    for title, text in card.lines():
      line(title, text)
    print()


def _define_flags() -> None:
  with flag_group("Tasks"):
    flags.DEFINE_string("task", None, "Name of a card; by default all are shown.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
