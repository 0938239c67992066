"""Clips -> 16-bit PCM, several at once, within a bound of memory however long the clips are.

A quarter of the memory is for decoders at work, a quarter for samples that wait for their turn, a
half for the clip that is being written. What exceeds its share is in temporary files. So neither
the memory nor the number of threads changes what is stored.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import threading
from collections.abc import Generator, Iterable, Iterator

import numpy as np

from contrastive_audio.datasets import Clip
from contrastive_audio.errors import UnusableAudio, UserError, disk_reason
from contrastive_audio.store.disk_format import gain_of, to_pcm
from contrastive_audio.store.levels import Levels
from contrastive_audio.store.spool import Room, Spool

MEMORY_MB, MIN_MEMORY_MB = 1000, 64  # of a preparation, unless told otherwise
DECODER_BYTES = 6 << 20  # what a decoder at work needs
MAX_HOURS = 48  # of a clip
_CLIPS_AHEAD = 4  # for each decoder
_MIN_BLOCK_SAMPLES = 1 << 16  # ffmpeg gives blocks of some milliseconds


@dataclasses.dataclass(frozen=True)
class Memory:
  """How the memory of a preparation is divided.

  Attributes:
    total_mb: all of it, in MB (10**6 bytes).

  Example:
    >>> Memory(total_mb=1000).num_decoders(64), Memory(total_mb=64).num_decoders(64)
    (39, 2)
  """

  total_mb: int

  @property
  def share_bytes(self) -> int:
    """A quarter."""
    return self.total_mb * 1_000_000 // 4

  @property
  def clip_bytes(self) -> int:
    """PCM of the largest clip that is held in memory as a whole."""
    return 2 * self.share_bytes

  def num_decoders(self, num_threads: int) -> int:
    """Returns how many clips may be decoded at once, at most `num_threads`."""
    return max(1, min(num_threads, self.share_bytes // DECODER_BYTES))


class DecodedClip:
  """A clip as it will be stored.

  Attributes:
    gain: what a step of the PCM stands for.
    levels: of the PCM.

  Example:
    >>> wave = Spool(np.float32, Room(1000), ".")
    >>> wave.add(np.array([0.5, -0.25], np.float32))
    >>> decoded = DecodedClip(wave, gain=2**-15, pcm=Spool(np.int16, Room(1000), "."))
    >>> decoded.take_pcm(most_bytes=1000).tolist()
    [16384, -8192]
  """

  def __init__(self, wave: Spool, gain: float, pcm: Spool):
    """Converts a wave.

    Args:
      wave: float32, of at least one sample; it is empty afterwards.
      gain: of the PCM.
      pcm: empty.
    """
    self.gain, self.levels, self._pcm = gain, Levels(), pcm
    for block in wave.blocks():
      converted = to_pcm(block, gain)
      self.levels.add(converted)
      pcm.add(converted)

  @property
  def num_bytes(self) -> int:
    """Size of the PCM."""
    return 2 * self.levels.num_samples

  def take_pcm(self, most_bytes: int) -> np.ndarray:
    """Returns the PCM, int16 `[n]`, which is then dropped here.

    Args:
      most_bytes: in memory; a larger clip is mapped from a temporary file.
    """
    return self._pcm.take(most_bytes)

  def close(self) -> None:
    """Drops the PCM."""
    self._pcm.close()


def decode(
  clips: Iterable[Clip], sample_rate_hz: int, num_threads: int, memory: Memory, folder: str
) -> Generator[tuple[Clip, DecodedClip | UnusableAudio], None, None]:
  """Decodes clips, in order, some of them ahead.

  Args:
    clips: not decoded yet.
    sample_rate_hz: rate of the PCM.
    num_threads: number of decoding threads, if there is memory for so many.
    memory: for all of it.
    folder: for temporary files.

  Yields:
    (clip, its PCM or why there is none); any error of a single clip is such a reason.

  Raises:
    OSError: a temporary file cannot be written.
    UserError: an archive cannot be unpacked, because the disk is full.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> clips = open_synthetic(clips_per_class=1).clips(0, 2)
    >>> for clip, decoded in decode(clips, 16_000, 2, Memory(total_mb=64), folder="."):
    ...   clip.key, len(decoded.take_pcm(most_bytes=100_000))
    ('bell/000.flac', 36283)
    ('bird/000.flac', 40615)
  """
  num_threads, held_bytes = memory.num_decoders(num_threads), 0
  decoder = _Decoder(sample_rate_hz, memory, folder)
  pending: collections.deque[tuple[Clip, concurrent.futures.Future]] = collections.deque()
  pool = concurrent.futures.ThreadPoolExecutor(num_threads)
  try:
    for clip in clips:
      held_bytes += clip.num_bytes
      pending.append((clip, pool.submit(decoder.decode, clip)))
      while len(pending) >= _CLIPS_AHEAD * num_threads or held_bytes > memory.share_bytes:
        oldest, future = pending.popleft()
        yield oldest, future.result()
        held_bytes -= oldest.num_bytes
    for oldest, future in pending:
      yield oldest, future.result()
  finally:
    decoder.stopped.set()
    pool.shutdown(cancel_futures=True)
    for _, future in pending:
      future.add_done_callback(_drop)


class _Decoder:
  """Decodes single clips, in any thread; after `stopped` is set, it gives up at the next block."""

  def __init__(self, sample_rate_hz: int, memory: Memory, folder: str):
    self.stopped = threading.Event()
    self._sample_rate_hz, self._folder = sample_rate_hz, folder
    self._room = Room(memory.share_bytes)

  def decode(self, clip: Clip) -> DecodedClip | UnusableAudio:
    lowest, highest = 0.0, 0.0
    with contextlib.closing(self._spool(np.float32)) as wave:
      try:
        for block in _unfailing(clip, self._sample_rate_hz):
          wave.add(block)  # an error of the disk is no error of the clip
          self._require_wanted(wave.num_samples)
          lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
      except UnusableAudio as reason:
        return reason
      if not wave.num_samples:
        return UnusableAudio("no samples")
      with contextlib.ExitStack() as unless_done:
        pcm = unless_done.enter_context(contextlib.closing(self._spool(np.int16)))
        decoded = DecodedClip(wave, gain_of(lowest, highest), pcm)
        unless_done.pop_all()
      return decoded

  def _spool(self, dtype: type) -> Spool:
    return Spool(dtype, self._room, self._folder)

  def _require_wanted(self, num_samples: int) -> None:
    if self.stopped.is_set():
      raise UnusableAudio("the preparation has ended")
    if num_samples > MAX_HOURS * 3600 * self._sample_rate_hz:
      raise UnusableAudio(f"longer than {MAX_HOURS} h: cut it into several files")


def _drop(future: concurrent.futures.Future) -> None:
  """Drops a clip that nobody takes any more."""
  if not future.cancelled() and isinstance(future.exception() or future.result(), DecodedClip):
    future.result().close()


def _unfailing(clip: Clip, sample_rate_hz: int) -> Iterator[np.ndarray]:
  """Yields the blocks of a clip, small ones joined; whatever goes wrong in it is UnusableAudio."""
  waiting: list[np.ndarray] = []
  try:
    for block in clip.blocks(sample_rate_hz):
      if len(block):
        waiting.append(np.asarray(block, np.float32))
      if sum(map(len, waiting)) >= _MIN_BLOCK_SAMPLES:
        yield np.concatenate(waiting)
        waiting = []
  except UnusableAudio:
    raise
  except MemoryError as error:
    raise UnusableAudio("too large to be decoded in the memory of this machine") from error
  except Exception as error:  # decoders, archives and sources raise anything at all
    if isinstance(error, UserError) and disk_reason(error):  # of unpacking an archive
      raise
    reason = [*str(error).strip().splitlines(), type(error).__name__][0]
    raise UnusableAudio(f"{type(error).__name__}: {reason}") from error
  if waiting:
    yield np.concatenate(waiting)
