"""A new file whose blocks get checksums while they are written."""

import io
from typing import Any, BinaryIO

import numpy as np
import xxhash

from contrastive_audio.store.disk_format import BLOCK_BYTES


class ChecksummedFile(io.RawIOBase):
  """A file to append to. Checksums are those of what was to be written, not of what the disk has.

  Example:
    >>> with ChecksummedFile("shard") as file:
    ...   _ = file.write(bytes(BLOCK_BYTES + 1))
    >>> file.num_bytes, len(from_text(file.checksums))
    (32769, 2)
  """

  def __init__(self, path: str):
    """Creates the file.

    Args:
      path: of the file.
    """
    super().__init__()
    self.num_bytes = 0
    self._file: BinaryIO = open(path, "wb")  # noqa: SIM115  `close` closes it
    self._block = xxhash.xxh3_64()
    self._finished: list[int] = []

  @property
  def checksums(self) -> str:
    """Those of all blocks, as text; the last block may be a short one."""
    last = [self._block.intdigest()] if self.num_bytes % BLOCK_BYTES else []
    return np.array(self._finished + last, np.uint64).astype(">u4").tobytes().hex()

  def writable(self) -> bool:
    """Whether the file can be written to."""
    return True

  def tell(self) -> int:
    """Returns how many bytes were written."""
    return self.num_bytes

  def write(self, content: Any) -> int:
    """Appends bytes; returns how many."""
    memory = memoryview(content).cast("B")
    position = 0
    while position < len(memory):
      part = memory[position : position + BLOCK_BYTES - self.num_bytes % BLOCK_BYTES]
      self._block.update(part)
      self.num_bytes += len(part)
      position += len(part)
      if self.num_bytes % BLOCK_BYTES == 0:
        self._finished.append(self._block.intdigest())
        self._block.reset()
    self._file.write(memory)
    return len(memory)

  def close(self) -> None:
    """Closes the file."""
    if not self.closed:
      self._file.close()
    super().close()


def from_text(text: str) -> np.ndarray:
  """Returns the checksums that `ChecksummedFile.checksums` gave as text, uint32 `[blocks]`.

  Args:
    text: eight hex digits for each block.

  Example:
    >>> from_text("0000000a00000001").tolist()
    [10, 1]
  """
  return np.frombuffer(bytes.fromhex(text), ">u4").astype(np.uint32)
