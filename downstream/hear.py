"""An encoder behind the interface of HEAR 2021, for its validator and its evaluation.

Every model of the benchmark is a Python module with the three functions below:

    hear-validator downstream.hear --model runs/my_run

Letters: B sounds, n samples, W timestamps, D embedding.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.runs import Run
from contrastive_audio.utils.exchange import bring_back
from contrastive_audio.utils.presets import PRESET

# Bounds the memory of a large batch; the exported model bounds that of a long sound by itself.
_WINDOWS_AT_ONCE = 64
_WINDOW_S = 1.0  # of `embed`, approximately
_HOP_MS = 50.0  # of `embed_frames`
_EXPORTED = ("sample_rate_hz", "embedding_size", "embed", "embed_frames")


class HearModel(tf.Module):
  """What `load_model` returns.

  Attributes:
    sample_rate: in Hz; audio has to have this rate.
    scene_embedding_size: D.
    timestamp_embedding_size: D.
    exported: the loaded SavedModel, see contrastive_audio.exporting.clip_encoder.ClipEncoder.

  Example:
    >>> import types
    >>> exported = types.SimpleNamespace(sample_rate_hz=16_000, embedding_size=1280)
    >>> HearModel(exported).scene_embedding_size
    1280
  """

  def __init__(self, exported: Any):
    """Keeps the SavedModel: its functions live as long as it does.

    Args:
      exported: the loaded SavedModel.
    """
    super().__init__()
    self.exported = exported
    self.sample_rate = int(exported.sample_rate_hz)
    self.scene_embedding_size = int(exported.embedding_size)
    self.timestamp_embedding_size = int(exported.embedding_size)


def load_model(model_file_path: str | os.PathLike = "") -> HearModel:
  """Loads an exported encoder.

  Args:
    model_file_path: a run folder, a SavedModel folder exported from one, or preset:NAME.

  Raises:
    UserError: there is no such folder, or it does not hold an encoder of this project.

  Example:
    >>> load_model("no/such/run")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: there is no folder 'no/such/run': ...
  """
  path = os.fspath(model_file_path)
  if path.startswith(PRESET):
    run = Run.open(path)
    return HearModel(ClipEncoder(run.front_end(), run.encoder()))
  folder = _saved_model_folder(path)
  try:
    exported = tf.saved_model.load(folder)
  except Exception as error:  # a damaged file can raise almost anything
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UserError(f"cannot load the SavedModel {folder!r}: {reason}; export it again") from error
  if missing := [name for name in _EXPORTED if not hasattr(exported, name)]:
    raise UserError(
      f"the SavedModel {folder!r} has no {', '.join(missing)}: it has to be one that "
      "python -m contrastive_audio.export wrote"
    )
  try:
    return HearModel(exported)
  except Exception as error:  # one of others may hold anything under these names
    raise UserError(
      f"the SavedModel {folder!r} is not one that python -m contrastive_audio.export wrote: its "
      "sample_rate_hz or embedding_size is no number"
    ) from error


def get_scene_embeddings(audio: tf.Tensor | np.ndarray, model: HearModel) -> tf.Tensor:
  """Embeds each sound as a whole.

  Args:
    audio: float32 `[B, n]`, between -1 and 1, at the model's sample rate.
    model: what `load_model` returned.

  Returns:
    float32 `[B, D]`.

  Raises:
    UserError: the audio has another shape or type.

  Example:
    >>> import types
    >>> exported = types.SimpleNamespace(sample_rate_hz=16_000, embedding_size=1)
    >>> exported.embed = lambda waves: {"embedding": waves[:, :1]}
    >>> get_scene_embeddings(tf.ones([3, 16_000]), HearModel(exported)).shape
    TensorShape([3, 1])
  """
  batches = _batches(audio, _WINDOWS_AT_ONCE * _WINDOW_S * model.sample_rate)
  return tf.concat([model.exported.embed(batch)["embedding"] for batch in batches], axis=0)


def get_timestamp_embeddings(
  audio: tf.Tensor | np.ndarray, model: HearModel
) -> tuple[tf.Tensor, tf.Tensor]:
  """Embeds each sound every 50 ms.

  Args:
    audio: float32 `[B, n]`, between -1 and 1, at the model's sample rate.
    model: what `load_model` returned.

  Returns:
    (embeddings float32 `[B, W, D]`, timestamps float32 `[B, W]`: the centres in milliseconds).

  Raises:
    UserError: the audio has another shape or type.

  Example:
    >>> import types
    >>> exported = types.SimpleNamespace(sample_rate_hz=16_000, embedding_size=1)
    >>> times_ms = tf.constant([[0.0, 50.0001]])
    >>> exported.embed_frames = lambda waves: {"embedding": waves[..., None], "time_ms": times_ms}
    >>> _, timestamps = get_timestamp_embeddings(tf.ones([1, 2]), HearModel(exported))
    >>> timestamps.numpy().tolist()
    [[0.0, 50.0]]
  """
  batches = _batches(audio, _WINDOWS_AT_ONCE * _HOP_MS / 1000 * model.sample_rate)
  results = [model.exported.embed_frames(batch) for batch in batches]
  embeddings, times_ms = (
    tf.concat([result[name] for result in results], axis=0) for name in ("embedding", "time_ms")
  )
  # The times of the exported model are off in the last digits, and HEAR warns of 50.0001 ms.
  return embeddings, _HOP_MS * tf.round(times_ms / _HOP_MS)


def _saved_model_folder(path: str) -> str:
  """Returns the SavedModel that a path means: itself, or the one of a run."""
  if not path:
    raise UserError("load_model got no path: pass a run folder or an exported SavedModel")
  for folder in (path, os.path.join(path, "saved_model")):
    if not os.path.isdir(folder):
      bring_back(folder)  # an export may have been killed while it replaced the model
  if not os.path.isdir(path):
    raise UserError(f"there is no folder {path!r}: pass a run folder or an exported SavedModel")
  for folder in (path, os.path.join(path, "saved_model")):
    if tf.saved_model.contains_saved_model(folder):
      return folder
  if os.path.exists(os.path.join(path, "config.json")):
    command = f"python -m contrastive_audio.export --run={path}"
    raise UserError(f"the run {path!r} is not exported yet: export it by {command}")
  raise UserError(f"{path!r} is neither a run folder nor an exported SavedModel")


def _batches(audio: tf.Tensor | np.ndarray, samples_at_once: float) -> Iterator[tf.Tensor]:
  """Yields `[b, n]`, at least one sound and about `samples_at_once` samples at a time."""
  shape = getattr(audio, "shape", ())
  dtype = getattr(getattr(audio, "dtype", None), "name", type(audio).__name__)
  if dtype != "float32" or len(shape) != 2 or 0 in shape:
    raise UserError(
      f"audio is {dtype} {list(shape)}: it has to be float32 [sounds, samples], neither of them 0"
    )
  sounds_at_once = max(1, int(samples_at_once) // audio.shape[1])
  for start in range(0, audio.shape[0], sounds_at_once):
    yield tf.convert_to_tensor(audio[start : start + sounds_at_once])
