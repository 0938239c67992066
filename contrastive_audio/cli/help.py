"""What --help prints: the command, examples, and its own flags in groups, required ones first."""

import contextlib
import re
import textwrap
from collections.abc import Iterator, Sequence

from absl import flags

HELP_FLAGS = frozenset({"-h", "-help", "--help", "--helpshort", "--helpfull"})
REQUIRED = "Required"
_WIDTH = 100
_groups: dict[str, list[str]] = {}  # title -> names of flags, in the order of their definition
_KINDS = {"int": "N", "float": "NUMBER", "comma separated list of strings": "A,B,..."}


@contextlib.contextmanager
def flag_group(title: str) -> Iterator[None]:
  """Lists the flags that the block defines under a title.

  Example:
    >>> with flag_group("Music"):
    ...   _ = flags.DEFINE_integer("beats_per_minute", 120, "Tempo.")
    >>> print(flags_text())
    Music:
      --beats_per_minute=N  Tempo. Default: 120.
    >>> forget_flags()
  """
  before = set(flags.FLAGS)
  yield
  names = [name for name in flags.FLAGS if name not in before]
  _groups.setdefault(title, []).extend(names)


def own_flags() -> list[str]:
  """Returns the names of the flags of all groups, without absl's own.

  Example:
    >>> own_flags()
    []
  """
  return [name for names in _groups.values() for name in names]


def forget_flags() -> None:
  """Removes the flags of all groups, so that one process can run several commands.

  Example:
    >>> forget_flags()
  """
  flags.FLAGS.remove_flag_values(own_flags())
  _groups.clear()


def help_text(description: str, examples: Sequence[str]) -> str:
  """Returns the whole help of a command.

  Args:
    description: docstring of its module.
    examples: complete commands.

  Example:
    >>> print(help_text("python -m tune: tunes.", ["python -m tune --key=A"]))
    python -m tune: tunes.
    <BLANKLINE>
    Examples:
      python -m tune --key=A
  """
  shown = "\n".join(f"  {example}" for example in examples)
  parts = [description.strip(), f"Examples:\n{shown}", flags_text()]
  return "\n\n".join(filter(None, parts))


def flags_text() -> str:
  """Returns all groups of flags as text; see `flag_group`.

  Example:
    >>> flags_text()
    ''
  """
  titles = sorted(
    _groups, key=lambda title: title != REQUIRED
  )  # stable: the others keep their order
  return "\n\n".join(_group_text(title, _groups[title]) for title in titles if _groups[title])


def _group_text(title: str, names: list[str]) -> str:
  lines = [f"{title}:"]
  for name in names:
    flag = flags.FLAGS[name]
    if flag.name != name:
      continue  # an alias
    lines.append(_flag_text(flag))
  return "\n".join(lines)


def _flag_text(flag: flags.Flag) -> str:
  head = f"  --{'[no]' if flag.boolean else ''}{flag.name}{_value_text(flag)}"
  text = " ".join(filter(None, [_purpose(flag), _choices_text(flag), _default_text(flag)]))
  if len(head) + 2 + len(text) <= _WIDTH:
    return f"{head}  {text}"
  indent = " " * 6
  return f"{head}\n{textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)}"


def _purpose(flag: flags.Flag) -> str:
  """The help of a flag without what absl adds to it."""
  text = re.sub(r"^<[^>]*>: ", "", flag.help or "")
  text = re.sub(r";\s+repeat this option to specify a list of values$", "", text)
  return f"{text} May be repeated." if isinstance(flag, flags.MultiFlag) else text


def _value_text(flag: flags.Flag) -> str:
  if flag.boolean:
    return ""
  return f"={_KINDS.get(flag.flag_type(), 'VALUE')}"


def _choices_text(flag: flags.Flag) -> str:
  choices = getattr(flag.parser, "enum_values", None)
  return f"One of {', '.join(choices)}." if choices else ""


def _default_text(flag: flags.Flag) -> str:
  if flag.default is None or flag.default == [] or flag.boolean:
    return ""
  values = flag.default if isinstance(flag.default, list) else [flag.default]
  return f"Default: {','.join(map(str, values))}."
