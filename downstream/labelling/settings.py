"""What a labelling begins with, and what classes may be called."""

import dataclasses

from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

STRATEGIES = ("top", "uncertain", "diverse", "random")  # see strategies
NEGATIVE = "other"  # class of what belongs to no other
FIRST_MARKS = 5  # of the class of an example; then what is unlike it is asked about, too
HOST = "127.0.0.1"  # where the page is: on this machine only
_LONGEST_NAME = 80


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a labelling begins with.

  Attributes:
    strategy: one of STRATEGIES; None: what the examples are like, if there are any, until each of
      their classes has FIRST_MARKS marks, or twice as many windows are marked; then `uncertain`.
    classes: names of classes, see `require_class_name`, in the order of their keys.
    negative: the class of what belongs to no other.
    seed: of what is drawn.

  Example:
    >>> Settings("random").negative
    'other'
  """

  strategy: str | None = None
  classes: tuple[str, ...] = ()
  negative: str = NEGATIVE
  seed: int = 0


def require_class_name(name: str) -> str:
  """Returns the name of a class without spaces around it.

  Args:
    name: as it was typed.

  Raises:
    UserError: it cannot be one: it is empty, too long, or a table could not hold it.

  Example:
    >>> require_class_name(" song thrush ")
    'song thrush'
    >>> require_class_name("wren;rain")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: the class 'wren;rain': ...
  """
  name = name.strip()
  if not name or len(name) > _LONGEST_NAME:
    raise UserError(f"the class {name!r:.90}: a name has 1 to {_LONGEST_NAME} characters")
  if LABEL_SEPARATOR in name or not name.isprintable():
    raise UserError(
      f"the class {name!r}: a name has no {LABEL_SEPARATOR!r}, which separates several labels, and "
      "no control characters"
    )
  return name
