"""One label with its times, and the lines of the text files that hold such labels."""

import dataclasses

from contrastive_audio.errors import UserError
from contrastive_audio.utils.text_files import encoding_of, refuse


@dataclasses.dataclass(frozen=True)
class Annotation:
  """A labelled stretch of a recording.

  Attributes:
    start_s: where it begins, in seconds from the start of its file.
    stop_s: where it ends.
    label: its text, or None.
    low_hz: lower bound of its frequencies; None: not known.
    high_hz: upper bound.
    file: name or path of its recording, as the label file has it; None: that does not say.
    score: how sure whatever found it is; None: not known.

  Example:
    >>> Annotation(1.5, 3.0, "wren").file is None
    True
  """

  start_s: float
  stop_s: float
  label: str | None = None
  low_hz: float | None = None
  high_hz: float | None = None
  file: str | None = None
  score: float | None = None


def read_cells(path: str) -> list[tuple[int, list[str]]]:
  """Returns (number of the line, its cells) of a file that tabs separate; empty lines are left out.

  Quotation marks mean nothing: the programs that write such files do not use them.

  Args:
    path: of the file.

  Raises:
    UserError: it cannot be read.

  Example:
    >>> with open("labels.txt", "w") as file:
    ...   _ = file.write('0.5\\t1.0\\t"wren"\\n')
    >>> read_cells("labels.txt")
    [(1, ['0.5', '1.0', '"wren"'])]
  """
  try:
    with open(path, encoding=encoding_of(path)) as file:
      lines = file.read().split("\n")
  except (OSError, UnicodeError) as error:
    refuse(path, error)
  return [
    (number, [cell.strip() for cell in line.split("\t")])
    for number, line in enumerate(lines, start=1)
    if line.strip()
  ]


def parse_number(where: str, what: str, text: str) -> float:
  """Reads a number of a label file.

  Args:
    where: file and line, for the message.
    what: it is, for the message.
    text: of the cell.

  Raises:
    UserError: it is none.

  Example:
    >>> parse_number("labels.txt, line 1", "start", "0,5")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: labels.txt, line 1: the start '0,5' is no number
  """
  try:
    return float(text)
  except ValueError:
    raise UserError(f"{where}: the {what} {text!r:.40} is no number") from None


def one_cell(label: str | None) -> str:
  """Returns a label as a cell of such a file, which neither tabs nor line ends may be in.

  Args:
    label: the label.

  Example:
    >>> one_cell("wren\\tmale"), one_cell(None)
    ('wren male', '')
  """
  return " ".join((label or "").split())
