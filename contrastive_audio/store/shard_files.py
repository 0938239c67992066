"""The shards of a store, read by position rather than through a memory mapping."""

import os
import threading
import weakref
from collections.abc import Sequence

import numpy as np

from contrastive_audio.errors import UserError


class ShardFiles:
  """The shards of a store, open for any number of reading threads.

  The files are closed when the object is garbage-collected.

  Args:
    paths: of the shards.

  Example:
    >>> np.arange(4, dtype=np.int16).tofile("shard")
    >>> samples = np.empty(2, np.int16)
    >>> ShardFiles(["shard"]).read(0, first_byte=4, out=samples)
    >>> samples.tolist()
    [2, 3]
  """

  def __init__(self, paths: Sequence[str]):
    self._paths = paths
    _allow_open_files(len(paths) + 1024)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    self._descriptors = [os.open(path, flags) for path in paths]
    if hasattr(os, "posix_fadvise"):
      for descriptor in self._descriptors:  # what lies next to an excerpt is not needed soon
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    weakref.finalize(self, _close, self._descriptors)

  def read(self, shard: int, first_byte: int, out: np.ndarray) -> None:
    """Fills an array with bytes of a shard.

    Args:
      shard: index into the paths.
      first_byte: position in the file.
      out: a contiguous array; all of it is filled.

    Raises:
      UserError: the file ends too early.
    """
    memory, num_read = out.view(np.uint8).data, 0
    while num_read < len(memory):
      count = _read_at(self._descriptors[shard], first_byte + num_read, memory[num_read:])
      if not count:
        raise UserError(
          f"{self._paths[shard]} was truncated after it had been opened: delete the folder "
          f"{os.path.dirname(self._paths[shard])!r}; the next command rebuilds it"
        )
      num_read += count


def _close(descriptors: Sequence[int]) -> None:
  for descriptor in descriptors:
    os.close(descriptor)


def _read_at(descriptor: int, position: int, memory: memoryview) -> int:
  """Reads at a position into memory; returns the number of bytes."""
  if hasattr(os, "preadv"):
    return os.preadv(descriptor, [memory], position)
  with _seek_lock:  # Windows
    os.lseek(descriptor, position, os.SEEK_SET)
    content = os.read(descriptor, len(memory))
  memory[: len(content)] = content
  return len(content)


_seek_lock = threading.Lock()


def _allow_open_files(num_files: int) -> None:
  """Raises this process's limit of open files, since every shard is one."""
  try:
    import resource
  except ImportError:  # Windows, which has no such limit
    return
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if soft < num_files and soft != resource.RLIM_INFINITY:
    limit = num_files if hard == resource.RLIM_INFINITY else min(num_files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
