"""A trained encoder in one line of Python: the name of a preset, or a run folder."""

import os
from collections.abc import Iterable, Iterator

import numpy as np

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import Clip, ClipEmbedder, frame_times_s
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.networks.cpu_kernels import use_cpu_kernels
from contrastive_audio.runs import Run
from contrastive_audio.utils.presets import PRESET, model_folder, no_presets, preset_names


class PretrainedEncoder:
  """Embeds waveforms of any length; `load` makes one.

  Attributes:
    run: the run folder that it comes from.
    sample_rate_hz: rate of the waveforms that it expects.
    embedding_size: D.
    front_end: its FrontEnd, excerpts `[B, N]` -> log-mels `[B, T, F]`.
    encoder: its Keras network, log-mels `[B, T, F, 1]` -> embeddings `[B, D]`.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.frontend.front_end import FrontEnd
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=front_end)
    >>> run.save_networks(frame_cnn(64))
    >>> encoder = PretrainedEncoder(run)
    >>> encoder.embed(np.zeros(3 * encoder.sample_rate_hz)).shape == (encoder.embedding_size,)
    True
  """

  def __init__(self, run: Run):
    """Opens the networks of a run.

    Args:
      run: a trained one.

    Raises:
      UserError: it has no encoder yet, or its files are damaged.
    """
    self.run = run
    self.front_end, self.encoder = run.front_end(), use_cpu_kernels(run.encoder())
    self.sample_rate_hz = self.front_end.sample_rate_hz
    self.embedding_size = int(self.encoder.output_shape[-1])
    self._embedder = ClipEmbedder(ClipEncoder(self.front_end, self.encoder))

  def embed(self, waveform: np.ndarray) -> np.ndarray:
    """Returns the embedding of a clip, float32 `[D]`.

    Args:
      waveform: mono `[n]`, of any length, at `sample_rate_hz`; `contrastive_audio.read` gives it.
    """
    (embedding,) = self.embed_clips([waveform])
    return embedding

  def embed_clips(self, waveforms: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields the embedding of each of many clips, float32 `[D]`; short ones share a batch.

    Args:
      waveforms: as `embed` takes them; they may be read while they are embedded.
    """
    return self._embedder.embed(map(_checked, waveforms))

  def embed_frames(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns an embedding every 50 ms, float32 `[W, D]`, and their times in seconds `[W]`.

    Args:
      waveform: as `embed` takes it.
    """
    (embeddings,) = self._embedder.embed_frames([_checked(waveform)])
    return embeddings, frame_times_s(len(embeddings))


def _checked(waveform: Clip) -> Clip:
  """Returns a clip in the type that networks take; refuses what is not one clip."""
  if isinstance(waveform, StoredClip):
    return waveform
  waveform = np.asarray(waveform)  # also of numbers in a list, or of a tensor
  if waveform.ndim != 1 or not len(waveform) or not np.issubdtype(waveform.dtype, np.floating):
    raise UserError(
      f"a waveform of shape {waveform.shape} and type {waveform.dtype}: pass samples of one clip, "
      "mono, as floats between -1 and 1; contrastive_audio.read(path, encoder.sample_rate_hz) does"
    )
  return waveform.astype(np.float32, copy=False)


def load(name: str | os.PathLike) -> PretrainedEncoder:
  """Opens a trained encoder.

  Args:
    name: of a preset, with or without "preset:", see `python -m contrastive_audio.presets`; or a
      run folder. Where both exist, a bare name is the preset, and ./NAME the folder.

  Raises:
    UserError: there is neither, or its files are damaged.

  Example:
    >>> load("no such encoder")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: there is no preset and no run folder 'no such encoder': ...
  """
  name, names = os.fspath(name), preset_names()
  if name in names:
    name = PRESET + name
  folder = model_folder(name)
  if not os.path.isdir(folder):
    there = f"the presets are {', '.join(names)}" if names else no_presets()
    raise UserError(f"there is no preset and no run folder {name!r}: {there}")
  return PretrainedEncoder(Run.open(folder))
