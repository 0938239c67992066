"""Unpacks a zip file that is published in volumes: NAME.z01, NAME.z02, ..., NAME.zip.

Python's zipfile reads a single file. The volumes are presented to it as one, and the position of
each member, which is counted from the start of its volume, is corrected.
"""

import bisect
import io
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from typing import Any


def is_volume(name: str) -> bool:
  """Returns whether a file is a volume before the last.

  Args:
    name: of the file.

  Example:
    >>> is_volume("FSD50K.dev_audio.z01"), is_volume("FSD50K.dev_audio.zip")
    (True, False)
  """
  return re.search(r"\.z\d\d$", name) is not None


def extract(paths: Sequence[str], folder: str) -> None:
  """Unpacks a zip file in volumes, atomically; a folder that exists is left as it is.

  Args:
    paths: of the volumes, the one ending in .zip last.
    folder: to create.

  Raises:
    zipfile.BadZipFile: not the volumes of one zip file.

  Example:
    >>> with zipfile.ZipFile("clips.zip", "w") as archive:
    ...   archive.writestr("dog/1.wav", b"RIFF")
    >>> extract(["clips.zip"], "clips")
    >>> os.listdir("clips/dog")
    ['1.wav']
  """
  if os.path.isdir(folder):
    return
  shutil.rmtree(f"{folder}.part", ignore_errors=True)
  with _Volumes(paths) as volumes, zipfile.ZipFile(volumes) as archive:
    first_byte_of_last = volumes.starts[-1]
    for member in archive.infolist():
      # zipfile took the last volume, which holds the list of members, for the first.
      member.header_offset += volumes.starts[member.volume] - first_byte_of_last
      archive.extract(member, f"{folder}.part")
  os.rename(f"{folder}.part", folder)


class _Volumes(io.RawIOBase):
  """Several files as one that is their concatenation.

  Args:
    paths: of the files, in order.
  """

  def __init__(self, paths: Sequence[str]):
    self._files = [open(path, "rb") for path in paths]  # noqa: SIM115
    self.starts = [0]
    for path in paths:
      self.starts.append(self.starts[-1] + os.path.getsize(path))
    self._num_bytes = self.starts.pop()
    self._position = 0

  def close(self) -> None:
    for file in self._files:
      file.close()
    super().close()

  def readable(self) -> bool:
    return True

  def seekable(self) -> bool:
    return True

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._num_bytes}[whence]
    if base + offset < 0:
      raise OSError("before the first byte")
    self._position = base + offset
    return self._position

  def tell(self) -> int:
    return self._position

  def readinto(self, buffer: Any) -> int:
    number = bisect.bisect_right(self.starts, self._position) - 1
    file = self._files[number]
    file.seek(self._position - self.starts[number])
    num_read = file.readinto(buffer)
    if not num_read and number + 1 < len(self._files):  # at the end of a volume
      self._position = self.starts[number + 1]
      return self.readinto(buffer)
    self._position += num_read
    return num_read
