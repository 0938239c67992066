"""Numbers with their nouns."""


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
