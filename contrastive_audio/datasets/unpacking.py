"""What is packed in an archive, unpacked within bounds, however large it turns out to be."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator

from contrastive_audio.errors import UnusableAudio, UserError

_MOST_IN_MEMORY_BYTES = 8 << 20  # for each thread that reads
_LARGEST_GB = 2  # three hours of CD quality


@contextlib.contextmanager
def unpacked(blocks: Iterable[bytes]) -> Iterator[memoryview | str]:
  """Gathers the blocks of a file for as long as the block of code runs.

  Args:
    blocks: its content, in pieces of which one fits into memory.

  Yields:
    The content, up to 8 MB; otherwise the path of a temporary file that holds it, up to 2 GB.

  Raises:
    UnusableAudio: it is larger.
    UserError: there is no space for the temporary file.

  Example:
    >>> with unpacked([b"RI", b"FF"]) as content:
    ...   bytes(content)
    b'RIFF'
  """
  content, remaining = bytearray(), iter(blocks)
  for block in remaining:
    content += block
    if len(content) > _MOST_IN_MEMORY_BYTES:
      break
  else:
    yield memoryview(content)
    return
  with tempfile.NamedTemporaryFile(prefix="contrastive-audio-") as file:
    num_bytes = _append(file.name, content, 0)
    content.clear()
    for block in remaining:
      num_bytes = _append(file.name, block, num_bytes)
    yield file.name


def _append(path: str, block: bytes | bytearray, num_bytes: int) -> int:
  """Appends a block to a file of a size; returns its new size."""
  if num_bytes + len(block) > _LARGEST_GB << 30:
    raise UnusableAudio(f"it holds more than {_LARGEST_GB} GB: unpack the archive")
  try:
    with open(path, "ab") as file:
      file.write(block)
  except OSError as error:
    folder, reason = os.path.dirname(path), (error.strerror or str(error)).lower()
    raise UserError(
      f"cannot unpack a large member of an archive into {folder!r}: {reason}. Set TMPDIR to a "
      "folder on a larger disk, or unpack the archive"
    ) from error
  return num_bytes + len(block)
