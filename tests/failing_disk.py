"""A disk that is full, or a process that is killed, at one chosen change of a folder."""

import builtins
import contextlib
import errno
import itertools
import os
import shutil
from unittest import mock

from contrastive_audio.errors import UserError

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Killed(BaseException):
  """Stands for the end of the process."""


class _Disk:
  """Lets so many changes pass; the next one fails, and if the disk is full all that follow."""

  def __init__(self, folder, num_good, kills):
    self._folder, self._left, self._kills = folder, num_good, kills
    self._kept = f"{folder} as it was"
    self.has_failed = False

  def change(self):
    """Comes before each change."""
    self._left -= 1
    if self._left >= 0 or (self._kills and self.has_failed):
      return  # what Python still does after a kill is undone below
    self.has_failed = True
    if self._kills:
      shutil.copytree(self._folder, self._kept, symlinks=True)
      raise Killed
    raise OSError(errno.ENOSPC, "No space left on device")

  def settle(self):
    """Leaves the folder as a killed process would."""
    if os.path.exists(self._kept):
      shutil.rmtree(self._folder)
      os.rename(self._kept, self._folder)


@contextlib.contextmanager
def failing(folder, num_good, kills):
  """Fails after so many changes by Python's own functions; yields an object with has_failed."""
  disk = _Disk(str(folder), num_good, kills)
  real_open, real_os_open = builtins.open, os.open

  def checked_open(file, mode="r", *arguments, **options):
    if set(mode) & set("wax+"):
      disk.change()
    return real_open(file, mode, *arguments, **options)

  def checked_os_open(path, flags, *arguments, **options):
    if flags & _WRITING:
      disk.change()
    return real_os_open(path, flags, *arguments, **options)

  def checked(function):
    def call(*arguments, **options):
      disk.change()
      return function(*arguments, **options)

    return call

  names = ["replace", "rename", "fsync", *(["mkdir", "remove"] if kills else [])]
  with contextlib.ExitStack() as patches:
    patches.enter_context(mock.patch.object(builtins, "open", checked_open))
    patches.enter_context(mock.patch.object(os, "open", checked_os_open))
    for name in names:
      patches.enter_context(mock.patch.object(os, name, checked(getattr(os, name))))
    with contextlib.suppress(UserError, OSError, Killed):
      yield disk
  disk.settle()


def check_that_it_goes_on(folder, command, check, prepare=lambda: None):
  """Lets a command fail at each of its changes, once by each fault, and repeats it.

  Args:
    folder: what it changes; made anew for each try.
    command: called without arguments.
    check: called with what the repeated command returns.
    prepare: called before each try; nothing fails there.

  Returns:
    The number of failures that were tried.
  """
  tried = 0
  for kills in (False, True):
    for num_good in itertools.count():
      shutil.rmtree(folder, ignore_errors=True)
      os.makedirs(folder)
      prepare()
      with failing(folder, num_good, kills) as disk:
        command()
      if not disk.has_failed:
        break
      tried += 1
      check(command())
  return tried
