"""The shards of a store, read by position rather than through a mapping."""

import os
import threading
import weakref

from contrastive_audio.errors import UserError


class ShardFiles:
  """The shards of a store, open for reading by any number of threads until it is let go."""

  def __init__(self, paths):
    """Takes their paths."""
    self._paths = paths
    _allow_open_files(len(paths) + 1024)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    self._descriptors = [os.open(path, flags) for path in paths]
    if hasattr(os, "posix_fadvise"):
      for descriptor in self._descriptors:  # nothing beside an excerpt will be wanted soon
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    weakref.finalize(self, _close, self._descriptors)

  def read(self, number, first_byte, out):
    """Fills an array with the bytes of a shard from `first_byte` on."""
    memory, done = memoryview(out).cast("B"), 0
    while done < len(memory):
      count = _read_at(self._descriptors[number], first_byte + done, memory[done:])
      if not count:
        raise UserError(
          f"{self._paths[number]} has been cut off since it was opened: delete the folder "
          f"{os.path.dirname(self._paths[number])!r}, it is made again by the next command"
        )
      done += count


def _close(descriptors):
  for descriptor in descriptors:
    os.close(descriptor)


def _read_at(descriptor, position, memory):
  """Reads into memory what there is from a position on; returns how many bytes."""
  if hasattr(os, "preadv"):
    return os.preadv(descriptor, [memory], position)
  with _seek_lock:  # Windows
    os.lseek(descriptor, position, os.SEEK_SET)
    content = os.read(descriptor, len(memory))
  memory[: len(content)] = content
  return len(content)


_seek_lock = threading.Lock()


def _allow_open_files(wanted):
  """Raises this process's limit of open files, since every shard is one."""
  try:
    import resource
  except ImportError:  # not on Windows, which has no such limit
    return
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if soft < wanted and soft != resource.RLIM_INFINITY:
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
