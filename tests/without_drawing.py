"""Pictures stay blank: drawing takes a quarter of the time of a tiny training.

`python -m tests.without_drawing MODULE ...` runs a command like this; MODULE may be a script, X.py.
"""

import io
import runpy
import sys

from matplotlib.figure import Figure


def blank_savefig():
  """Returns what replaces `Figure.savefig`: it writes a picture without content."""
  blank = io.BytesIO()
  Figure(figsize=(1, 1)).savefig(blank, format="png")

  def savefig(figure, path, **options):
    with open(path, "wb") as file:
      file.write(blank.getvalue())

  return savefig


if __name__ == "__main__":
  Figure.savefig = blank_savefig()
  del sys.argv[0]
  if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
  else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
