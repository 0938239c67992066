"""python -m contrastive_audio.presets: lists the trained encoders that come with the package.

Wherever a command takes --model, and the train commands --init, preset:NAME means one of them. In
Python it is contrastive_audio.load("NAME").
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.utils import presets

EXAMPLES = (
  "python -m contrastive_audio.presets",
  "python -m contrastive_audio.presets --preset=NAME",
)


def main(_: Sequence[str]) -> None:
  name = FLAGS.preset
  if name is not None:
    print(presets.read_card(name.removeprefix(presets.PRESET)).text)
    return
  names = presets.preset_names()
  if not names:
    line("presets", presets.no_presets())
  for preset in names:
    _show(preset)


def _show(name: str) -> None:
  card = presets.read_card(name)
  line("preset", f"{name}: {card.summary}")
  line("licence", card.licence)
  line("size", f"{presets.size_mb(name):.1f} MB, {card.embedding_size}-d embeddings")
  line("scores", card.scores)
  line("use", f"--model={presets.PRESET}{name}")
  print()


def _define_flags() -> None:
  with flag_group("Presets"):
    flags.DEFINE_string("preset", None, "Show the card of this one; by default all are listed.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
