"""The train_step that both papers share.

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mel bands,
D embedding, P projection.
"""

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.monitoring.health import spread
from contrastive_audio.networks import batchnorm, cpu_kernels
from contrastive_audio.training.optimizers import takes_sums
from contrastive_audio.views import stateless_random


class ContrastiveModel(keras.Model):
  """Encoder, projection head and objective, trained on pairs of excerpts.

  A batch is float32 `[B, E, N]` (waves: the views are made here, on the device) or `[B, 2, T, F]`
  (views that were made on the host by the same `views`).

  Args:
    views: a callable `(excerpts [B, E, N], seed [2]) -> log-mels [B, 2, T, F]`.
    encoder: a keras.Model `[2B, T, F, 1] -> [2B, D]`.
    head: a keras.Model `[2B, D] -> [2B, P]`, used in pre-training only.
    objective: a keras layer; `(anchors [B, P], positives [B, P]) -> (loss, accuracy)`, the means
      over the rows of this replica against the columns of all replicas.
    seed: int, for everything that is drawn on the device.
    separate_passes: whether BatchNorm sees the two views one after the other, as in the published
      code of mix-back, or, in one pass, together, as in that of COLA.
  """

  def __init__(self, views, encoder, head, objective, seed=0, separate_passes=False, **kwargs):
    super().__init__(**kwargs)
    self.views = views
    self.encoder = encoder
    self.head = head
    self.objective = objective
    self.seed = seed
    self.separate_passes = separate_passes
    self._drop_states = drop_states(encoder) + drop_states(head)
    self._stop_requested = None

  def share(self, hosts):
    """Lets replicas together be what one would be, in BatchNorm, dropout and requests to stop.

    Args:
      hosts: distribution.Hosts.
    """
    if hosts.replicas == 1:
      return
    for network in (self.encoder, self.head):
      batchnorm.synchronise(network)
      cpu_kernels.draw_dropout_by_rows(network, 1 if self.separate_passes else 2)
    if hosts.count > 1:
      self._stop_requested = tf.Variable(0.0, trainable=False)

  def request_stop(self, stop):
    """Lets the other hosts know, in the next step, that this one wants to stop."""
    if self._stop_requested is not None:
      self._stop_requested.assign(float(stop))

  def call(self, log_mels, training=False):
    """Log-mels `[B, T, F, 1]` -> projections `[B, P]`."""
    return self.head(self.encoder(log_mels, training=training), training=training)

  def train_step(self, batch):
    """One step of gradient descent; returns this step's measurements, each a scalar."""
    seed = step_seed(self.seed, self.optimizer.iterations)
    set_drop_states(self._drop_states, seed)
    if replicas.count() > 1:
      seed = _for_replica(seed, batch)
    views = self.views(batch, seed) if batch.shape.rank == 3 else batch  # [B, 2, T, F]
    with tf.GradientTape() as tape:
      embeddings, anchors, positives = self._embed_both(views)
      loss, accuracy = self.objective(anchors, positives)
      # Gradients are summed over the replicas, hence the share; and mixed precision may scale.
      share = self.optimizer.scale_loss(loss / replicas.count())
    scale = self.optimizer.scale_loss(tf.constant(1.0))
    weights = self.trainable_weights
    gradients = apply_sums(self.optimizer, tape.gradient(share, weights), weights)
    loss, accuracy = replicas.mean([loss, accuracy])
    logs = {
      "loss": loss,
      "contrastive_accuracy": accuracy,
      "embedding_spread": spread(embeddings),
      "gradient_norm": tf.cast(tf.linalg.global_norm(gradients), tf.float32) / scale,
    }
    if self._stop_requested is None:
      return logs
    logs["stop"] = replicas.total(tf.identity(self._stop_requested))
    # Keras' fit averages what several hosts return over its first axis, which scalars lack.
    return {name: tf.reshape(value, [1]) for name, value in logs.items()}

  def _embed_both(self, views):
    """Views `[B, 2, T, F]` -> embeddings `[2B, D]`, projections `[B, P]` of both, in training."""
    views = tf.expand_dims(views, -1)
    passes = [views[:, 0], views[:, 1]]
    if not self.separate_passes:
      passes = [tf.concat(passes, 0)]
    embeddings = [self.encoder(log_mels, training=True) for log_mels in passes]
    projections = [self.head(rows, training=True) for rows in embeddings]
    projections = tf.concat(projections, 0)
    if projections.dtype in (tf.float16, tf.bfloat16):
      projections = tf.cast(projections, tf.float32)
    anchors, positives = tf.split(projections, 2)
    return tf.concat(embeddings, 0), anchors, positives


def _for_replica(seed, batch):
  """Returns the seed that draws for the clips of this replica what one device would draw."""
  total = tf.shape(batch)[0] * replicas.count()
  return stateless_random.for_rows(seed, replicas.first_row(batch), total)


def apply_sums(optimizer, gradients, weights):
  """Applies the gradients of all replicas; returns their sums.

  Args:
    optimizer: a built Keras optimiser.
    gradients: of this replica.
    weights: Keras variables.
  """
  sums = replicas.total(gradients)
  optimizer.apply(sums if takes_sums(optimizer) else gradients, weights)
  return sums


def step_seed(seed, step):
  """Returns int32 `[2]`, the seed of one step."""
  step = tf.cast(tf.convert_to_tensor(step), tf.int32)
  key = stateless_random.fold(tf.constant([seed, 0], tf.int32), step)
  return stateless_random.fold(key, 0)  # the stream of views and dropout


def drop_states(model):
  """Returns the variables of a keras.Model that its dropout and drop-connect draw from."""
  return [variable for variable in model.variables if "seed_generator_state" in variable.path]


def set_drop_states(states, seed):
  """Makes drop-connect a function of the step, so that a resume lacks no random state.

  Args:
    states: variables, from `drop_states`.
    seed: int32 `[2]`, from `step_seed`.
  """
  for index, state in enumerate(states):
    folded = stateless_random.fold(seed, index)
    state.assign(tf.cast(tf.bitcast(folded, tf.uint32), state.dtype))
