"""The state of a classifier's training, saved after each epoch: the same call resumes."""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError, disk_reason, reason_of
from contrastive_audio.store.store import Store
from contrastive_audio.training.checkpoint_files import CheckpointFiles
from contrastive_audio.training.verified_checkpoints import VerifiedCheckpoints
from contrastive_audio.utils.files import make_folder, read_json, write_json
from contrastive_audio.utils.locks import FolderLock
from downstream.classifiers.classifier import Classifier
from downstream.encoders.models import Model
from downstream.protocols import Options

CHECKPOINT = "epoch"  # name of the checkpoints, before their number
_IDENTITY = "training.json"


class TrainingState:
  """Weights, the weights of the best epoch, optimiser and history.

  Attributes:
    classifier: what is trained.
    options: how it is trained.

  Example:
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from contrastive_audio.training.optimizers import Adam
    >>> from downstream.encoders.models import cola_front_end
    >>> options = Options(frozen=True, epochs=1)
    >>> classifier = Classifier(cola_front_end(), frame_cnn(64), 5, options)
    >>> state = TrainingState(classifier, Adam(1e-3), options)
    >>> state.end_epoch({"loss": 1.6, "validation_score": None})
    >>> state.finished
    True
  """

  def __init__(
    self,
    classifier: Classifier,
    optimizer: keras.optimizers.Optimizer,
    options: Options,
    writes: bool = True,
  ):
    """Creates the state of a training that has not begun.

    Args:
      classifier: what is trained.
      optimizer: its optimiser.
      options: how it is trained.
      writes: whether this host saves.
    """
    self.classifier, self.options, self._writes = classifier, options, writes
    is_constant = options.frozen and not options.updates_statistics
    encoder_weights = [] if is_constant else classifier.encoder.weights
    # Without the seeds of drop-connect, which each step sets.
    self._weights = [w.value for w in (*encoder_weights, *classifier.dense.weights)]
    self._selects = options.selection != "last"
    self._best = [tf.Variable(w, trainable=False) for w in self._weights if self._selects]
    self._history = tf.Variable("[]")  # in the checkpoint, so that it fits the weights
    self._checkpoints: VerifiedCheckpoints | None = None
    self._checkpoint = tf.train.Checkpoint(
      weights=self._weights,
      best=self._best,
      optimizer=[v.value for v in optimizer.variables],
      history=self._history,
    )

  @property
  def finished(self) -> bool:
    """Whether no epoch is left."""
    epochs, patience = self.classifier.epochs, self.options.patience
    waited = epochs - self._best_epoch()
    return epochs >= self.options.epochs or (patience is not None and waited >= patience)

  def restore_and_keep_in(self, folder: str | os.PathLike) -> None:
    """Restores the last epoch that is whole in a folder, and saves later ones there.

    Args:
      folder: see `claimed_folder`.

    Raises:
      UserError: there are checkpoints, and none of them is whole.
    """
    self._checkpoints = VerifiedCheckpoints(self._checkpoint, folder, CHECKPOINT)
    if self._checkpoints.restore():
      self.classifier.history = json.loads(self._history.numpy())

  def end_epoch(self, row: Mapping[str, float | None]) -> None:
    """Records an epoch that has just been trained, and saves it.

    Args:
      row: its row of the history, see Classifier.
    """
    self.classifier.history.append(dict(row))
    if self._best_epoch() == self.classifier.epochs:
      for best, weight in zip(self._best, self._weights):
        best.assign(weight)
    if self._checkpoints and self._writes:
      self._save(self._checkpoints)

  def conclude(self) -> None:
    """Gives the classifier the weights of its best epoch; with selection="last", of the last."""
    self.classifier.best_epoch = self._best_epoch()
    for best, weight in zip(self._best, self._weights):
      weight.assign(best)

  def _best_epoch(self) -> int:
    """Returns the first epoch with the best score; with selection="last", the last epoch."""
    history = self.classifier.history
    if not self._selects or not history:
      return len(history)
    return 1 + int(np.argmax([row["validation_score"] for row in history]))

  def _save(self, checkpoints: VerifiedCheckpoints) -> None:
    self._history.assign(json.dumps(self.classifier.history))
    epoch = self.classifier.epochs
    try:
      checkpoints.save(epoch)
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"cannot save epoch {epoch}: {disk_reason(error) or reason_of(error)}. The previous one is "
        "kept: free some space and run the same command again"
      ) from error


def training_identity(
  model: Model,
  store: Store,
  train_ids: np.ndarray,
  targets: np.ndarray,
  options: Options,
  validation_ids: np.ndarray,
) -> dict[str, Any]:
  """Returns everything that distinguishes one training from another, in JSON types.

  Args:
    model: what is trained.
    store: the clips.
    train_ids: int64, clips to train on.
    targets: float32 `[store.num_clips, C]`.
    options: how it is trained.
    validation_ids: int64, clips for early stopping.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> model, ids, targets = open_model("logmel_stats"), np.arange(20), np.eye(20)
    >>> identity = training_identity(model, store, ids, targets, Options(frozen=True), ids[:0])
    >>> identity["epochs"], len(identity["data set"])
    (100, 16)
  """
  arrays = {
    "training clips": train_ids,
    "validation clips": validation_ids,
    "targets": np.asarray(targets, np.float32),
  }
  digests = {name: _digest(array.tobytes()) for name, array in arrays.items()}
  return {
    **json.loads(json.dumps(dataclasses.asdict(options))),
    "model": _digest(model.identity.encode()),
    "data set": _digest(store.digest.encode()),
    **digests,
  }


def _digest(content: bytes) -> str:
  return hashlib.sha256(content).hexdigest()[:16]


@contextlib.contextmanager
def claimed_folder(folder: str | os.PathLike, identity: Mapping[str, Any]) -> Iterator[None]:
  """Reserves a folder for a training, or refuses it if it belongs to another one.

  No other process trains in it until the block ends.

  Args:
    folder: created unless it exists.
    identity: see `training_identity`.

  Raises:
    UserError: the folder belongs to another training, or to another process, or it cannot be read
      or written.

  Example:
    >>> for seed in (0, 1):
    ...   with claimed_folder("training", {"seed": seed}):
    ...     pass
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'training' holds another training: seed was 0 ...
  """
  make_folder(folder)
  with FolderLock(folder, "is training here").held():
    _require_identity(os.fspath(folder), identity)
    yield


def _require_identity(folder: str, identity: Mapping[str, Any]) -> None:
  path = os.path.join(folder, _IDENTITY)
  saved = _read_identity(path)
  if saved is None:
    if CheckpointFiles(folder, CHECKPOINT).ever_had_one():
      raise UserError(
        f"cannot read {path}, which says what the checkpoints beside it are of: delete the folder "
        "to train again"
      )
    _write(path, identity)
    return
  names = [name for name in identity if saved.get(name) != identity[name]]
  if names:
    changes = [f"{name} was {saved.get(name)!r} and is now {identity[name]!r}" for name in names]
    raise UserError(
      f"{folder!r} holds another training: {'; '.join(changes)}. Choose another folder, or delete "
      "this one"
    )


def _read_identity(path: str) -> dict[str, Any] | None:
  """Returns what a folder is of; None if it does not say so, or is damaged."""
  with contextlib.suppress(OSError, ValueError):
    if isinstance(content := read_json(path), dict):
      return content
  return None


def _write(path: str, identity: Mapping[str, Any]) -> None:
  try:
    write_json(path, identity)
  except OSError as error:
    raise UserError(f"cannot write {path}: {disk_reason(error) or error}") from error
