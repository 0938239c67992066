"""contrastive-audio SUBCOMMAND: runs any command of the installed packages.

Packages register their commands as entry points of the group GROUP, so that this module knows none
of them by name.
"""

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence

from contrastive_audio.cli.endings import in_one_line
from contrastive_audio.cli.help import HELP_FLAGS
from contrastive_audio.errors import UserError

GROUP = "contrastive_audio.subcommands"


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the subcommand that the first argument names.

  Args:
    argv: name of the program, the subcommand, its flags; None: those of this process.

  Raises:
    SystemExit: with code 0 after --help and --version, 1 if there is no such subcommand.
  """
  program, *arguments = sys.argv if argv is None else argv
  with in_one_line():
    command = _find(arguments)
  command.load()([f"{program} {arguments[0]}", *arguments[1:]])


def _find(arguments: Sequence[str]) -> importlib.metadata.EntryPoint:
  """Returns the command that the arguments name; answers --help and --version."""
  commands = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
  if not arguments or arguments[0] in HELP_FLAGS:
    print(f"contrastive-audio SUBCOMMAND --help\n\n{_list(commands)}")
    sys.exit(0)
  if arguments[0] == "--version":
    print(f"contrastive-audio {importlib.metadata.version('contrastive-audio')}")
    sys.exit(0)
  if arguments[0] not in commands:
    listed = ", ".join(sorted(commands))
    raise UserError(f"there is no subcommand {arguments[0]!r}; there are {listed}")
  return commands[arguments[0]]


def _list(commands: Mapping[str, importlib.metadata.EntryPoint]) -> str:
  """One line for each subcommand: its name and what its module says it does."""
  lines = []
  for name, entry in sorted(commands.items()):
    docstring = importlib.import_module(entry.module).__doc__ or ""
    _, _, purpose = docstring.splitlines()[0].partition(": ")
    lines.append(f"  {name:<16}{purpose}")
  return "\n".join(lines)
