"""One aligned line of output for each fact: a label, then the text."""

from contrastive_audio.utils.words import one_line

LABEL_WIDTH = 10


def line(label: str, text: object) -> None:
  """Prints a label and a text, at once.

  Example:
    >>> line("data", "12 audio files")
    data       12 audio files
  """
  print(f"{label:<{LABEL_WIDTH}} {one_line(text)}", flush=True)
