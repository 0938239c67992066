"""One aligned line of output for each fact: a label, then the text."""

LABEL_WIDTH = 10


def line(label: str, text: object) -> None:
  """Prints a label and a text, at once.

  Example:
    >>> line("data", "12 audio files")
    data       12 audio files
  """
  print(f"{label:<{LABEL_WIDTH}} {text}", flush=True)
