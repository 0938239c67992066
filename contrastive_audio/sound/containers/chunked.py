"""WAV, RF64, W64, AIFF, CAF and IFF, which are made of chunks: where the samples end."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Literal

from contrastive_audio.sound.containers.stated_sizes import BEGIN, Samples, Size, find_end
from contrastive_audio.sound.content import Content

_W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # ends the names of most chunks
_UNKNOWN = 0xFFFFFFFF  # in a WAV with sizes of 64 bits: the size stands in another chunk
_MOST_CHUNKS = 4096  # looked at; a damaged file may seem to have one every few bytes


@dataclasses.dataclass(frozen=True)
class _Layout:
  """How a format writes its chunks."""

  data: bytes  # name of the chunk with the samples
  first: int  # where the first chunk begins
  order: Literal["little", "big"] = "little"
  name_width: int = 4
  size_width: int = 4
  alignment: int = 2
  counts_header: bool = False
  least: int = 0  # bytes before the first sample

  def chunks(self, content: Content, position: int) -> Iterator[tuple[bytes, Size, int]]:
    """Yields (name, size, where it begins) of each chunk that begins in the file."""
    header_width = self.name_width + self.size_width
    counted = header_width if self.counts_header else 0
    for _ in range(_MOST_CHUNKS):
      header = content.read_at(position, header_width)
      if len(header) < header_width:
        return
      value = max(0, int.from_bytes(header[self.name_width :], self.order) - counted)
      at, begin = position + self.name_width, position + header_width
      size = Size(value, at, self.size_width, self.order, counted, self.least)
      yield header[: self.name_width], size, begin
      position = begin + value + (-value % self.alignment)


_WAV = _Layout(b"data", 12)
_LAYOUTS = {
  b"RIFF": _WAV,
  b"RIFX": _Layout(b"data", 12, "big"),
  b"RF64": _WAV,
  b"BW64": _WAV,
  b"FORM": _Layout(b"SSND", 12, "big", least=8),
  b"caff": _Layout(b"data", 8, "big", size_width=8, alignment=1, least=4),
  b"riff": _Layout(b"data" + _W64_GUID, 40, "little", 16, 8, 8, counts_header=True),
}


def find_samples(content: Content, begin: int) -> Samples | None:
  """Finds the samples of a recording, and the chunks that follow them.

  Args:
    content: the file.
    begin: where the recording begins; stated_sizes.CHUNKED matches there.

  Returns:
    None: it has no chunk with samples.

  Raises:
    UnusableAudio: the recording is truncated.

  Example:
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(1000), 16_000, format="WAV")
    >>> find_samples(Content(file), 0).end
    2044
    >>> find_samples(Content(memoryview(file.getvalue()[:1000])), 0)
    Traceback (most recent call last):
    contrastive_audio.errors.UnusableAudio: truncated: header promises 2000 bytes, ...
  """
  layout = _LAYOUTS[content.read_at(begin, 4)]
  outer: Size | None = None
  for name, size, chunk_begin in layout.chunks(content, begin + layout.first):
    if name == b"ds64":
      value = int.from_bytes(content.read_at(chunk_begin + 8, 8), "little")
      outer = Size(value, chunk_begin + 8, 8)
    elif name in (layout.data, b"BODY"):
      if outer is not None and size.value == _UNKNOWN:
        size = outer
      return _with_what_follows(content, size, chunk_begin, layout)
  return None


def _with_what_follows(content: Content, size: Size, begin: int, layout: _Layout) -> Samples:
  after = begin + size.value
  if size.value == 0 and _end_of_chunks(content, after, layout) == content.num_bytes:
    return Samples(content.num_bytes)  # it is empty indeed
  samples = find_end(content, size, begin)
  if samples.replaced or BEGIN.match(content.read_at(after, 64)):  # joined, without padding
    return samples
  return Samples(_end_of_chunks(content, after + (-size.value % layout.alignment), layout))


def _end_of_chunks(content: Content, position: int, layout: _Layout) -> int:
  """Returns where chunks end that begin at a position and follow each other without a gap."""
  for name, size, begin in itertools.takewhile(_is_chunk, layout.chunks(content, position)):
    if name[:4] in _LAYOUTS or begin + size.value > content.num_bytes:
      break
    position = begin + size.value + (-size.value % layout.alignment)
  return min(position, content.num_bytes)


def _is_chunk(chunk: tuple[bytes, Size, int]) -> bool:
  return all(0x20 <= byte < 0x7F for byte in chunk[0][:4])
