"""The train_step that both papers share.

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mel bands,
D embedding, P projection.
"""

import keras
import tensorflow as tf

from audio import randomness


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

  def call(self, log_mels, training=False):
    """Log-mels `[B, T, F, 1]` -> projections `[B, P]`."""
    return self.head(self.encoder(log_mels, training=training), training=training)

  def train_step(self, batch):
    """One step of gradient descent; returns this step's measurements, each a scalar."""
    replica = tf.distribute.get_replica_context()
    seed = step_seed(self.seed, self.optimizer.iterations, replica.replica_id_in_sync_group)
    set_drop_states(self._drop_states, seed)
    views = self.views(batch, seed) if batch.shape.rank == 3 else batch  # [B, 2, T, F]
    with tf.GradientTape() as tape:
      embeddings, anchors, positives = self._embed_both(views)
      loss, accuracy = self.objective(anchors, positives)
      # Keras sums gradients over the replicas, hence the share; and mixed precision may scale.
      share = self.optimizer.scale_loss(loss / replica.num_replicas_in_sync)
    gradients = tape.gradient(share, self.trainable_weights)
    self.optimizer.apply(gradients, self.trainable_weights)
    return {
      "loss": loss,
      "contrastive_accuracy": accuracy,
      "embedding_spread": spread(embeddings),
      "gradient_norm": tf.linalg.global_norm(gradients),
    }

  def _embed_both(self, views):
    """Views `[B, 2, T, F]` -> embeddings `[2B, D]`, projections `[B, P]` of both, in training."""
    views = tf.expand_dims(views, -1)
    passes = [views[:, 0], views[:, 1]]
    if not self.separate_passes:
      passes = [tf.concat(passes, 0)]
    embeddings = [self.encoder(log_mels, training=True) for log_mels in passes]
    projections = [self.head(rows, training=True) for rows in embeddings]
    anchors, positives = tf.split(tf.cast(tf.concat(projections, 0), tf.float32), 2)
    return tf.concat(embeddings, 0), anchors, positives


def step_seed(seed, step, replica=0):
  """Returns int32 `[2]`, the seed of one step on one replica."""
  step = tf.cast(tf.convert_to_tensor(step), tf.int32)
  key = randomness.fold(tf.constant([seed, 0], tf.int32), step)
  return randomness.fold(key, replica)


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
    folded = randomness.fold(seed, index)
    state.assign(tf.cast(tf.bitcast(folded, tf.uint32), state.dtype))


def diagonal_cross_entropy(logits, first_column=0):
  """Cross entropy of choosing, for row i, column `first_column + i`.

  Args:
    logits: float32 `[B, G]`.
    first_column: column of row 0: where this replica's clips begin among all.

  Returns:
    (mean loss, share of rows whose own column is the largest), scalars.
  """
  targets = tf.range(tf.shape(logits)[0]) + first_column
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
  hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
  return tf.reduce_mean(losses), tf.reduce_mean(tf.cast(hits, tf.float32))


def gather_replicas(rows):
  """Rows `[B, P]` of this replica -> (those of all replicas `[G, P]`, number of our first row).

  The gradient flows back through the gathering.
  """
  context = tf.distribute.get_replica_context()
  if context is None or context.num_replicas_in_sync == 1:  # None: while a model is built
    return rows, 0
  first = tf.cast(context.replica_id_in_sync_group, tf.int32) * tf.shape(rows)[0]
  return context.all_gather(rows, axis=0), first


def spread(embeddings):
  """Mean standard deviation of the normalised embeddings times sqrt(D): 1 isotropic, 0 collapse."""
  normalised = tf.math.l2_normalize(tf.cast(embeddings, tf.float32), axis=1)
  deviations = tf.math.reduce_std(normalised, axis=0)
  return tf.reduce_mean(deviations) * tf.sqrt(tf.cast(tf.shape(embeddings)[1], tf.float32))
