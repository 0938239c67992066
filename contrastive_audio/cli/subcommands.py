"""contrastive-audio SUBCOMMAND: runs any command of the installed packages.

Packages register their commands as entry points of the group GROUP, so that this module knows none
of them by name.
"""

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence

from contrastive_audio.cli.help import HELP_FLAGS

GROUP = "contrastive_audio.subcommands"


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the subcommand that the first argument names.

  Args:
    argv: name of the program, the subcommand, its flags; None: those of this process.

  Raises:
    SystemExit: with code 0 after --help and --version, 1 if there is no such subcommand.
  """
  program, *arguments = sys.argv if argv is None else argv
  commands = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
  if not arguments or arguments[0] in HELP_FLAGS:
    print(f"contrastive-audio SUBCOMMAND --help\n\n{_list(commands)}")
    sys.exit(0)
  name, *flags = arguments
  if name == "--version":
    print(f"contrastive-audio {importlib.metadata.version('contrastive-audio')}")
    sys.exit(0)
  if name not in commands:
    listed = ", ".join(sorted(commands))
    print(f"error: there is no subcommand {name!r}; there are {listed}", file=sys.stderr)
    sys.exit(1)
  commands[name].load()([f"{program} {name}", *flags])


def _list(commands: Mapping[str, importlib.metadata.EntryPoint]) -> str:
  """One line for each subcommand: its name and what its module says it does."""
  lines = []
  for name, entry in sorted(commands.items()):
    docstring = importlib.import_module(entry.module).__doc__ or ""
    _, _, purpose = docstring.splitlines()[0].partition(": ")
    lines.append(f"  {name:<16}{purpose}")
  return "\n".join(lines)
