"""Trains a classifier on random excerpts of labelled clips.

This is the papers' linear evaluation (frozen encoder) and fine-tuning. Excerpts and drop-connect
are functions of (seed, step), as in pre-training. The checkpoint of an epoch is therefore all that
resuming needs.

Letters: n clips, B clips of a batch, N samples of an excerpt, C classes.
"""

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.networks import batchnorm
from contrastive_audio.networks.cpu_kernels import use_cpu_kernels
from contrastive_audio.networks.dropout import draw_dropout_by_rows
from contrastive_audio.networks.nesting import layers_of
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.pipelines import BATCHES_AHEAD
from contrastive_audio.views.excerpts import ExcerptPairs
from downstream.classifiers import logistic
from downstream.classifiers.classifier import Classifier
from downstream.classifiers.gradient_step import GradientStep
from downstream.classifiers.scores import score
from downstream.classifiers.training_state import TrainingState, claimed_folder, training_identity
from downstream.encoders.models import Model
from downstream.protocols import Options


def train(
  model: Model,
  store: Store,
  train_ids: Sequence[int] | np.ndarray,
  targets: np.ndarray,
  options: Options,
  validation_ids: Sequence[int] | np.ndarray | None = None,
  folder: str | None = None,
  hosts: Hosts | None = None,
) -> Classifier:
  """Trains a classifier; each epoch sees one random excerpt of each clip.

  An epoch has whole batches only; which clips are left out changes from epoch to epoch.

  Args:
    model: a Model with front end and encoder; it is not changed.
    store: the clips, at the model's sample rate.
    train_ids: ids of the clips to train on.
    targets: float32 `[store.num_clips, C]`, one-hot or multi-hot, by clip id.
    options: how the classifier is trained; "refit" is for the caller to do.
    validation_ids: ids of the clips that the best epoch is chosen by; None: none.
    folder: where each epoch is saved, so that the same call resumes; None: nowhere.
    hosts: hosts that share each batch; None: this device alone.

  Raises:
    UserError: the model cannot be trained; the folder belongs to another training, or cannot be
      read or written; a loss is not finite.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> train(open_model("logmel_stats"), store, [0, 1], np.eye(20), Options(frozen=True))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'logmel_stats' cannot be trained on random excerpts: ...
  """
  hosts = hosts or Hosts()
  train_ids, validation_ids = _as_ids(train_ids), _as_ids(validation_ids)
  front_end, encoder = _trainable_networks(model, options)
  _require_clips(model, store, train_ids, options, validation_ids)
  pairs = _pairs(front_end, store.select(train_ids), options, hosts)
  keras.utils.set_random_seed(options.seed)
  if not options.frozen or options.updates_statistics:
    encoder = _copy(encoder, options, hosts)
  classifier = Classifier(front_end, encoder, targets.shape[1], options, hosts)
  step = GradientStep(classifier, front_end, options, hosts, pairs.steps_per_epoch)
  state = TrainingState(classifier, step.optimizer, options, hosts.is_chief)
  identity = training_identity(model, store, train_ids, targets, options, validation_ids)
  with claimed_folder(folder, identity) if folder and hosts.is_chief else contextlib.nullcontext():
    if folder:
      hosts.wait()
      state.restore_and_keep_in(folder)
    validation = _Validation(classifier, store, validation_ids, targets, options, hosts)
    if options.start == "linear" and not classifier.epochs:
      _start_from_linear(classifier, store, train_ids, targets, options)
    _run_epochs(step, state, pairs, targets[train_ids], validation, hosts)
  state.conclude()
  return classifier


def _pairs(front_end: FrontEnd, store: Store, options: Options, hosts: Hosts) -> ExcerptPairs:
  """Returns the ExcerptPairs of the training clips; a small set is one batch."""
  hosts.require_shares(options.batch_size)
  batch_size = min(options.batch_size, store.num_clips)
  batch_size -= batch_size % hosts.replicas
  if not batch_size:
    raise UserError(f"{hosts.replicas} devices cannot share {store.num_clips} training clips")
  return ExcerptPairs(store, batch_size, front_end.layout, options.seed)


def _trainable_networks(model: Model, options: Options) -> tuple[FrontEnd, keras.Model]:
  """Returns front end and encoder of a model; refuses one that cannot be trained."""
  if model.front_end is None or model.encoder is None:
    raise UserError(
      f"{model.name!r} cannot be trained on random excerpts: choose a run folder, "
      "random:efficientnet_b0 or random:RUN, not a SavedModel or a baseline"
    )
  if not options.frozen and not model.encoder.trainable_weights:
    raise UserError(f"{model.name!r} has no weights to fine-tune")
  return model.front_end, model.encoder


def _require_clips(
  model: Model,
  store: Store,
  train_ids: np.ndarray,
  options: Options,
  validation_ids: np.ndarray,
) -> None:
  """Refuses clips of another rate, no clips, and early stopping without validation clips."""
  if store.sample_rate_hz != model.sample_rate_hz:
    raise UserError(
      f"the clips have {store.sample_rate_hz} Hz, and {model.name!r} needs "
      f"{model.sample_rate_hz} Hz"
    )
  if not len(train_ids):
    raise UserError("there are no clips to train on")
  if options.selection != "last" and not len(validation_ids):
    raise UserError(f"selection={options.selection} needs validation clips")


def _as_ids(ids: Sequence[int] | np.ndarray | None) -> np.ndarray:
  return np.asarray([] if ids is None else ids, np.int64)


def _copy(encoder: keras.Model, options: Options, hosts: Hosts) -> keras.Model:
  """Returns a new encoder with the same weights, for all replicas."""
  with hosts.strategy.scope():
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
  if not options.updates_statistics:
    for layer in layers_of(copy):
      if isinstance(layer, keras.layers.BatchNormalization):
        layer.trainable = False
  if hosts.replicas > 1:
    batchnorm.synchronise(copy)
    draw_dropout_by_rows(copy, num_views=1)
  return use_cpu_kernels(copy)


class _Validation:
  """Scores the classifier on the validation clips."""

  def __init__(
    self,
    classifier: Classifier,
    store: Store,
    clip_ids: np.ndarray,
    targets: np.ndarray,
    options: Options,
    hosts: Hosts,
  ):
    self._classifier, self._store, self._clip_ids = classifier, store, clip_ids
    self._targets, self._hosts, self._metric = targets[clip_ids], hosts, options.metric
    self._is_constant = options.frozen and not options.updates_statistics
    self._windows: list[np.ndarray] | None = None
    if options.multi_label and len(clip_ids) and not self._targets.any():
      raise UserError("no validation clip has a label: there is nothing to score")

  def score(self) -> float | None:
    """Returns the score of the classifier as it is now; None without clips."""
    if not len(self._clip_ids):
      return None
    if self._windows is None or not self._is_constant:
      self._windows = list(self._classifier.embed_windows(self._store, self._clip_ids))
    scores = self._classifier.score_windows(self._windows)
    # All hosts must stop at the same epoch, even if their processors round differently.
    return self._hosts.broadcast_from_chief(score(self._metric, self._targets, scores))


def _start_from_linear(
  classifier: Classifier,
  store: Store,
  train_ids: np.ndarray,
  targets: np.ndarray,
  options: Options,
) -> None:
  """Gives the dense layer the weights of a logistic regression on the frozen encoder."""
  windows = classifier.embed_windows(store, train_ids)
  embeddings = np.stack([rows.mean(axis=0) for rows in windows])
  fitted = logistic.fit(
    embeddings, targets[train_ids], options.inverse_strength, options.multi_label
  )
  classifier.dense.set_weights(fitted.parameters())


def _run_epochs(
  step: GradientStep,
  state: TrainingState,
  pairs: ExcerptPairs,
  targets: np.ndarray,
  validation: _Validation,
  hosts: Hosts,
) -> None:
  """Runs the remaining epochs."""
  options, num_done = state.options, state.classifier.epochs
  first_step, num_epochs = num_done * pairs.steps_per_epoch, options.epochs - num_done

  def make_batches(host: int, num_hosts: int) -> tf.data.Dataset:
    return _batches(pairs, targets, first_step, num_epochs, share=(host, num_hosts))

  batches = iter(hosts.batches(make_batches))
  with progress_bar.make(
    options.epochs, "training", "epoch", initial=num_done, shown=hosts.is_chief
  ) as bar:
    while not state.finished:
      loss = _run_epoch(step, itertools.islice(batches, pairs.steps_per_epoch), state)
      row = {"loss": loss, "validation_score": validation.score()}
      state.end_epoch(row)
      score = "" if row["validation_score"] is None else f", score {row['validation_score']:.3f}"
      bar.set_description_str(f"training, loss {loss:.3f}{score}", refresh=False)
      bar.update()


def _run_epoch(step: GradientStep, batches: Iterator, state: TrainingState) -> float:
  """Takes a step per batch; returns the mean loss."""
  losses = []
  for number, batch in enumerate(batches, start=1):
    loss, gradient_norm = (float(value) for value in step.run(*batch))
    if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
      raise UserError(
        f"epoch {state.classifier.epochs + 1}, step {number}: loss {loss:g}, gradient norm "
        f"{gradient_norm:g}, learning rate {state.options.learning_rate:g}. Lower the learning rate"
      )
    losses.append(loss)
  return float(np.mean(losses))


def _batches(
  pairs: ExcerptPairs,
  targets: np.ndarray,
  first_step: int,
  num_epochs: int,
  share: tuple[int, int],
) -> tf.data.Dataset:
  """Returns (excerpts `[b, N]`, targets `[b, C]`) of all steps; b: a host's share of B clips."""
  num_steps = num_epochs * pairs.steps_per_epoch
  targets = tf.constant(targets, tf.float32)

  @tf.autograph.experimental.do_not_convert
  def pick(excerpts, step):
    return excerpts[:, 0], tf.gather(targets, pairs.clip_ids(step, share))

  steps = tf.data.Dataset.range(first_step, first_step + num_steps)
  excerpts = pairs.dataset(first_step, num_steps, share=share)
  return tf.data.Dataset.zip((excerpts, steps)).map(pick).prefetch(BATCHES_AHEAD)
