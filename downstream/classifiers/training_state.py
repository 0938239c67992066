"""The state of a classifier's training: kept after each epoch, so that the same call goes on."""

import dataclasses
import hashlib
import json
import os

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.utils.files import make_folder, read_json, write_json

_IDENTITY = "training.json"


class State:
  """How far a training is: weights, those of the best epoch, optimiser and history."""

  def __init__(self, classifier, optimizer, options, writes=True):
    """Takes the Classifier, its optimiser, the Options, and whether this host saves."""
    self.classifier, self.options, self._writes = classifier, options, writes
    encoder_weights = [] if options.frozen else classifier.encoder.weights
    # Not what drop-connect draws from: that is set anew in each step.
    self._weights = [w.value for w in (*encoder_weights, *classifier.dense.weights)]
    stops_early = options.patience is not None
    self._best = [tf.Variable(w, trainable=False) for w in self._weights if stops_early]
    self._history = tf.Variable("[]")  # in the checkpoint, so that it fits the weights
    self._manager = None
    self._checkpoint = tf.train.Checkpoint(
      weights=self._weights,
      best=self._best,
      optimizer=[v.value for v in optimizer.variables],
      history=self._history,
    )

  @property
  def finished(self):
    """Whether there is no epoch left."""
    epochs, patience = self.classifier.epochs, self.options.patience
    waited = epochs - self._best_epoch()
    return epochs >= self.options.epochs or (patience is not None and waited >= patience)

  def keep_in(self, folder):
    """Saves each epoch in a folder from now on, after restoring the last one that is there."""
    self._manager = tf.train.CheckpointManager(
      self._checkpoint, folder, max_to_keep=1, checkpoint_name="epoch"
    )
    latest = self._manager.latest_checkpoint
    if not latest:
      return
    try:
      self._checkpoint.restore(latest).assert_consumed()
    except (tf.errors.OpError, AssertionError, ValueError) as error:
      raise UserError(
        f"cannot read the checkpoint {latest}: {str(error).splitlines()[0]}. Delete the folder "
        f"{folder!r} to train anew"
      ) from error
    self.classifier.history = json.loads(self._history.numpy())

  def end_epoch(self, row):
    """Takes the history's row of an epoch that has just been trained, and saves."""
    self.classifier.history.append(row)
    if self._best_epoch() == self.classifier.epochs:
      for best, weight in zip(self._best, self._weights):
        best.assign(weight)
    if self._manager and self._writes:
      self._save()

  def conclude(self):
    """Gives the classifier its weights."""
    self.classifier.best_epoch = self._best_epoch()
    for best, weight in zip(self._best, self._weights):
      weight.assign(best)

  def _best_epoch(self):
    """Returns the first epoch of the best score, or the last epoch if it never stops early."""
    history = self.classifier.history
    if self.options.patience is None or not history:
      return len(history)
    return 1 + int(np.argmax([row["validation_score"] for row in history]))

  def _save(self):
    self._history.assign(json.dumps(self.classifier.history))
    epoch = self.classifier.epochs
    try:
      self._manager.save(checkpoint_number=epoch)
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"cannot save epoch {epoch}: {disk_reason(error) or error}. The one before it is kept: "
        "free some space and run the same command again"
      ) from error


def identity(model, store, train_ids, targets, options, validation_ids):
  """Returns what makes a training another one, as JSON has it."""
  arrays = {
    "training clips": train_ids,
    "validation clips": validation_ids,
    "targets": np.asarray(targets, np.float32),
  }
  digests = {name: _digest(array.tobytes()) for name, array in arrays.items()}
  return {
    **dataclasses.asdict(options),
    "model": _digest(model.identity.encode()),
    "data set": _digest(store.digest.encode()),
    **digests,
  }


def _digest(content):
  return hashlib.sha256(content).hexdigest()[:16]


def claim(folder, described):
  """Notes whose folder it is, or refuses a folder of another training."""
  make_folder(folder)
  path = os.path.join(folder, _IDENTITY)
  if not os.path.exists(path):
    _write(path, described)
    return
  try:
    found = read_json(path)
  except (OSError, json.JSONDecodeError) as error:
    raise UserError(f"cannot read {path}: delete its folder to train anew") from error
  names = [name for name in described if found.get(name) != described[name]]
  if names:
    changes = [f"{name} was {found.get(name)!r} and is now {described[name]!r}" for name in names]
    raise UserError(
      f"{folder!r} holds another training: {'; '.join(changes)}. Choose another folder, or delete "
      "this one"
    )


def _write(path, described):
  try:
    write_json(path, described)
  except OSError as error:
    raise UserError(f"cannot write {path}: {disk_reason(error) or error}") from error
