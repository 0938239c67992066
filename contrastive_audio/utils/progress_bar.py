"""One look for all progress bars and for stages that cannot tell how far they are.

On a terminal and in a notebook a bar moves; a log gets a line when something begins, one a minute,
and one at the end. TQDM_DISABLE=1 silences all of it.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

import tqdm

Item = TypeVar("Item")

_EVERY_S = {"terminal": 0.2, "notebook": 1.0, "log": 60.0}
_COUNT = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {speed}]"
_BAR = "{desc}: {percentage:3.0f}%|{bar}| " + _COUNT
_LINE = "{desc}: " + _COUNT


class _Bar(tqdm.tqdm):
  """A tqdm bar whose speed has the unit that reads well: steps a second, or seconds a step."""

  @property
  def format_dict(self) -> dict[str, Any]:
    values = super().format_dict
    done, elapsed_s = values["n"] - values["initial"], values["elapsed"]
    rate = values["rate"] or (done / elapsed_s if elapsed_s else 0)
    return values | {"speed": speed(rate, values["unit"])}


class _Log(_Bar):
  """A bar in a file: whole lines, and nothing that moves the cursor."""

  @staticmethod
  def status_printer(file: TextIO) -> Any:
    def write(text: str) -> None:
      if text:
        file.write(f"{text}\n")
        file.flush()

    return write

  def refresh(self, nolock: bool = False, lock_args: tuple | None = None) -> bool:
    """Writes a line, but none because somebody else has written one."""
    return not nolock and super().refresh(nolock, lock_args)

  def moveto(self, n: int) -> None:
    """Stays on its line."""

  def clear(self, nolock: bool = False) -> None:
    """Leaves what is written."""

  def close(self) -> None:
    """Writes the last line, unless the bar was to vanish."""
    if not getattr(self, "disable", True):
      self.disable: bool = True
      self._decr_instances(self)
      if self.leave:
        self.sp(str(self))


def make(
  total: float | None,
  description: str,
  unit: str,
  stream: TextIO | None = None,
  initial: float = 0,
  shown: bool = True,
  leave: bool = True,
) -> tqdm.tqdm:
  """Creates a progress bar.

  Args:
    total: number of units, a float if there are parts of them; None: unknown.
    description: what is going on.
    unit: name of one unit, in the singular.
    stream: where to draw the bar; None: standard error.
    initial: units that are done already.
    shown: whether to draw the bar at all.
    leave: whether it stays when it is done.

  Returns:
    A tqdm bar, to be used as a context manager. What else changes while it runs belongs into its
    description (`set_description_str`): a narrow terminal cuts off the end.

  Example:
    >>> import io
    >>> stream = io.StringIO()
    >>> with make(2, "decoding", "clip", stream) as bar:
    ...   _ = bar.update(2)
    >>> print(stream.getvalue())
    decoding: 0/2 [00:00<?, ? clips/s]
    decoding: 2/2 [00:00<00:00, ... clips/s]
    <BLANKLINE>
  """
  stream = stream or sys.stderr
  kind = kind_of(stream)
  bar_class = _Log if kind == "log" else _Bar
  return bar_class(
    total=total,
    initial=initial,
    desc=description,
    unit=f"{unit}s",
    unit_scale=isinstance(total, float),  # three digits of the number
    file=stream,
    **({} if shown else {"disable": True}),  # otherwise TQDM_DISABLE decides
    dynamic_ncols=True,
    leave=leave,
    bar_format=_LINE if kind == "log" else _BAR,
    mininterval=_EVERY_S[kind],
    miniters=1,  # time alone decides: tqdm would guess, and correct its guess every ten seconds
  )


def counting(items: Iterable[Item], bar: tqdm.tqdm) -> Iterator[Item]:
  """Yields items; a bar counts each of them once the next one is asked for.

  Args:
    items: in any number.
    bar: from `make`.

  Example:
    >>> with make(2, "adding", "number", shown=False) as bar:
    ...   sum(counting([3, 4], bar))
    7
  """
  for item in items:
    yield item
    bar.update()


@contextlib.contextmanager
def stage(description: str, stream: TextIO | None = None, shown: bool = True) -> Iterator[None]:
  """Says what is going on while that takes, and then how long it took.

  Nothing else should be written meanwhile: it all stands on one line.

  Args:
    description: what is going on.
    stream: where to say so; None: standard error.
    shown: whether to say anything at all.

  Example:
    >>> with stage("exporting the SavedModel", sys.stdout):
    ...   pass
    exporting the SavedModel ... 0.0 s
  """
  stream = stream or sys.stderr
  if not shown or is_silenced():
    yield
    return
  started_s = time.perf_counter()
  stream.write(f"{description} ...")
  stream.flush()
  try:
    yield
    stream.write(f" {time.perf_counter() - started_s:.1f} s")
  finally:
    stream.write("\n")
    stream.flush()


def is_silenced() -> bool:
  """Whether TQDM_DISABLE asks for no progress, as tqdm reads it.

  Example:
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, TQDM_DISABLE="1"):
    ...   is_silenced()
    True
  """
  return os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false")


def kind_of(stream: TextIO) -> str:
  """Returns what a stream is shown on: "terminal", "notebook" or "log".

  Args:
    stream: standard error, for example.

  Example:
    >>> import io
    >>> kind_of(io.StringIO())
    'log'
  """
  if type(stream).__module__.startswith("ipykernel"):  # its isatty is False
    return "notebook"
  return "terminal" if stream.isatty() else "log"


def speed(rate: float, units: str) -> str:
  """Returns a speed in words.

  Args:
    rate: units per second; 0: not known yet.
    units: their name, in the plural.

  Example:
    >>> speed(5.891, "steps"), speed(0.4, "hours"), speed(0, "clips")
    ('5.9 steps/s', '2.5 s/hour', '? clips/s')
  """
  if not rate:
    return f"? {units}/s"
  if rate < 1:
    return f"{1 / rate:.1f} s/{units.removesuffix('s')}"
  return f"{rate:,.0f} {units}/s" if rate >= 100 else f"{rate:.1f} {units}/s"
