"""Values that no flag has a use for: nothing, no number, and numbers that fit no computer.

Nor two lists: absl takes the last one, and forgets the others without a word.
"""

import math
from collections.abc import Iterable
from typing import Any

from absl import flags

from contrastive_audio.errors import UserError

_MAY_BE_EMPTY = ("log_to",)  # --log_to= logs nowhere
MAX_NUMBER = 2**31 - 1  # seeds, steps and sizes beyond it break one library or another


def require_values(names: Iterable[str]) -> None:
  """Raises an error unless what was given to flags can be a value of theirs.

  absl checks types and bounds; an empty text, nan, 10**30 and a second list pass.

  Args:
    names: of the flags of a command.

  Raises:
    UserError: the first flag that has no value, or none that can be computed with.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags, flag_group
    >>> with flag_group("Music"):
    ...   _ = flags.DEFINE_float("volume", 0.5, "Of what is played.")
    >>> _ = flags.FLAGS(["play", "--volume=nan"])
    >>> require_values(["volume"])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --volume=nan: write a finite number
    >>> forget_flags()
  """
  for name in names:
    flag = flags.FLAGS[name]
    if flag.present > 1 and isinstance(flag.parser, flags.BaseListParser):
      raise UserError(f"--{name} was given {flag.present} times: give it once, --{name}=A,B")
    if flag.present:
      _require_value(name, flag.value)


def _require_value(name: str, value: Any) -> None:
  if isinstance(value, list):
    if not value and name not in _MAY_BE_EMPTY:
      _refuse_empty(name)
    for item in value:
      _require_value(name, item)
  elif isinstance(value, str) and not value.strip():
    _refuse_empty(name)
  elif isinstance(value, float) and not math.isfinite(value):
    raise UserError(f"--{name}={value}: write a finite number")
  elif isinstance(value, (int, float)) and abs(value) > MAX_NUMBER:
    raise UserError(f"--{name}={value}: the largest number is {MAX_NUMBER}")


def _refuse_empty(name: str) -> None:
  raise UserError(f"--{name}= is empty: give it a value, or leave it out")
