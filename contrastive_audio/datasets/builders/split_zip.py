"""A zip file that is published in volumes, NAME.z01, NAME.z02, ..., NAME.zip, unpacked in place.

Python's zipfile reads one file: the volumes are shown to it as one, and the place of each member,
which is counted from the start of its volume, is put right.
"""

import bisect
import io
import os
import re
import shutil
import zipfile


def is_volume(name):
  """Whether a file name is that of a volume before the last: `NAME.z01`."""
  return re.search(r"\.z\d\d$", name) is not None


def extract(paths, folder):
  """Unpacks a zip file in volumes, once: a folder that is there already is left as it is.

  Args:
    paths: of the volumes, the one ending in .zip last.
    folder: where to; made whole at the end.

  Raises:
    zipfile.BadZipFile: not the volumes of one zip file.
  """
  if os.path.isdir(folder):
    return
  shutil.rmtree(f"{folder}.part", ignore_errors=True)
  with _Volumes(paths) as volumes, zipfile.ZipFile(volumes) as archive:
    first_byte_of_last = volumes.starts[-1]
    for member in archive.infolist():
      # zipfile has taken the last volume, which holds the list, for the beginning.
      member.header_offset += volumes.starts[member.volume] - first_byte_of_last
      archive.extract(member, f"{folder}.part")
  os.rename(f"{folder}.part", folder)


class _Volumes(io.RawIOBase):
  """Files, one after the other, as one that can be read from anywhere."""

  def __init__(self, paths):
    self._files = [open(path, "rb") for path in paths]  # noqa: SIM115
    self.starts = [0]
    for path in paths:
      self.starts.append(self.starts[-1] + os.path.getsize(path))
    self._num_bytes = self.starts.pop()
    self._position = 0

  def close(self):
    for file in self._files:
      file.close()
    super().close()

  def readable(self):
    return True

  def seekable(self):
    return True

  def seek(self, offset, whence=os.SEEK_SET):
    base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._num_bytes}[whence]
    if base + offset < 0:
      raise OSError("before the first byte")
    self._position = base + offset
    return self._position

  def tell(self):
    return self._position

  def readinto(self, buffer):
    number = bisect.bisect_right(self.starts, self._position) - 1
    file = self._files[number]
    file.seek(self._position - self.starts[number])
    num_read = file.readinto(buffer)
    if not num_read and number + 1 < len(self._files):  # at the end of a volume
      self._position = self.starts[number + 1]
      return self.readinto(buffer)
    self._position += num_read
    return num_read
