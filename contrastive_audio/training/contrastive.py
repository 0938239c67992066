"""The train_step that both papers share.

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mel bands,
D embedding, P projection.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.monitoring.health import spread
from contrastive_audio.networks import batchnorm
from contrastive_audio.networks.dropout import draw_dropout_by_rows
from contrastive_audio.training.optimizers import takes_sums
from contrastive_audio.training.source_distance import SourceDistance
from contrastive_audio.views import stateless_random

Views = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (excerpts, seed) -> log-mels


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
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.views = views
    self.encoder = encoder
    self.head = head
    self.objective = objective
    self.seed = seed
    self.separate_passes = separate_passes
    self._drop_states = drop_states(encoder) + drop_states(head)
    self._stop_requested: tf.Variable | None = None
    self._source: SourceDistance | None = None
    self._keep = 0.0

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
      draw_dropout_by_rows(network, num_views=1 if self.separate_passes else 2)
    if hosts.count > 1:
      self._stop_requested = tf.Variable(0.0, trainable=False)

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

  def train_step(self, batch: tf.Tensor) -> dict[str, tf.Tensor]:
    """Takes one step of gradient descent.

    Args:
      batch: `[B, E, N]` or `[B, 2, T, F]`, see above.

    Returns:
      The measurements of this step, each a scalar.
    """
    seed = step_seed(self.seed, self.optimizer.iterations)
    set_drop_states(self._drop_states, seed)
    views = self._make_views(batch, seed)  # [B, 2, T, F]
    source = self._source and self._source.embed(_one_after_the_other(views))
    with tf.GradientTape() as tape:
      embeddings, anchors, positives = self._embed_both(views)
      loss, accuracy = self.objective(anchors, positives)
      measured = {}
      if self._source and source:
        measured["source_distance"] = self._source(embeddings, source)
        loss += self._keep * measured["source_distance"]
      # Gradients are summed over the replicas, hence the division; mixed precision may scale.
      scaled = self.optimizer.scale_loss(loss / replicas.count())
    scale = self.optimizer.scale_loss(tf.constant(1.0))
    weights = self.trainable_weights
    gradients = apply_sums(self.optimizer, tape.gradient(scaled, weights), weights)
    loss, accuracy, measured = replicas.mean((loss, accuracy, measured))
    logs = measured | {
      "loss": loss,
      "contrastive_accuracy": accuracy,
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

  def _embed_both(self, views: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Views `[B, 2, T, F]` -> embeddings `[2B, D]`, projections `[B, P]` of both, in training."""
    log_mels = _one_after_the_other(views)
    passes = tf.split(log_mels, 2) if self.separate_passes else [log_mels]
    embeddings = [self.encoder(log_mels, training=True) for log_mels in passes]
    projections = tf.concat([self.head(rows, training=True) for rows in embeddings], 0)
    if projections.dtype in (tf.float16, tf.bfloat16):
      projections = tf.cast(projections, tf.float32)
    anchors, positives = tf.split(projections, 2)
    return tf.concat(embeddings, 0), anchors, positives


def _one_after_the_other(views: tf.Tensor) -> tf.Tensor:
  """Views `[B, 2, T, F]` -> `[2B, T, F, 1]`: the first view of each clip, then the second."""
  return tf.expand_dims(tf.concat([views[:, 0], views[:, 1]], 0), -1)


def _for_replica(seed: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
  """Returns a seed that draws for the clips of this replica what one device would draw."""
  total = tf.shape(batch)[0] * replicas.count()
  return stateless_random.for_rows(seed, replicas.first_row(batch), total)


def apply_sums(
  optimizer: keras.optimizers.Optimizer,
  gradients: Sequence[tf.Tensor],
  weights: Sequence[keras.Variable],
) -> list[tf.Tensor]:
  """Applies the gradients of all replicas.

  Args:
    optimizer: a built optimizer.
    gradients: the gradients of this replica.
    weights: the variables, one for each gradient.

  Returns:
    The sums of the gradients over all replicas.

  Example:
    >>> weight, optimizer = keras.Variable(1.0), keras.optimizers.SGD(0.1)
    >>> optimizer.build([weight])
    >>> _ = apply_sums(optimizer, [tf.constant(2.0)], [weight])
    >>> print(f"{weight.numpy():.1f}")
    0.8
  """
  sums = replicas.total(list(gradients))
  optimizer.apply(sums if takes_sums(optimizer) else gradients, weights)
  return sums


def step_seed(seed: int, step: int | tf.Tensor) -> tf.Tensor:
  """Returns the seed of one step, int32 `[2]`.

  Args:
    seed: of the training.
    step: from 0.

  Example:
    >>> bool(tf.reduce_all(step_seed(0, 1) == step_seed(0, 1)))
    True
    >>> bool(tf.reduce_all(step_seed(0, 1) == step_seed(0, 2)))
    False
  """
  step = tf.cast(tf.convert_to_tensor(step), tf.int32)
  key = stateless_random.fold(tf.constant([seed, 0], tf.int32), step)
  return stateless_random.fold(key, 0)  # the stream of views and dropout


def drop_states(model: keras.Model) -> list[keras.Variable]:
  """Returns the variables that the dropout and drop-connect of a model draw from.

  Args:
    model: a built model.

  Example:
    >>> model = keras.Sequential([keras.Input([4]), keras.layers.Dropout(0.5)])
    >>> len(drop_states(model))
    1
  """
  return [variable for variable in model.variables if "seed_generator_state" in variable.path]


def set_drop_states(states: Sequence[keras.Variable], seed: tf.Tensor) -> None:
  """Makes dropout and drop-connect a function of the step, so that a run resumes exactly.

  Args:
    states: variables, from `drop_states`.
    seed: int32 `[2]`, from `step_seed`.

  Example:
    >>> model = keras.Sequential([keras.Input([64]), keras.layers.Dropout(0.5)])
    >>> def drop():
    ...   set_drop_states(drop_states(model), step_seed(0, 7))
    ...   return model(tf.ones([1, 64]), training=True)
    >>> bool(tf.reduce_all(drop() == drop()))
    True
  """
  for index, state in enumerate(states):
    folded = stateless_random.fold(seed, index)
    state.assign(tf.cast(tf.bitcast(folded, tf.uint32), state.dtype))
