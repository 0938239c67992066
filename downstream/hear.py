"""An encoder behind the interface of HEAR 2021, for its validator and its evaluation.

Every model of the benchmark is a Python module with the three functions below:

    hear-validator downstream.hear --model runs/my_run

Letters: B sounds, n samples, W timestamps, D embedding.
"""

import os

import tensorflow as tf

from contrastive_audio.errors import UserError

# Bounds the memory of a large batch; the export bounds that of a long sound by itself.
_WINDOWS_AT_ONCE = 64
_WINDOW_S = 1.0  # of `embed`, roughly
_HOP_MS = 50.0  # of `embed_frames`
_PARTS = ("sample_rate_hz", "embedding_size", "embed", "embed_frames")


class HearModel(tf.Module):
  """What `load_model` returns.

  Attributes:
    sample_rate: int, in Hz; audio has to come at this rate.
    scene_embedding_size: int, D.
    timestamp_embedding_size: int, D.
    exported: the loaded SavedModel, see contrastive_audio.exporting.clip_encoder.ClipEncoder.
  """

  def __init__(self, exported):
    """Takes a loaded SavedModel, and keeps it: its functions live as long as it does."""
    super().__init__()
    self.exported = exported
    self.sample_rate = int(exported.sample_rate_hz)
    self.scene_embedding_size = int(exported.embedding_size)
    self.timestamp_embedding_size = int(exported.embedding_size)


def load_model(model_file_path=""):
  """Loads an exported encoder.

  Args:
    model_file_path: a run folder, or a SavedModel folder exported from one.

  Returns:
    A HearModel.

  Raises:
    UserError: there is no such folder, or no encoder of this project in it.
  """
  folder = _saved_model_folder(os.fspath(model_file_path))
  try:
    exported = tf.saved_model.load(folder)
  except Exception as error:  # of a damaged file: nearly anything
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise UserError(f"cannot load the SavedModel {folder!r}: {reason}; export it anew") from error
  if missing := [name for name in _PARTS if not hasattr(exported, name)]:
    raise UserError(
      f"the SavedModel {folder!r} has no {', '.join(missing)}: it can only be one that "
      "python -m contrastive_audio.export wrote"
    )
  return HearModel(exported)


def get_scene_embeddings(audio, model):
  """Embeds each sound as a whole.

  Args:
    audio: float32 `[B, n]`, NumPy or TensorFlow, within -1 and 1, at the model's sample rate.
    model: a HearModel.

  Returns:
    float32 `[B, D]`.

  Raises:
    UserError: the audio has another shape or type.
  """
  parts = _in_parts(audio, _WINDOWS_AT_ONCE * _WINDOW_S * model.sample_rate)
  return tf.concat([model.exported.embed(part)["embedding"] for part in parts], axis=0)


def get_timestamp_embeddings(audio, model):
  """Embeds each sound every 50 ms.

  Args:
    audio: float32 `[B, n]`, NumPy or TensorFlow, within -1 and 1, at the model's sample rate.
    model: a HearModel.

  Returns:
    (embeddings float32 `[B, W, D]`, timestamps float32 `[B, W]`: the centres in milliseconds).

  Raises:
    UserError: the audio has another shape or type.
  """
  parts = _in_parts(audio, _WINDOWS_AT_ONCE * _HOP_MS / 1000 * model.sample_rate)
  results = [model.exported.embed_frames(part) for part in parts]
  embeddings, times_ms = (
    tf.concat([result[name] for result in results], axis=0) for name in ("embedding", "time_ms")
  )
  # The export's products of floats are off in the last digits, and HEAR warns of 50.0001 ms.
  return embeddings, _HOP_MS * tf.round(times_ms / _HOP_MS)


def _saved_model_folder(path):
  """Returns the SavedModel that a path means: itself, or the one of a run."""
  if not path:
    raise UserError("load_model got no path: give it a run folder or an exported SavedModel")
  if not os.path.isdir(path):
    raise UserError(f"there is no folder {path!r}: give a run folder or an exported SavedModel")
  for folder in (path, os.path.join(path, "saved_model")):
    if tf.saved_model.contains_saved_model(folder):
      return folder
  if os.path.exists(os.path.join(path, "config.json")):
    raise UserError(
      f"the run {path!r} is not exported yet: export it by python -m contrastive_audio.export --run={path}"
    )
  raise UserError(f"{path!r} is neither a run folder nor an exported SavedModel")


def _in_parts(audio, samples_at_once):
  """Yields `[B, n]` by a few sounds, at least one, that have about so many samples together."""
  shape = getattr(audio, "shape", ())
  name = getattr(getattr(audio, "dtype", None), "name", type(audio).__name__)
  if name != "float32" or len(shape) != 2 or 0 in shape:
    raise UserError(
      f"audio is {name} {list(shape)}: it has to be float32 [sounds, samples], neither of them 0"
    )
  at_once = max(1, int(samples_at_once) // audio.shape[1])
  for start in range(0, audio.shape[0], at_once):
    yield tf.convert_to_tensor(audio[start : start + at_once])
