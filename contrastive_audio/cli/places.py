"""Where a command may write: found out before its work, without writing anything."""

import os

from contrastive_audio.errors import UserError

_LONGEST_NAME = 255  # bytes, on nearly all file systems


def require_writable(flag: str, path: str | None) -> None:
  """Raises an error if a file or folder can certainly not be written; creates nothing.

  Args:
    flag: name of the flag that says where.
    path: its value, which need not exist; None: nothing is written.

  Raises:
    UserError: what stands in the way.

  Example:
    >>> require_writable("output", "results/of/today")
    >>> open("results", "w").close()
    >>> require_writable("output", "results/of/today")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=results/of/today: ...results' is no folder: ...
  """
  if path is None:
    return
  _require_name(flag, path)
  parent = _nearest(path)
  if parent != os.path.abspath(path) and not os.path.isdir(parent):
    raise UserError(f"--{flag}={path}: {parent!r} is no folder: choose another place")
  if not os.access(parent, os.W_OK):
    raise UserError(
      f"--{flag}={path}: nothing can be written in {parent!r}: choose another place, or mend its "
      "permissions"
    )


def require_folder(flag: str, path: str | None, may_be_read_only: bool = False) -> None:
  """Raises an error if a folder can certainly not be made and written to; creates nothing.

  Args:
    flag: name of the flag that says which.
    path: its value; None: no folder is needed.
    may_be_read_only: whether a folder that exists may hold all that is needed.

  Raises:
    UserError: what stands in the way.

  Example:
    >>> open("stores", "w").close()
    >>> require_folder("store_dir", "stores")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --store_dir=stores is a file: choose a folder
  """
  if path is None:
    return
  if os.path.exists(path) and not os.path.isdir(path):
    raise UserError(f"--{flag}={path} is a file: choose a folder")
  if may_be_read_only and os.path.isdir(path):
    _require_name(flag, path)
  else:
    require_writable(flag, path)


def _require_name(flag: str, path: str) -> None:
  names = os.fsencode(path).split(os.fsencode(os.sep))
  try:
    b"".join(names).decode("utf-8")
  except UnicodeDecodeError:
    reason = "the name is not UTF-8, which TensorFlow and Arrow need"
    raise UserError(f"--{flag}={path}: {reason}: choose another") from None
  if (longest := max(map(len, names))) > _LONGEST_NAME:
    raise UserError(f"--{flag}={path}: a name has {longest} bytes, at most {_LONGEST_NAME} work")


def _nearest(path: str) -> str:
  """Returns the path, or the first of the folders above it that exists."""
  path = os.path.abspath(path)
  while not os.path.lexists(path):
    path = os.path.dirname(path)
  return path
