"""Words of messages: numbers with their nouns and units, single lines."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def counted(number: int, singular: str, plural: str | None = None) -> str:
  """Returns a number and its noun.

  Args:
    number: how many.
    singular: the noun for one.
    plural: the noun otherwise; None: the singular with an s.

  Example:
    >>> counted(1, "clip"), counted(12, "clip"), counted(2, "class", "classes")
    ('1 clip', '12 clips', '2 classes')
  """
  return f"{number} {singular if number == 1 else plural or singular + 's'}"


def about(seconds: float) -> str:
  """Returns a duration as a person says it.

  Args:
    seconds: how long.

  Example:
    >>> about(8.4), about(350), about(9000), about(400_000)
    ('8 s', '6 min', '2.5 h', '4.6 days')
  """
  seconds = max(seconds, 1)
  for unit, length_s, limit, digits in (("s", 1, 90, 0), ("min", 60, 90, 0), ("h", 3600, 48, 1)):
    if seconds < limit * length_s:
      return f"{seconds / length_s:.{digits}f} {unit}"
  return f"{seconds / 86_400:.1f} days"


def duration(hours: float) -> str:
  """Returns a duration in the unit that shows it.

  Args:
    hours: how long.

  Example:
    >>> duration(1.5), duration(0.5), duration(2.12 / 3600)
    ('1.5 h', '30.0 min', '2.1 s')
  """
  if hours >= 1:
    return f"{hours:.1f} h"
  return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"


def tenths(value: float, sign: str = "-") -> str:
  """Returns a number with one digit after the point; what rounds to nothing has no minus.

  Args:
    value: the number.
    sign: "+": positive numbers have a sign, too; "-": only negative ones.

  Example:
    >>> tenths(3.25), tenths(3.25, "+"), tenths(-0.04), tenths(-0.06, "+")
    ('3.2', '+3.2', '0.0', '-0.1')
  """
  return f"{float(f'{value:.1f}') + 0.0:{sign}.1f}"  # -0.0 + 0.0 is 0.0


def one_line(text: object) -> str:
  """Returns a text whose control characters, line breaks among them, are written as escapes.

  A name of a file may hold them: they would break a line, or command the terminal.

  Args:
    text: what is to be shown.

  Example:
    >>> print(one_line("two\\nlines, \\x1b[31mred"))
    two\\nlines, \\x1b[31mred
  """
  return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], str(text))
