"""COLA's own parts: projection head and similarities (paper, section 2).

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mels, D, P.
"""

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.frontend.front_end import energies_by_clip
from contrastive_audio.networks import encoders, heads
from contrastive_audio.training import optimizers
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.cross_entropy import cross_entropy, dtype
from contrastive_audio.views import augment, stateless_random


class BilinearSimilarity(keras.layers.Layer):
  """s(x, x') = x^T W x' with a trained W (paper, eq. 1); no temperature."""

  def __init__(self, **kwargs):
    super().__init__(**(kwargs | {"dtype": dtype()}))

  def build(self, anchors_shape, positives_shape=None):
    size = anchors_shape[-1]
    normal = keras.initializers.RandomNormal(stddev=0.05)  # published code
    self.w = self.add_weight(name="w", shape=(size, size), initializer=normal)

  def call(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    return _products(*self.factors(anchors, positives))

  def factors(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, P]`, `[G, P]`, whose products are the similarities."""
    return anchors, tf.matmul(positives, self.w, transpose_b=True)


class CosineSimilarity(keras.layers.Layer):
  """s(x, x') = cos(x, x') / temperature (paper, section 3.3 and Table 3)."""

  def __init__(self, temperature, **kwargs):
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.temperature = temperature

  def call(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    return _products(*self.factors(anchors, positives))

  def factors(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, P]`, `[G, P]`, whose products are the similarities."""
    anchors = tf.math.l2_normalize(anchors, axis=1)
    return anchors / self.temperature, tf.math.l2_normalize(positives, axis=1)

  def get_config(self):
    return super().get_config() | {"temperature": self.temperature}


def _products(rows, columns):
  return tf.matmul(rows, columns, transpose_b=True)


class ColaObjective(keras.layers.Layer):
  """Each anchor has to find its positive among those of the whole batch (paper, eq. 2).

  One direction: anchors are rows, positives columns; the other positives are the negatives. With
  two, positives look for their anchors, too, and loss and accuracy are the means of both.
  """

  def __init__(self, similarity, directions=1, block=0, **kwargs):
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.similarity = similarity
    self.directions = directions
    self.block = block

  def build(self, anchors_shape, positives_shape=None):
    if not self.similarity.built:
      self.similarity.build(anchors_shape)

  def call(self, anchors, positives):
    """`[B, P]` twice -> (loss, contrastive accuracy), scalars."""
    all_positives, first = replicas.gather(positives)  # [G, P]
    own = first + tf.range(tf.shape(anchors)[0])
    forth = cross_entropy(*self.similarity.factors(anchors, all_positives), own, block=self.block)
    if self.directions == 1:
      return forth
    all_anchors, _ = replicas.gather(anchors)
    columns, rows = self.similarity.factors(all_anchors, positives)
    back = cross_entropy(rows, columns, own, block=self.block)
    return tuple((one + other) / 2 for one, other in zip(forth, back))


def build_model(config):
  """Builds the whole model, with all its weights, compiled with Adam.

  Args:
    config: a cola.config.Config.

  Returns:
    A ContrastiveModel; its weights depend on Keras' global seed, see `pretraining`.
  """
  encoder = make_encoder(config)
  head = projection_head(encoder, config)
  objective = ColaObjective(_similarity(config), config.directions, config.logits_block)
  objective(tf.zeros([2, config.projection_units]), tf.zeros([2, config.projection_units]))
  model = ContrastiveModel(make_views(config), encoder, head, objective, config.seed)
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(optimizer(config))
  return model


def make_views(config):
  """Returns the views: `(excerpts [B, 2, N], seed [2]) -> [B, 2, T, F]`; the paper has none."""
  front_end = config.front_end()
  if not augment.parse_augment(config.augment):
    return lambda excerpts, seed: front_end(excerpts)
  apply = augment.compose(config)

  def views(excerpts, seed):
    log_mels = front_end.log_mel.compress(energies_by_clip(front_end, excerpts))
    pair = [apply(log_mels[:, view], stateless_random.fold(seed, view)) for view in (0, 1)]
    return front_end.standardise(tf.stack(pair, axis=1))

  return views


def make_encoder(config):
  """Returns EfficientNet-B0 (paper, section 2), or the small network of the recipe `small`."""
  if config.encoder == "frame_cnn":
    return encoders.frame_cnn(config.num_mels, config.batchnorm_momentum)
  return encoders.efficientnet_b0(
    config.num_mels, config.pooling, config.input_scaling, config.batchnorm_momentum
  )


def projection_head(encoder, config):
  """Dense, LayerNorm, tanh (paper, section 2); only the dense layer for cosine (published code)."""
  if config.head == "mlp":
    units = config.projection_units, config.hidden_units
    return heads.mlp(encoder, *units, config.batchnorm_momentum)
  layers = [keras.Input(encoder.output_shape[1:]), keras.layers.Dense(config.projection_units)]
  if config.similarity == "bilinear":
    layers += [keras.layers.LayerNormalization(), keras.layers.Activation("tanh")]
  return keras.Sequential(layers, name="projection")


def optimizer(config):
  """Returns Adam with a constant rate (paper, section 3.1), or what the recipe makes of it."""
  rate = config.learning_rate
  if config.warm_up:
    rate = optimizers.warm_up_and_cosine(rate, config.steps, config.warm_up)
  if config.weight_decay:
    return optimizers.decoupled_adam(rate, config.weight_decay)
  return optimizers.Adam(rate)


def _similarity(config):
  if config.similarity == "bilinear":
    return BilinearSimilarity()
  return CosineSimilarity(config.temperature)
