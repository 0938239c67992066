"""One look for all progress bars: tqdm, with few updates where the output is a file."""

import sys
from typing import TextIO

import tqdm


def make(
  total: float | None,
  description: str,
  unit: str,
  stream: TextIO | None = None,
  initial: float = 0,
  shown: bool = True,
) -> tqdm.tqdm:
  """Creates a progress bar.

  Args:
    total: number of units, a float if there are parts of them; None: unknown.
    description: what is going on.
    unit: name of one unit, in the singular.
    stream: where to draw the bar; None: standard error.
    initial: units that are done already.
    shown: whether to draw the bar at all.

  Returns:
    A tqdm bar, to be used as a context manager.

  Example:
    >>> import io
    >>> stream = io.StringIO()
    >>> with make(2, "decoding", "clip", stream) as bar:
    ...   _ = bar.update(2)
    >>> "decoding: 100%" in stream.getvalue()
    True
  """
  stream = stream or sys.stderr
  return tqdm.tqdm(
    total=total,
    initial=initial,
    desc=description,
    unit=f" {unit}s",
    unit_scale=isinstance(total, float),  # three digits of the number
    file=stream,
    **({} if shown else {"disable": True}),  # otherwise TQDM_DISABLE decides
    dynamic_ncols=True,
    mininterval=0.2 if stream.isatty() else 30,
  )
