"""A classifier on top of an encoder, trained on random excerpts of labelled clips.

The papers' linear evaluation (frozen encoder) and fine-tuning. Excerpts and drop-connect are
functions of (seed, step), as in pre-training, so the checkpoint of an epoch is all that a resume
needs.

Letters: n clips, B clips of a batch, N samples of an excerpt, T frames, F mel bands, D embedding,
C classes.
"""

import dataclasses
import math

import keras
import numpy as np
import sklearn.metrics
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.networks import cpu_kernels, encoders
from contrastive_audio.training.contrastive import (
  apply_sums,
  drop_states,
  set_drop_states,
  step_seed,
)
from contrastive_audio.training.optimizers import Adam
from contrastive_audio.utils import progress_bar
from contrastive_audio.views.excerpts import ExcerptPairs
from downstream.classifiers import logistic
from downstream.classifiers.training_state import State, claim, identity

STARTS = ("random", "linear")
BATCHNORMS = ("batch", "fixed")


@dataclasses.dataclass(frozen=True)
class Options:
  """How a classifier is trained.

  Attributes:
    frozen: the encoder stays as it is, its BatchNorm in inference mode; if not, a copy is trained.
    learning_rate: of Adam (COLA, sections 3.1 and 3.3).
    batch_size: B (COLA); of fewer clips all are one batch.
    epochs: at most; 100 as in the published code of COLA.
    patience: epochs without a better validation score after which it stops, and takes the weights
      of the best epoch; None: it never stops early, and takes the last weights.
    start: what the dense layer starts from: "random" (the papers), or "linear": logistic regression
      on the embeddings of the training clips (Kumar et al. 2022, "LP-FT": from random layers the
      first gradients distort what the encoder has learnt).
    batchnorm: of a trained encoder: "batch" statistics (the papers), or "fixed": as in inference.
    multi_label: sigmoid and its cross entropy instead of softmax.
    seed: of the dense layer, the excerpts and drop-connect.
  """

  frozen: bool
  learning_rate: float = 1e-3
  batch_size: int = 64
  epochs: int = 100
  patience: int | None = None
  start: str = "random"
  batchnorm: str = "batch"
  multi_label: bool = False
  seed: int = 0

  def __post_init__(self):
    smallest = {"batch_size": 1, "epochs": 1, "patience": 1}
    for name, least in smallest.items():
      value = getattr(self, name)
      if value is not None and value < least:
        raise UserError(f"{name}={value}: it has to be at least {least}")
    for name, allowed in (("start", STARTS), ("batchnorm", BATCHNORMS)):
      if getattr(self, name) not in allowed:
        raise UserError(f"{name}={getattr(self, name)!r}: allowed are {', '.join(allowed)}")
    if not self.learning_rate > 0:
      raise UserError(f"learning_rate={self.learning_rate}: it has to be above 0")


class Classifier:
  """An encoder with a dense layer on top.

  Attributes:
    encoder: keras.Model `[B, T, F, 1] -> [B, D]`: the frozen one, or the trained copy.
    dense: keras.layers.Dense `[B, D] -> [B, C]`, logits.
    history: a dictionary per epoch: `loss`, the mean over its steps, and `validation_score`,
      accuracy or mean average precision in [0, 1], None without validation clips.
    best_epoch: number, from 1, of the epoch whose weights these are; 0: untrained.
  """

  def __init__(self, front_end, encoder, num_classes, multi_label=False, hosts=None):
    """Takes the FrontEnd and the encoder; draws the dense layer from Keras' global seed."""
    self.encoder = encoder
    with (hosts or Hosts()).strategy.scope():
      self.dense = keras.layers.Dense(num_classes, dtype="float32")
      self.dense.build([None, encoder.output_shape[-1]])
    self.history = []
    self.best_epoch = 0
    self._embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
    self._multi_label = multi_label

  @property
  def epochs(self):
    """Number of epochs trained."""
    return len(self.history)

  def scores(self, store, clip_ids):
    """Judges clips: logits averaged over the windows that cover a clip (COLA, section 3.3).

    Args:
      store: a store.Store of the encoder's sample rate.
      clip_ids: n ids.

    Returns:
      float32 `[n, C]`, probabilities: the softmax (multi_label: the sigmoid) of the mean logits.
    """
    logits = self.logits(self.embeddings(store, clip_ids))
    return (tf.sigmoid(logits) if self._multi_label else tf.nn.softmax(logits)).numpy()

  def embeddings(self, store, clip_ids):
    """Returns float32 `[n, D]`, the mean over the windows that cover each clip."""
    rows = list(self._embedder.embed(map(store.wave, clip_ids)))
    return np.reshape(rows, [-1, self.encoder.output_shape[-1]]).astype(np.float32)

  def logits(self, embeddings):
    """Embeddings `[n, D]` -> logits float32 `[n, C]`.

    The layer is linear: the logits of a mean embedding are the mean logits of its windows.
    """
    return self.dense(embeddings).numpy()


def train(
  model,
  store,
  train_ids,
  targets,
  options,
  validation_ids=None,
  folder=None,
  description="training",
  hosts=None,
):
  """Trains a classifier; each epoch sees one random excerpt of each clip.

  An epoch has whole batches only; which clips are left out changes from epoch to epoch.

  Args:
    model: a models.Model with windows and encoder; it is not changed.
    store: a store.Store of the model's sample rate.
    train_ids: ids of the clips to train on.
    targets: float32 `[store.num_clips, C]`, one-hot or multi-hot, by clip id.
    options: an Options.
    validation_ids: ids of the clips that early stopping looks at; None: none.
    folder: where each epoch is saved: the same call goes on after the last; None: nowhere.
    description: what the progress bar says.
    hosts: distribution.Hosts that share each batch; None: this device alone.

  Returns:
    A Classifier.

  Raises:
    UserError: the model cannot be trained; the folder belongs to another training, or cannot be
      read or written; a loss is not finite.
  """
  hosts = hosts or Hosts()
  _require_trainable(model, store, train_ids, options, validation_ids)
  train_ids, validation_ids = _as_ids(train_ids), _as_ids(validation_ids)
  pairs = _pairs(model, store.select(train_ids), options, hosts)
  keras.utils.set_random_seed(options.seed)
  encoder = model.encoder if options.frozen else _copy(model.encoder, options.batchnorm, hosts)
  classifier = Classifier(model.front_end, encoder, targets.shape[1], options.multi_label, hosts)
  step = _Step(classifier, model.front_end, options, hosts)
  state = State(classifier, step.optimizer, options, hosts.is_chief)
  if folder:
    if hosts.is_chief:
      claim(folder, identity(model, store, train_ids, targets, options, validation_ids))
    hosts.wait()
    state.keep_in(folder)
  validation = _Validation(classifier, store, validation_ids, targets, options, hosts)
  if options.start == "linear" and not classifier.epochs:
    _start_linearly(classifier, store, train_ids, targets, validation)
  _run_epochs(step, state, pairs, targets[train_ids], validation, description, hosts)
  state.conclude()
  return classifier


def _pairs(model, store, options, hosts):
  """Returns the ExcerptPairs of the training clips; small sets are one batch."""
  hosts.require_shares(options.batch_size)
  batch_size = min(options.batch_size, store.num_clips)
  batch_size -= batch_size % hosts.replicas
  if not batch_size:
    raise UserError(f"{hosts.replicas} devices cannot share {store.num_clips} training clips")
  return ExcerptPairs(store, batch_size, model.front_end.layout, options.seed)


def _require_trainable(model, store, train_ids, options, validation_ids):
  if model.front_end is None or model.encoder is None:
    raise UserError(
      f"{model.name!r} is no network that can be trained on random excerpts, as a SavedModel is "
      "none: this needs a run folder, or random:efficientnet_b0, or random:RUN"
    )
  if not options.frozen and not model.encoder.trainable_weights:
    raise UserError(f"{model.name!r} has no weights to fine-tune")
  if store.sample_rate_hz != model.front_end.sample_rate_hz:
    raise UserError(
      f"the clips have {store.sample_rate_hz} Hz, and {model.name!r} needs "
      f"{model.windows.sample_rate_hz} Hz"
    )
  if not len(train_ids):
    raise UserError("there are no clips to train on")
  if options.patience is not None and (validation_ids is None or not len(validation_ids)):
    raise UserError(f"patience={options.patience} needs validation clips to look at")


def _as_ids(ids):
  return np.asarray([] if ids is None else ids, np.int64)


def _copy(encoder, batchnorm, hosts):
  """Returns a new encoder with the same weights, for all replicas."""
  with hosts.strategy.scope():
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
  if batchnorm == "fixed":
    for layer in copy.layers:
      if isinstance(layer, keras.layers.BatchNormalization):
        layer.trainable = False
  if hosts.replicas > 1:
    batchnorm.synchronise(copy)
    cpu_kernels.draw_dropout_by_rows(copy, blocks=1)
  return encoders.use_fast_kernels(copy)


def _start_linearly(classifier, store, train_ids, targets, validation):
  """Gives the dense layer the weights of a logistic regression on the frozen encoder."""
  rows = classifier.embeddings(store, train_ids)

  def start(strength):
    fitted = logistic.fit(rows, targets[train_ids], strength)
    classifier.dense.set_weights(fitted.parameters())
    return validation.score()

  has_choice = validation.num_clips > 0
  start(logistic.choose(start) if has_choice else logistic.WITHOUT_VALIDATION)


class _Step:
  """One step of gradient descent, on the dense layer alone if the encoder is frozen."""

  def __init__(self, classifier, front_end, options, hosts):
    self._classifier, self._front_end, self._options = classifier, front_end, options
    self._strategy = hosts.strategy
    encoder, dense = classifier.encoder, classifier.dense
    encoder_weights = [] if options.frozen else encoder.trainable_weights
    self._trained = [*encoder_weights, *dense.trainable_weights]
    self._drop_states = [] if options.frozen else drop_states(encoder)
    with hosts.strategy.scope():
      self.optimizer = Adam(options.learning_rate)
      self.optimizer.build(self._trained)

  @tf.function
  def run(self, excerpts, targets):
    """Excerpts `[B, N]`, targets `[B, C]` -> (loss, norm of the gradient), scalars."""
    found = self._strategy.run(self._of_replica, args=(excerpts, targets))
    return tf.nest.map_structure(lambda v: self._strategy.experimental_local_results(v)[0], found)

  def _of_replica(self, excerpts, targets):
    set_drop_states(self._drop_states, step_seed(self._options.seed, self.optimizer.iterations))
    log_mels = _log_mels(self._front_end, excerpts)[..., None]
    trained = [variable.value for variable in self._trained]
    # Watching only what is trained: nothing of a frozen encoder is kept for a gradient.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(trained)
      embeddings = self._classifier.encoder(log_mels, training=not self._options.frozen)
      logits = self._classifier.dense(tf.cast(embeddings, tf.float32))
      loss = self._loss(targets, logits)
      share = loss / replicas.count()
    gradients = apply_sums(self.optimizer, tape.gradient(share, trained), self._trained)
    return replicas.mean(loss), tf.linalg.global_norm(gradients)

  def _loss(self, targets, logits):
    if self._options.multi_label:
      losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    else:
      losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(losses)


def _log_mels(front_end, excerpts):
  """Excerpts `[B, N]` -> log-mels `[B, T, F]`; on a CPU one by one.

  The spectra of a batch do not fit into the caches of a processor: 1.6 times faster for mix-back.
  """
  if tf.config.list_physical_devices("GPU"):
    return front_end(excerpts)
  return tf.map_fn(front_end, excerpts, parallel_iterations=10)


class _Validation:
  """Scores the classifier on the validation clips."""

  def __init__(self, classifier, store, clip_ids, targets, options, hosts):
    self._classifier, self._store, self._clip_ids = classifier, store, clip_ids
    self._targets, self._options, self._hosts = targets[clip_ids], options, hosts
    self._embeddings = None

  @property
  def num_clips(self):
    """How many clips are looked at."""
    return len(self._clip_ids)

  def score(self):
    """Returns the score as the classifier is now; None without clips."""
    if not len(self._clip_ids):
      return None
    if self._embeddings is None or not self._options.frozen:
      self._embeddings = self._classifier.embeddings(self._store, self._clip_ids)
    logits = self._classifier.logits(self._embeddings)
    # All hosts have to stop at the same epoch, whatever a processor makes of the last digit.
    return self._hosts.broadcast_from_chief(_score(logits, self._targets, self._options.multi_label))


def _score(logits, targets, multi_label):
  """Returns accuracy, or the mean average precision of the classes that occur, in [0, 1]."""
  if not multi_label:
    return float(np.mean(logits.argmax(axis=1) == targets.argmax(axis=1)))
  occurring = targets.any(axis=0)
  if not occurring.any():
    raise UserError("no validation clip has a label: there is nothing to score")
  targets, logits = targets[:, occurring] > 0, logits[:, occurring]
  return float(sklearn.metrics.average_precision_score(targets, logits, average="macro"))


def _run_epochs(step, state, pairs, targets, validation, description, hosts):
  """Runs the epochs that are left."""
  options, done = state.options, state.classifier.epochs
  first_step, num_epochs = done * pairs.steps_per_epoch, options.epochs - done
  batches = hosts.batches(lambda *part: _batches(pairs, targets, first_step, num_epochs, part))
  batches, shown = iter(batches), hosts.is_chief
  with progress_bar.make(options.epochs, description, "epoch", initial=done, shown=shown) as bar:
    while not state.finished:
      epoch, losses = state.classifier.epochs + 1, []
      for number, batch in zip(range(1, pairs.steps_per_epoch + 1), batches):
        loss, gradient_norm = (float(value) for value in step.run(*batch))
        _require_finite(loss, gradient_norm, epoch, number, options.learning_rate)
        losses.append(loss)
      row = {"loss": float(np.mean(losses)), "validation_score": validation.score()}
      state.end_epoch(row)
      shown = {name: f"{value:.3f}" for name, value in row.items() if value is not None}
      bar.set_postfix(shown, refresh=False)
      bar.update()


def _batches(pairs, targets, first_step, num_epochs, part):
  """Returns a tf.data.Dataset of (excerpts `[b, N]`, targets `[b, C]`): a part of each step's."""
  num_steps = num_epochs * pairs.steps_per_epoch
  targets = tf.constant(targets, tf.float32)

  def pick(excerpts, step):
    return excerpts[:, 0], tf.gather(targets, pairs.clip_ids(step, part))

  steps = tf.data.Dataset.range(first_step, first_step + num_steps)
  # Not in parallel: one core copies far more excerpts than are encoded.
  excerpts = pairs.dataset(first_step, num_steps, parallel=False, part=part)
  return tf.data.Dataset.zip((excerpts, steps)).map(pick).prefetch(tf.data.AUTOTUNE)


def _require_finite(loss, gradient_norm, epoch, step, learning_rate):
  if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
    raise UserError(
      f"epoch {epoch}, step {step}: loss {loss:g}, gradient norm {gradient_norm:g}, learning rate "
      f"{learning_rate:g}. A lower learning rate is the usual cure"
    )
