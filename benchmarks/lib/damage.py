"""What happens to files on disks: flipped bits, zeros, missing ends, names that were mixed up."""

import dataclasses
import functools
import os
import random
from collections.abc import Callable, Iterator

_ZEROED_BYTES = 4096  # a block of a disk


@dataclasses.dataclass(frozen=True)
class Damage:
  """One damage of a folder.

  Attributes:
    name: what is done to which file.
    do: does it.

  Example:
    >>> Damage("delete a", do=lambda: os.remove("a")).name
    'delete a'
  """

  name: str
  do: Callable[[], None]


def damages(folder: str, draw: random.Random, ignored: tuple[str, ...] = ()) -> Iterator[Damage]:
  """Yields damages without end, each to be done to the undamaged folder.

  Args:
    folder: whose files are damaged, those in folders below it too.
    draw: of kind, file and place.
    ignored: ends of names of files that are left alone.

  Example:
    >>> with open("a", "wb") as file:
    ...   _ = file.write(bytes(100))
    >>> damage = next(damages(".", random.Random(0)))
    >>> damage.do()
    >>> os.path.exists("a") and open("a", "rb").read() == bytes(100)
    False
  """
  paths = sorted(
    os.path.join(parent, name)
    for parent, _, names in os.walk(folder)
    for name in names
    if not name.endswith(ignored)
  )
  while True:
    kind, path, seed = draw.choice(_KINDS), draw.choice(paths), draw.getrandbits(32)
    name = f"{kind} {os.path.relpath(path, folder)} ({seed})"
    yield Damage(name, functools.partial(_do, kind, path, paths, seed))


def _do(kind: str, path: str, paths: list[str], seed: int) -> None:
  draw = random.Random(seed)
  if kind == "swap":
    other = draw.choice([each for each in paths if each != path] or paths)
    os.rename(path, path + "~")
    if other != path:
      os.rename(other, path)
    os.rename(path + "~", other)
  elif kind == "delete":
    os.remove(path)
  else:
    with open(path, "rb") as file:
      content = bytearray(file.read())
    with open(path, "wb") as file:
      file.write(_CONTENTS[kind](content, draw))


def _flip(content: bytearray, draw: random.Random) -> bytearray:
  if content:
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
  return content


def _zero(content: bytearray, draw: random.Random) -> bytearray:
  start = draw.randrange(0, max(1, len(content)), 512)
  stop = min(len(content), start + _ZEROED_BYTES)
  content[start:stop] = bytes(stop - start)
  return content


# Kind -> what it makes of the content of a file.
_CONTENTS: dict[str, Callable[[bytearray, random.Random], bytearray]] = {
  "flip": _flip,
  "zero": _zero,
  "zero all of": lambda content, draw: bytearray(len(content)),
  "truncate": lambda content, draw: content[: draw.randrange(max(1, len(content)))],
  "extend": lambda content, draw: content + draw.randbytes(draw.randrange(1, 5000)),
  "overwrite": lambda content, draw: bytearray(draw.randbytes(len(content))),
}
_KINDS = [*_CONTENTS, "delete", "swap"]
