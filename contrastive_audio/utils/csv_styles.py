"""How a CSV file of somebody else is written, so that it can be written again in the same way."""

import codecs
import dataclasses
from collections.abc import Iterable

from contrastive_audio.utils.text_files import WINDOWS, encoding_of, is_windows, refuse

_ORDERS = {  # the order of bytes, which the names of the encodings with a mark leave open
  codecs.BOM_UTF32_LE: "utf-32-le",
  codecs.BOM_UTF32_BE: "utf-32-be",
  codecs.BOM_UTF16_LE: "utf-16-le",
  codecs.BOM_UTF16_BE: "utf-16-be",
  codecs.BOM_UTF8: "utf-8",
}
_BYTE_ORDER_MARK = "\ufeff"
SEPARATOR_LINE = "sep="  # what the first line of a file begins with that Excel is to read


@dataclasses.dataclass(frozen=True)
class CsvStyle:
  r"""What there is in a CSV file beside its cells; by default, that of our own files.

  Attributes:
    delimiter: what separates cells.
    encoding: of the text, without the byte order mark.
    start: what stands before the header: a byte order mark, Excel's line "sep=;", both or nothing.
    line_end: of all lines.
    decimal: what stands before the decimals of numbers.

  Example:
    >>> CsvStyle(";", "cp1252").can_hold("Möwe"), CsvStyle(";", "cp1252").can_hold("чайка")
    (True, False)
  """

  delimiter: str = ","
  encoding: str = "utf-8"
  start: str = ""
  line_end: str = "\r\n"
  decimal: str = "."

  def can_hold(self, text: str) -> bool:
    """Whether a text of a cell can be written, and is read again as it was.

    Args:
      text: of the cell.
    """
    try:
      content = text.encode(self.encoding)
    except UnicodeEncodeError:
      return False
    return self.encoding != WINDOWS or is_windows(content)


def style_of(path: str, delimiter: str, numbers: Iterable[str] = ()) -> CsvStyle:
  r"""Returns how a file is written.

  Args:
    path: of the file.
    delimiter: that its reader has found.
    numbers: cells of it. They tell whether it has decimal commas; if none has decimals, it does
      with semicolons: spreadsheets separate by them where commas begin the decimals.

  Raises:
    UserError: it cannot be read.

  Example:
    >>> with open("list.csv", "w", encoding="utf-8-sig", newline="") as file:
    ...   _ = file.write("sep=;\r\nfile;label\r\n")
    >>> style = style_of("list.csv", ";", numbers=["1", "0,5"])
    >>> style.encoding, style.start, style.line_end, style.decimal
    ('utf-8', '\ufeffsep=;\r\n', '\r\n', ',')
  """
  encoding = encoding_of(path)
  try:
    with open(path, "rb") as file:
      first = file.read(max(map(len, _ORDERS)))
    mark = next((mark for mark in _ORDERS if first.startswith(mark)), None)
    with open(path, newline="", encoding=encoding) as file:
      line = file.readline()
  except (OSError, UnicodeError) as error:
    refuse(path, error)
  start = _BYTE_ORDER_MARK if mark else ""
  start += line if line.lstrip('" ').startswith(SEPARATOR_LINE) else ""
  line_end = line[len(line.rstrip("\r\n")) :] or CsvStyle.line_end
  encoding = _ORDERS[mark] if mark else encoding
  return CsvStyle(delimiter, encoding, start, line_end, _decimal(delimiter, numbers))


def _decimal(delimiter: str, numbers: Iterable[str]) -> str:
  seen = set("".join(numbers)) & {",", "."}
  has_commas = "," in seen or (delimiter == ";" and not seen)
  return "," if has_commas else CsvStyle.decimal
