"""COLA's own parts: projection head and similarities (paper, section 2).

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mels, D, P.
"""

import keras
import tensorflow as tf

from audio import encoders, optimizers
from audio.contrastive import ContrastiveModel, diagonal_cross_entropy, gather_replicas


class BilinearSimilarity(keras.layers.Layer):
  """s(x, x') = x^T W x' with a trained W (paper, eq. 1); no temperature."""

  def build(self, anchors_shape, positives_shape=None):
    size = anchors_shape[-1]
    normal = keras.initializers.RandomNormal(stddev=0.05)  # published code
    self.w = self.add_weight(name="w", shape=(size, size), initializer=normal)

  def call(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    return tf.matmul(anchors, tf.matmul(positives, self.w, transpose_b=True), transpose_b=True)


class CosineSimilarity(keras.layers.Layer):
  """s(x, x') = cos(x, x') / temperature (paper, section 3.3 and Table 3)."""

  def __init__(self, temperature, **kwargs):
    super().__init__(**kwargs)
    self.temperature = temperature

  def call(self, anchors, positives):
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    anchors = tf.math.l2_normalize(anchors, axis=1)
    positives = tf.math.l2_normalize(positives, axis=1)
    return tf.matmul(anchors, positives, transpose_b=True) / self.temperature

  def get_config(self):
    return super().get_config() | {"temperature": self.temperature}


class ColaObjective(keras.layers.Layer):
  """Each anchor has to find its positive among those of the whole batch (paper, eq. 2).

  One direction: anchors are rows, positives columns; the other positives are the negatives.
  """

  def __init__(self, similarity, **kwargs):
    super().__init__(**kwargs)
    self.similarity = similarity

  def call(self, anchors, positives):
    """`[B, P]` twice -> (loss, contrastive accuracy), scalars."""
    all_positives, first = gather_replicas(positives)  # [G, P]
    return diagonal_cross_entropy(self.similarity(anchors, all_positives), first)


def build_model(config):
  """Builds the whole model, with all its weights, compiled with Adam.

  Args:
    config: a cola.config.Config.

  Returns:
    A ContrastiveModel; its weights depend on Keras' global seed, see `pretraining`.
  """
  windows = config.windows()
  encoder = encoders.efficientnet_b0(
    config.num_mels, config.pooling, config.input_scaling, config.batchnorm_momentum
  )
  head = projection_head(encoder.output_shape[-1], config)
  objective = ColaObjective(_similarity(config))
  objective(tf.zeros([2, config.projection_units]), tf.zeros([2, config.projection_units]))
  model = ContrastiveModel(
    lambda excerpts, seed: windows(excerpts), encoder, head, objective, config.seed
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(optimizers.Adam(config.learning_rate))
  return model


def projection_head(size, config):
  """Dense, LayerNorm, tanh (paper, section 2); only the dense layer for cosine (published code)."""
  layers = [keras.Input([size]), keras.layers.Dense(config.projection_units)]
  if config.similarity == "bilinear":
    layers += [keras.layers.LayerNormalization(), keras.layers.Activation("tanh")]
  return keras.Sequential(layers, name="projection")


def _similarity(config):
  if config.similarity == "bilinear":
    return BilinearSimilarity()
  return CosineSimilarity(config.temperature)
