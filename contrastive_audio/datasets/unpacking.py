"""What is packed in an archive, unpacked within bounds, however large it turns out to be."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator

from contrastive_audio.errors import UnusableAudio, UserError

_MOST_IN_MEMORY_BYTES = 8 << 20  # for each thread that reads
_LARGEST_BYTES = 2 << 30  # three hours of CD quality


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
    num_bytes = 0
    for block in itertools.chain([bytes(content)], remaining):
      num_bytes += len(block)
      if num_bytes > _LARGEST_BYTES:
        raise UnusableAudio(f"it holds more than {_LARGEST_BYTES >> 30} GB: unpack the archive")
      _append(file.name, block)
    yield file.name


def _append(path: str, block: bytes) -> None:
  try:
    with open(path, "ab") as file:
      file.write(block)
  except OSError as error:
    folder, reason = os.path.dirname(path), (error.strerror or str(error)).lower()
    raise UserError(
      f"cannot unpack a large member of an archive into {folder!r}: {reason}. Set TMPDIR to a "
      "folder on a larger disk, or unpack the archive"
    ) from error
