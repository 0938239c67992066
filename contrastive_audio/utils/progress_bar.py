"""One look for all progress bars: tqdm, sparing where the output is a file."""

import sys

import tqdm


def make(total, description, unit, stream=None, initial=0, shown=True):
  """Makes a progress bar.

  Args:
    total: number of units.
    description: what is going on.
    unit: name of one unit.
    stream: where to; None: standard error.
    initial: units done before.
    shown: whether it is to be seen.

  Returns:
    A tqdm bar, to be used as a context manager.
  """
  stream = stream or sys.stderr
  return tqdm.tqdm(
    total=total,
    initial=initial,
    desc=description,
    unit=f" {unit}s",
    file=stream,
    **({} if shown else {"disable": True}),  # otherwise TQDM_DISABLE decides
    dynamic_ncols=True,
    mininterval=0.2 if stream.isatty() else 30,
  )
