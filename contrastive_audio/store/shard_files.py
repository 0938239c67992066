"""The shards of a store, read by position rather than through a mapping, and verified.

Blocks of a shard are compared with their checksums when a process first reads them. From then on an
excerpt costs one copy, as it would without checksums.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable

import numpy as np

from contrastive_audio.errors import UserError
from contrastive_audio.store import checksummed_file
from contrastive_audio.store.disk_format import BLOCK_BYTES, DAMAGED, block_checksum
from contrastive_audio.store.manifest import DamagedStore

_BLOCKS_AT_ONCE = 32  # a megabyte, whatever is read


class ShardFile:
  """A shard, open for any number of reading threads; closed when it is garbage-collected.

  Attributes:
    path: of the shard.
    num_bytes: its size.

  Example:
    >>> np.arange(4, dtype=np.int16).tofile("shard")
    >>> samples = np.empty(2, np.int16)
    >>> ShardFile("shard", num_bytes=8).read(first_byte=4, out=samples)
    >>> samples.tolist()
    [2, 3]
  """

  def __init__(
    self, path: str, num_bytes: int, read_checksums: Callable[[], str | None] | None = None
  ):
    """Opens a shard.

    Args:
      path: of the shard.
      num_bytes: its size.
      read_checksums: returns the checksums of its blocks; None: it has none, and is not verified.

    Raises:
      UserError: it cannot be opened.
    """
    self.path, self.num_bytes = path, num_bytes
    self._read_checksums = read_checksums
    self._checksums: np.ndarray | None = None  # not read yet
    # A byte for each block, 1 until it is verified.
    self._unverified = bytearray(b"\1" * -(-num_bytes // BLOCK_BYTES) if read_checksums else b"")
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
      self._descriptor = os.open(path, flags)
    except OSError as error:
      raise UserError(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from error
    if hasattr(os, "posix_fadvise"):  # what lies next to an excerpt is not needed soon
      os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    weakref.finalize(self, os.close, self._descriptor)

  def read(self, first_byte: int, out: np.ndarray) -> None:
    """Fills an array with bytes of the shard.

    Args:
      first_byte: position in the file.
      out: a contiguous array; all of it is filled.

    Raises:
      DamagedStore: the file is not what was written.
    """
    memory = out.view(np.uint8).data
    stop_byte = first_byte + len(memory)
    first, stop = first_byte // BLOCK_BYTES, -(-stop_byte // BLOCK_BYTES)
    if self._unverified.find(1, first, stop) < 0:
      self._fill(memory, first_byte)
      return
    position = 0
    for block in range(first, stop, _BLOCKS_AT_ONCE):
      content = self._verified(block, min(stop, block + _BLOCKS_AT_ONCE))
      skip = first_byte + position - block * BLOCK_BYTES
      part = content[skip : skip + len(memory) - position]
      memory[position : position + len(part)] = part
      position += len(part)

  def read_ahead(self, first_byte: int, num_bytes: int) -> None:
    """Asks the system to load some bytes, and does not wait for them.

    Args:
      first_byte: position in the file.
      num_bytes: how many.
    """
    if not hasattr(os, "posix_fadvise"):
      return
    stop_byte = first_byte + num_bytes
    first, stop = first_byte // BLOCK_BYTES, -(-stop_byte // BLOCK_BYTES)
    if self._unverified.find(1, first, stop) >= 0:  # then `read` reads whole blocks
      first_byte, num_bytes = first * BLOCK_BYTES, (stop - first) * BLOCK_BYTES
    os.posix_fadvise(self._descriptor, first_byte, num_bytes, os.POSIX_FADV_WILLNEED)

  def verify(self) -> None:
    """Compares all blocks with their checksums, whether they were read before or not.

    Raises:
      DamagedStore: the file is not what was written.
    """
    stop = len(self._unverified)
    for block in range(0, stop, _BLOCKS_AT_ONCE):
      self._verified(block, min(stop, block + _BLOCKS_AT_ONCE))
    if os.fstat(self._descriptor).st_size != self.num_bytes:
      raise self._damaged(f"has another size than {self.num_bytes} bytes")

  def _verified(self, first: int, stop: int) -> memoryview:
    """Returns some consecutive blocks, once they agree with their checksums."""
    if self._checksums is None:
      self._checksums = self._load_checksums()
    start_byte = first * BLOCK_BYTES
    content = np.empty(min(stop * BLOCK_BYTES, self.num_bytes) - start_byte, np.uint8).data
    self._fill(content, start_byte)
    for block in range(first, stop):
      begin = block * BLOCK_BYTES - start_byte
      if block_checksum(content[begin : begin + BLOCK_BYTES]) != self._checksums[block]:
        raise self._damaged(f"holds other bytes than were written, from {block * BLOCK_BYTES} on")
      self._unverified[block] = 0
    return content

  def _load_checksums(self) -> np.ndarray:
    assert self._read_checksums is not None  # without them no block waits for its verification
    try:
      text = self._read_checksums()
    except OSError as error:
      raise self._damaged(f"has lost its checksums: {error.strerror or error}") from error
    try:
      checksums = checksummed_file.from_text(text or "")
    except (ValueError, TypeError):
      checksums = checksummed_file.from_text("")
    if len(checksums) != len(self._unverified):
      raise self._damaged("has lost its checksums")
    return checksums

  def _fill(self, memory: memoryview, first_byte: int) -> None:
    num_read = 0
    while num_read < len(memory):
      try:
        count = _read_at(self._descriptor, first_byte + num_read, memory[num_read:])
      except OSError as error:
        raise self._damaged(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
      if not count:
        raise self._damaged(f"ends before byte {first_byte + len(memory)}")
      num_read += count

  def _damaged(self, what: str) -> DamagedStore:
    """Returns the error, and leaves a note for the next command that prepares the store."""
    with contextlib.suppress(OSError):  # it may be another user's
      open(self.path + DAMAGED, "wb").close()
    return DamagedStore(f"{self.path} {what}")


def allow_open_files(num_files: int) -> None:
  """Raises this process's limit of open files, since every shard is one.

  Args:
    num_files: how many more are going to be opened.

  Example:
    >>> allow_open_files(10)
  """
  try:
    import resource
  except ImportError:  # Windows, which has no such limit
    return
  wanted = _num_open() + num_files + 1024
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if soft < wanted and soft != resource.RLIM_INFINITY:
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _num_open() -> int:
  """Returns how many files this process has open, as far as the system tells."""
  try:
    return len(os.listdir("/proc/self/fd"))
  except OSError:
    return 0


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
