"""A file, its bytes or an array -> mono float32 at one sample rate, at once or in blocks.

soundfile (libsndfile) reads the files whose length it may be believed, and ffmpeg the others, to
the end. Where the ops of tensorflow-io run, they decode the formats for which both decoders agree.
soxr resamples. A file that holds less than its header promises is refused, because half a clip is
not the clip.
"""

import contextlib
from collections.abc import Iterable, Iterator

import numpy as np

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import ffmpeg, libsndfile, segments
from contrastive_audio.sound.containers import recordings
from contrastive_audio.sound.containers.recordings import Recording
from contrastive_audio.sound.content import Content, Source, View
from contrastive_audio.sound.resampling import resampled
from contrastive_audio.sound.samples import mix, to_float
from contrastive_audio.sound.segments import Segment


def read(
  source: Source,
  sample_rate_hz: int,
  decoder: str = "auto",
  start_s: float | None = None,
  stop_s: float | None = None,
  slack_s: float | None = None,
) -> np.ndarray:
  """Reads a recording, or a segment of it, as mono at a given sample rate.

  Args:
    source: a path (str, bytes decoded by `os.fsdecode`, path-like), or the content of a file
      (memoryview, bytearray or io.BytesIO): WAV, FLAC, OGG, MP3, AIFF, or what ffmpeg opens.
    sample_rate_hz: rate of the result; a file of another rate is resampled (soxr, high quality).
    decoder: "soundfile", "tensorflow-io", or "auto": tensorflow-io where its ops run.
    start_s: where the segment begins; None, with `stop_s`: read everything.
    stop_s: where it ends.
    slack_s: None: the file is the whole recording. A number: the file may also hold nothing but the
      segment. If it is at most `slack_s` longer than the segment, it is the segment; if it reaches
      to the segment's end, less `slack_s`, it is the recording; otherwise the segment begins where
      the file begins.

  Returns:
    float32 `[n]`, n >= 1, nominally in [-1, 1]; floats beyond full scale are not clipped.

  Raises:
    UnusableAudio: with the reason, if the file cannot be decoded in full.

  Example:
    >>> import soundfile
    >>> soundfile.write("stereo.wav", np.full([44_100, 2], 0.25), 44_100)
    >>> read("stereo.wav", 16_000).shape
    (16000,)
    >>> read("stereo.wav", 44_100, start_s=0.5, stop_s=0.6)[:2]
    array([0.25, 0.25], dtype=float32)
  """
  return np.concatenate([*blocks(source, sample_rate_hz, decoder, start_s, stop_s, slack_s)])


def blocks(
  source: Source,
  sample_rate_hz: int,
  decoder: str = "auto",
  start_s: float | None = None,
  stop_s: float | None = None,
  slack_s: float | None = None,
) -> Iterator[np.ndarray]:
  """Reads what `read` reads, block by block: memory is bounded however long the recording is.

  Args:
    source: see `read`, and so on.
    sample_rate_hz: rate of the blocks.
    decoder: "soundfile", "tensorflow-io" or "auto".
    start_s: where the segment begins.
    stop_s: where it ends.
    slack_s: see `read`.

  Yields:
    float32 `[n]`, n >= 1; at least one block.

  Raises:
    UnusableAudio: with the reason, at any block, and after the last one if the file is truncated.

  Example:
    >>> import soundfile
    >>> soundfile.write("minute.wav", np.zeros(60 * 16_000), 16_000)
    >>> sum(len(block) for block in blocks("minute.wav", 8_000))
    480000
  """
  segment = None
  if start_s is not None and stop_s is not None:
    segment = Segment(start_s, stop_s, slack_s)
  elif start_s is not None or stop_s is not None:
    raise ValueError(f"{start_s=}, {stop_s=}: a segment needs both")
  return _usable(_decoded(source, sample_rate_hz, decoder, segment))


def stated_duration_s(path: str) -> float | None:
  """Returns the duration that the header of a file states, if it may be believed; quick.

  Args:
    path: of the file.

  Example:
    >>> import soundfile
    >>> soundfile.write("second.wav", np.zeros(16_000), 16_000)
    >>> stated_duration_s("second.wav"), stated_duration_s("no.wav") is None
    (1.0, True)
  """
  try:
    with Content(path) as content:
      found = recordings.find(content)
      if len(found) != 1 or found[0].states_its_length is False or found[0].replaced:
        return None
      with libsndfile.open_decoder(path) as opened:
        is_stated = opened and (found[0].states_its_length or not opened.is_mpeg)
        return opened.duration_s if opened and is_stated else None
  except Exception:  # whatever is wrong with it, decoding will say
    return None


def to_mono(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
  """Converts decoded samples to mono at another sample rate.

  Args:
    samples: `[n]` or `[n, channels]`; integers are scaled as `samples.to_float` does it: by the
      full scale of 16 bits, or by that of 32 bits if any sample exceeds 16 bits.
    from_hz: rate of `samples`.
    to_hz: rate of the result.

  Returns:
    float32 `[m]`, m >= 1.

  Raises:
    UnusableAudio: if nothing is left, or if a sample is not finite.

  Example:
    >>> to_mono(np.array([[0, 16384], [16384, 16384]]), 16_000, 16_000)
    array([0.25, 0.5 ], dtype=float32)
  """
  return np.concatenate([*array_blocks(samples, from_hz, to_hz)])


def array_blocks(samples: np.ndarray, from_hz: int, to_hz: int) -> Iterator[np.ndarray]:
  """Converts decoded samples as `to_mono` does, block by block.

  Args:
    samples: see `to_mono`.
    from_hz: rate of `samples`.
    to_hz: rate of the blocks.

  Yields:
    float32 `[n]`, n >= 1; at least one block.

  Raises:
    UnusableAudio: if nothing is left, or if a sample is not finite.

  Example:
    >>> [block.tolist() for block in array_blocks(np.array([0, 16384]), 16_000, 16_000)]
    [[0.0, 0.5]]
  """
  return _usable(resampled([(from_hz, mix(to_float(np.asarray(samples))))], to_hz))


def _decoded(
  source: Source, sample_rate_hz: int, decoder: str, segment: Segment | None
) -> Iterator[np.ndarray]:
  """Yields mono blocks at the target rate."""
  with Content(source) as content:
    found = recordings.find(content)

    def whole() -> Iterator[np.ndarray]:
      return resampled(_waves(content, found, decoder), sample_rate_hz)

    if segment is None:
      yield from whole()
      return
    is_to_be_checked = False
    if len(found) == 1:
      with _open(content, found[0], decoder) as opened:
        if opened.duration_s is not None:
          span_s = segment.span_s(opened.duration_s)
          yield from resampled(opened.blocks(span_s), sample_rate_hz)
          return
        is_to_be_checked = opened.is_to_be_checked
    yield from segments.cut(whole, sample_rate_hz, segment, is_to_be_checked)


def _waves(
  content: Content, found: Iterable[Recording], decoder: str
) -> Iterator[tuple[int, np.ndarray]]:
  for recording in found:
    with _open(content, recording, decoder) as opened:
      yield from opened.blocks()


@contextlib.contextmanager
def _open(
  content: Content, recording: Recording, decoder: str
) -> Iterator[libsndfile.Decoder | ffmpeg.Decoder]:
  """Opens a recording with libsndfile, if it may be believed, or else with ffmpeg."""
  if recording.states_its_length is not False:
    is_file = (recording.begin, recording.end) == (0, content.num_bytes) and not recording.replaced
    source = content.path if content.path and is_file else _view(content, recording)
    with libsndfile.open_decoder(source, decoder) as opened:
      if opened and (recording.states_its_length or not opened.is_mpeg):
        yield opened
        return
  with ffmpeg.open_decoder(_view(content, recording)) as decoded:
    yield decoded


def _view(content: Content, recording: Recording) -> View:
  return View(content, recording.begin, recording.end, recording.replaced)


def _usable(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Yields the blocks that hold samples; refuses a wave of none, and one that is not finite.

  Whatever a decoder raises, on whatever damage, becomes UnusableAudio.
  """
  is_empty = True
  try:
    for block in blocks:
      if not np.isfinite(block).all():
        raise UnusableAudio("contains NaN or Inf samples")
      if len(block):
        is_empty = False
        yield block
  except (UnusableAudio, NameError):  # NameError: a fault of ours
    raise
  except MemoryError as error:
    raise UnusableAudio("too large to be decoded in the memory of this machine") from error
  except Exception as error:
    reason = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    if reason.startswith(("Error number", "Operation not permitted")):  # a number of ffmpeg's own
      reason = "Invalid data"
    raise UnusableAudio(f"cannot be decoded: {reason.splitlines()[0]}") from error
  if is_empty:
    raise UnusableAudio("no samples")
