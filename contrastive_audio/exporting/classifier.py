"""A trained linear classifier as one file, which downstream.linear writes and contrastive_audio.export reads.

classifier.npz holds `weights` `[D, C]` and `bias` `[C]` (the standardisation of the embedding is
folded into them), `class_names` `[C]`, `multi_label`, `model` (a name, for people), and
`fingerprint` `[D]`: what the model makes of one fixed sound. By that a classifier is recognised as
belonging to an encoder, be it in a run folder or exported, on whatever machine.
"""

import dataclasses
import os
import zipfile

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, replacing

FILE_NAME = "classifier.npz"
_FIELDS = ("weights", "bias", "class_names", "multi_label", "model", "fingerprint")
_TOLERANCE = 1e-2  # graphics cards round coarsely; the embeddings of another encoder are far away


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
  """Embedding -> a probability of each class.

  Attributes:
    weights: float32 `[D, C]`.
    bias: float32 `[C]`.
    class_names: C strings.
    multi_label: whether a clip can have several classes (sigmoid), or has one (softmax).
    model: name of the model whose embeddings it takes.
    fingerprint: float32 `[D]`, see `fingerprint`.
  """

  weights: np.ndarray
  bias: np.ndarray
  class_names: tuple
  multi_label: bool
  model: str
  fingerprint: np.ndarray

  @classmethod
  def open(cls, folder):
    """Opens what `save` has written.

    Args:
      folder: the `--output` of downstream.linear.

    Returns:
      A LinearClassifier.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path):
      raise UserError(
        f"--classifier={folder}: it holds no {FILE_NAME}; make one with python -m "
        f"downstream.linear --model=RUN --task=TASK --output={folder}"
      )
    try:
      with np.load(path) as arrays:
        fields = {name: arrays[name] for name in _FIELDS}
      fields["class_names"] = tuple(fields["class_names"].tolist())
      fields["multi_label"], fields["model"] = bool(fields["multi_label"]), str(fields["model"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
      raise UserError(f"{path} is damaged ({error}): make it again") from error
    return cls(**fields)

  def save(self, folder):
    """Writes the file atomically; returns its path."""
    make_folder(folder)
    path = os.path.join(folder, FILE_NAME)
    fields = {name: getattr(self, name) for name in _FIELDS}
    fields["class_names"] = np.array(self.class_names, str)
    with replacing(path) as unfinished:
      np.savez(unfinished, **fields)
    return path

  def require_model(self, embedder, sample_rate_hz, folder):
    """Refuses embeddings of another encoder than the one the classifier was trained on.

    Args:
      embedder: an embedding.ClipEmbedder.
      sample_rate_hz: of its waves.
      folder: where the classifier is from, for the message.

    Raises:
      UserError: the embeddings have another size, or are others.
    """
    found, wanted = fingerprint(embedder, sample_rate_hz), self.fingerprint
    cause = "other values"
    if found.shape != wanted.shape:
      cause = f"{len(wanted)} values and not {len(found)}"
    elif np.linalg.norm(found - wanted) <= _TOLERANCE * np.linalg.norm(wanted):
      return
    raise UserError(
      f"--classifier={folder}: it was trained on another encoder ({self.model}), whose embeddings "
      f"have {cause}: train one on this run with python -m downstream.linear"
    )

  def scores(self, embeddings):
    """Embeddings `[B, D]`, tensors -> probabilities `[B, C]`."""
    logits = tf.matmul(embeddings, tf.constant(self.weights)) + tf.constant(self.bias)
    return tf.sigmoid(logits) if self.multi_label else tf.nn.softmax(logits)


def fingerprint(embedder, sample_rate_hz):
  """Returns the embedding, float32 `[D]`, of a sweep from 100 to 3600 Hz of 2.5 s.

  Args:
    embedder: an embedding.ClipEmbedder, or what embeds as one does.
    sample_rate_hz: of its waves.
  """
  times_s = np.arange(int(2.5 * sample_rate_hz)) / sample_rate_hz
  sweep = 0.3 * np.sin(2 * np.pi * (100 * times_s + 700 * times_s**2))
  return np.asarray(next(iter(embedder.embed([sweep.astype(np.float32)]))), np.float32)
