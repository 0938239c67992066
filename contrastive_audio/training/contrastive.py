"""The train_step that both papers share.

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mel bands,
D embedding, P projection, K parts of a batch, n clips of a part.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.monitoring.health import spread
from contrastive_audio.networks import batchnorm
from contrastive_audio.networks.dropout import draw_apart, draw_dropout_by_rows, part_of_batch
from contrastive_audio.training.microbatches import collect, gradients_by_parts
from contrastive_audio.training.optimizers import apply_sums
from contrastive_audio.training.source_distance import SourceDistance, SourceEmbeddings
from contrastive_audio.training.step_seeds import (
  StepCount,
  drop_states,
  set_drop_states,
  step_seed,
)
from contrastive_audio.views import stateless_random

Views = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (excerpts, seed) -> log-mels
Logs = dict[str, tf.Tensor]  # measurement -> scalar


class Outputs(NamedTuple):
  """What the networks make of pairs: the first views of all clips, then the second; >= float32.

  Attributes:
    embeddings: `[2, B, D]`.
    projections: `[2, B, P]`.

  Example:
    >>> Outputs(tf.zeros([2, 6, 4]), tf.zeros([2, 6, 3])).projections.shape
    TensorShape([2, 6, 3])
  """

  embeddings: tf.Tensor
  projections: tf.Tensor


class ContrastiveModel(keras.Model):
  """Encoder, projection head and objective, trained on pairs of excerpts.

  A batch is either float32 `[B, E, N]`, waves whose views are made here, on the device; or
  `[B, 2, T, F]`, views that the host made with the same `views`.

  Args:
    views: `(excerpts [B, E, N], seed [2]) -> log-mels [B, 2, T, F]`.
    encoder: `[2B, T, F, 1] -> [2B, D]`.
    head: `[2B, D] -> [2B, P]`, for pre-training only.
    objective: a layer `(anchors [B, P], positives [B, P]) -> (loss, accuracy)`, the means over the
      rows of this replica against the columns of all replicas.
    seed: seed of everything that is drawn on the device.
    separate_passes: whether BatchNorm sees the two views one after the other, as in the published
      code of mix-back, or together in one pass, as in that of COLA.
    microbatch: pairs whose activations are in memory at once, a divisor of B; 0: all. Loss and
      gradients are those of the batch, but BatchNorm sees so many pairs at a time.

  Attributes:
    steps: how many were taken; what a step draws depends on it.

  Example:
    >>> encoder = keras.Sequential([keras.Input([6, 5, 1]), keras.layers.Flatten()])
    >>> head = keras.Sequential([keras.Input([30]), keras.layers.Dense(8)])
    >>> def objective(anchors, positives):
    ...   return tf.reduce_mean((anchors - positives) ** 2), tf.constant(0.0)
    >>> model = ContrastiveModel(None, encoder, head, objective)
    >>> model.compile(keras.optimizers.SGD(0.1))
    >>> sorted(model.train_step(tf.ones([4, 2, 6, 5])))
    ['contrastive_accuracy', 'embedding_spread', 'gradient_norm', 'loss']
  """

  def __init__(
    self,
    views: Views,
    encoder: keras.Model,
    head: keras.Model,
    objective: keras.layers.Layer,
    seed: int = 0,
    separate_passes: bool = False,
    microbatch: int = 0,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.views = views
    self.encoder = encoder
    self.head = head
    self.objective = objective
    self.seed = seed
    self.separate_passes = separate_passes
    self.microbatch = microbatch
    self._drop_states = drop_states(encoder) + drop_states(head)
    self._states_by_parts: list[keras.Variable] = []  # of layers that do not drop by rows
    if microbatch:
      by_rows = {id(state) for state in self._drop_by_rows()}
      self._states_by_parts = [v for v in self._drop_states if id(v) not in by_rows]
    self._stop_requested: tf.Variable | None = None
    self._source: SourceDistance | None = None
    self._keep = 0.0
    self.steps = StepCount()

  def keep_near(self, source: SourceDistance, weight: float) -> None:
    """Adds the distance to the embeddings of a frozen encoder to the loss.

    Args:
      source: measures the distance.
      weight: the distance is multiplied by it.
    """
    self._source, self._keep = source, weight

  def synchronise(self, hosts: Hosts) -> None:
    """Makes all replicas together behave as one would, in BatchNorm, dropout and stop requests.

    Args:
      hosts: the hosts that share the training.
    """
    if hosts.replicas == 1:
      return
    for network in (self.encoder, self.head):
      batchnorm.synchronise(network)
      draw_apart(network)
    self._drop_by_rows()
    if hosts.count > 1:
      self._stop_requested = tf.Variable(0.0, trainable=False)

  def _drop_by_rows(self) -> list[keras.Variable]:
    num_views = 1 if self.separate_passes else 2
    networks = (self.encoder, self.head)
    return [v for network in networks for v in draw_dropout_by_rows(network, num_views)]

  def request_stop(self, stop: bool) -> None:
    """Tells the other hosts, in the next step, that this one wants to stop.

    Args:
      stop: whether it wants to.
    """
    if self._stop_requested is not None:
      self._stop_requested.assign(float(stop))

  def call(self, log_mels: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Log-mels `[B, T, F, 1]` -> projections `[B, P]`."""
    return self.head(self.encoder(log_mels, training=training), training=training)

  def train_step(self, batch: tf.Tensor) -> Logs:
    """Takes one step of gradient descent.

    Args:
      batch: `[B, E, N]` or `[B, 2, T, F]`, see above.

    Returns:
      The measurements of this step, each a scalar.
    """
    number = self.steps.taken(self.optimizer)
    seed = step_seed(self.seed, number)
    views = self._make_views(batch, seed)  # [B, 2, T, F]
    in_parts = 0 < self.microbatch < views.shape[0]
    step = self._in_two_passes if in_parts else self._in_one_pass
    embeddings, measured, gradients = step(views, seed)
    scale = self.optimizer.scale_loss(tf.constant(1.0))
    gradients = apply_sums(self.optimizer, gradients, self.trainable_weights)
    self.steps.count(number, self.optimizer)
    measured = replicas.mean(measured)
    logs = measured | {
      "embedding_spread": spread(embeddings),
      "gradient_norm": tf.cast(tf.linalg.global_norm(gradients), tf.float32) / scale,
    }
    if self._stop_requested is None:
      return logs
    logs["stop"] = replicas.total(tf.identity(self._stop_requested))
    # With several hosts, Keras' fit averages the logs over their first axis, which scalars lack.
    return {name: tf.reshape(value, [1]) for name, value in logs.items()}

  def _make_views(self, batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Excerpts `[B, E, N]` -> views `[B, 2, T, F]`; views that the host made stay as they are."""
    if batch.shape.rank == 4:
      return batch
    if replicas.count() > 1:
      seed = _for_replica(seed, batch)
    return self.views(batch, seed)

  def _in_one_pass(
    self, views: tf.Tensor, seed: tf.Tensor
  ) -> tuple[tf.Tensor, Logs, list[tf.Tensor]]:
    """Views `[B, 2, T, F]` -> embeddings `[2B, D]`, measurements, gradients of the weights."""
    source = self._source.embed(_one_after_the_other(views)) if self._source else None
    set_drop_states(self._drop_states, seed)
    with tf.GradientTape() as tape:
      outputs = self._outputs(views)
      loss, measured = self._loss(outputs, source)
    return _rows(outputs.embeddings), measured, tape.gradient(loss, self.trainable_weights)

  def _in_two_passes(
    self, views: tf.Tensor, seed: tf.Tensor
  ) -> tuple[tf.Tensor, Logs, list[tf.Tensor]]:
    """The same as in one pass, with the activations of `microbatch` pairs at a time."""
    parts = tf.reshape(views, [-1, self.microbatch, *views.shape[1:]])  # [K, n, 2, T, F]
    num_parts, weights = parts.shape[0], self.trainable_weights

    def make(number: tf.Tensor) -> Outputs:
      set_drop_states(self._drop_states, seed)
      set_drop_states(self._states_by_parts, stateless_random.fold(seed, number))
      with part_of_batch(number, num_parts):
        return self._outputs(parts[number])

    source = self._embed_source(self._source, parts) if self._source else None
    outputs = collect(make, num_parts, self._signature())  # [K, 2, n, ...]
    with tf.GradientTape() as tape:
      tape.watch(outputs)
      whole = Outputs(*map(_put_together, outputs))
      loss, measured = self._loss(whole, source)
    slopes, gradients = tape.gradient(loss, (list(outputs), weights))
    inner = [weight for weight, gradient in zip(weights, gradients) if gradient is None]
    of_inner = iter(gradients_by_parts(make, slopes, inner))
    gradients = [next(of_inner) if gradient is None else gradient for gradient in gradients]
    return _rows(whole.embeddings), measured, gradients

  def _embed_source(self, source: SourceDistance, parts: tf.Tensor) -> SourceEmbeddings:
    """Parts of the views `[K, n, 2, T, F]` -> what the source makes of all of them."""

    def make(number: tf.Tensor) -> tf.Tensor:
      return _by_view(source.rows(_one_after_the_other(parts[number])))

    rows = collect(make, parts.shape[0], self._signature().embeddings)
    return source.with_variances(_rows(_put_together(rows)))

  def _signature(self) -> Outputs:
    """Shapes and types of the outputs of one part."""
    dtype = tf.float64 if self.head.outputs[0].dtype == "float64" else tf.float32
    sizes = [network.output_shape[-1] for network in (self.encoder, self.head)]
    return Outputs(*(tf.TensorSpec([2, self.microbatch, size], dtype) for size in sizes))

  def _outputs(self, views: tf.Tensor) -> Outputs:
    """Embeds and projects views `[B, 2, T, F]`, in training."""
    log_mels = _one_after_the_other(views)
    passes = tf.split(log_mels, 2) if self.separate_passes else [log_mels]
    embeddings = [self.encoder(log_mels, training=True) for log_mels in passes]
    projections = [self.head(rows, training=True) for rows in embeddings]
    return Outputs(_by_view(tf.concat(embeddings, 0)), _by_view(tf.concat(projections, 0)))

  def _loss(self, outputs: Outputs, source: SourceEmbeddings | None) -> tuple[tf.Tensor, Logs]:
    """Returns what is differentiated, and the measurements of this replica."""
    loss, accuracy = self.objective(*tf.unstack(outputs.projections))
    measured = {"contrastive_accuracy": accuracy}
    if self._source and source:
      measured["source_distance"] = self._source(_rows(outputs.embeddings), source)
      loss += self._keep * measured["source_distance"]
    # Gradients are summed over the replicas, hence the division; mixed precision may scale.
    return self.optimizer.scale_loss(loss / replicas.count()), measured | {"loss": loss}


def _by_view(rows: tf.Tensor) -> tf.Tensor:
  """`[2B, D]`, first views first -> `[2, B, D]`, at least in float32."""
  if rows.dtype in (tf.float16, tf.bfloat16):
    rows = tf.cast(rows, tf.float32)
  return tf.reshape(rows, [2, -1, rows.shape[-1]])


def _rows(by_view: tf.Tensor) -> tf.Tensor:
  """`[2, B, D]` -> `[2B, D]`, first views first."""
  return tf.reshape(by_view, [-1, by_view.shape[-1]])


def _put_together(parts: tf.Tensor) -> tf.Tensor:
  """`[K, 2, n, D]` -> `[2, B, D]`."""
  return tf.reshape(tf.transpose(parts, [1, 0, 2, 3]), [2, -1, parts.shape[-1]])


def _one_after_the_other(views: tf.Tensor) -> tf.Tensor:
  """Views `[B, 2, T, F]` -> `[2B, T, F, 1]`: the first view of each clip, then the second."""
  return tf.expand_dims(tf.concat([views[:, 0], views[:, 1]], 0), -1)


def _for_replica(seed: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
  """Returns a seed that draws for the clips of this replica what one device would draw."""
  total = tf.shape(batch)[0] * replicas.count()
  return stateless_random.for_rows(seed, replicas.first_row(batch), total)
