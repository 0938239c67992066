"""Samples in blocks: in memory as long as there is room, otherwise in a temporary file."""

import collections
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from contrastive_audio.utils.files import UNFINISHED

_FILE_BLOCK_BYTES = 1 << 20


class Room:
  """How many bytes may still be taken, by any number of threads.

  Example:
    >>> room = Room(num_bytes=100)
    >>> room.take(60), room.take(60)
    (True, False)
    >>> room.give_back(60)
    >>> room.take(60)
    True
  """

  def __init__(self, num_bytes: int):
    """Creates room.

    Args:
      num_bytes: how much.
    """
    self._free_bytes = num_bytes
    self._lock = threading.Lock()

  def take(self, num_bytes: int) -> bool:
    """Takes bytes if so many are free; returns whether they were."""
    with self._lock:
      if num_bytes > self._free_bytes:
        return False
      self._free_bytes -= num_bytes
      return True

  def give_back(self, num_bytes: int) -> None:
    """Gives bytes back that were taken."""
    with self._lock:
      self._free_bytes += num_bytes


class Spool:
  """Blocks of one type that are added first, and then taken out once, in order.

  Example:
    >>> spool = Spool(np.int16, Room(num_bytes=100), folder=".")
    >>> for block in (np.arange(40, dtype=np.int16), np.arange(60, dtype=np.int16)):
    ...   spool.add(block)
    >>> sum(len(block) for block in spool.blocks())
    100
  """

  def __init__(self, dtype: npt.DTypeLike, room: Room, folder: str):
    """Creates an empty spool.

    Args:
      dtype: of the samples.
      room: shared with other spools.
      folder: for the temporary file, which has no name there.
    """
    self.num_samples = 0
    self._dtype, self._room, self._folder = np.dtype(dtype), room, folder
    self._in_memory: collections.deque[np.ndarray] = collections.deque()
    self._file: IO[bytes] | None = None

  def add(self, block: np.ndarray) -> None:
    """Adds a block.

    Args:
      block: `[n]`, of the type of the spool.

    Raises:
      OSError: the temporary file cannot be written.
    """
    self.num_samples += len(block)
    if self._file is None and self._room.take(block.nbytes):
      self._in_memory.append(block)
      return
    self._file = self._file or self._new_file()
    self._file.write(np.ascontiguousarray(block).data)

  def blocks(self) -> Iterator[np.ndarray]:
    """Takes the blocks out; those from the file may be of other lengths."""
    while self._in_memory:
      num_bytes = self._in_memory[0].nbytes
      yield self._in_memory.popleft()
      self._room.give_back(num_bytes)
    if self._file is not None:
      self._file.seek(0)
      while content := self._file.read(_FILE_BLOCK_BYTES):
        yield np.frombuffer(content, self._dtype)
    self.close()

  def take(self, most_bytes: int) -> np.ndarray:
    """Takes all blocks out as one array.

    Args:
      most_bytes: in memory; a larger array is mapped from a temporary file.

    Raises:
      OSError: the temporary file cannot be written.
    """
    if self.num_samples * self._dtype.itemsize > most_bytes:
      with self._new_file() as file:
        for block in self.blocks():
          file.write(block.data)
        file.flush()
        return np.memmap(file, self._dtype, "r")
    samples, position = np.empty(self.num_samples, self._dtype), 0
    for block in self.blocks():
      samples[position : position + len(block)] = block
      position += len(block)
    return samples

  def _new_file(self) -> IO[bytes]:
    # Where it has a name after all, merging removes what a killed process left behind.
    return tempfile.TemporaryFile(dir=self._folder, prefix=f".samples{UNFINISHED}")

  def close(self) -> None:
    """Drops what is left."""
    while self._in_memory:
      self._room.give_back(self._in_memory.popleft().nbytes)
    if self._file is not None:
      self._file.close()
      self._file = None
