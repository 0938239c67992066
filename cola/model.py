"""COLA's own parts: projection head and similarities (paper, section 2).

Letters: B clips of this replica, G clips of all replicas, N samples, T frames, F mel bands,
D embedding, P projection.
"""

from typing import Any, Protocol

import keras
import tensorflow as tf

from cola.config import Config
from contrastive_audio.distributed import replicas
from contrastive_audio.frontend.front_end import energies_by_clip
from contrastive_audio.networks import encoders, heads
from contrastive_audio.networks.named_encoders import named_encoder
from contrastive_audio.training import optimizers
from contrastive_audio.training.contrastive import ContrastiveModel, Views
from contrastive_audio.training.cross_entropy import cross_entropy, dtype
from contrastive_audio.views import augment, stateless_random


class Similarity(Protocol):
  """A similarity that is a product of two factors, one of the anchors, one of the positives.

  Example:
    >>> similarity: Similarity = CosineSimilarity(temperature=0.2)
  """

  built: bool

  def build(self, anchors_shape: tuple[int | None, ...]) -> None:
    """Creates the weights, if there are any, for anchors `[B, P]`."""

  def factors(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`[B, P]`, `[G, P]` -> `[B, P]`, `[G, P]`, whose products are the similarities."""


class BilinearSimilarity(keras.layers.Layer):
  """s(x, x') = x^T W x' with a trained W (paper, eq. 1); it has no temperature.

  Example:
    >>> similarity = BilinearSimilarity()
    >>> similarity(tf.zeros([3, 8]), tf.zeros([5, 8])).shape
    TensorShape([3, 5])
    >>> tuple(similarity.w.shape)
    (8, 8)
  """

  def __init__(self, **kwargs: Any):
    super().__init__(**(kwargs | {"dtype": dtype()}))

  def build(
    self,
    anchors_shape: tuple[int | None, ...],
    positives_shape: tuple[int | None, ...] | None = None,
  ) -> None:
    size = anchors_shape[-1]
    normal = keras.initializers.RandomNormal(stddev=0.05)  # published code
    self.w = self.add_weight(name="w", shape=(size, size), initializer=normal)

  def call(self, anchors: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    rows, columns = self.factors(anchors, positives)
    return tf.matmul(rows, columns, transpose_b=True)

  def factors(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`[B, P]`, `[G, P]` -> `[B, P]`, `[G, P]`, whose products are the similarities."""
    return anchors, tf.matmul(positives, self.w, transpose_b=True)


class CosineSimilarity(keras.layers.Layer):
  """s(x, x') = cos(x, x') / temperature (paper, section 3.3 and Table 3).

  Example:
    >>> similarity = CosineSimilarity(temperature=0.2)
    >>> print(f"{similarity(tf.constant([[3.0, 0.0]]), tf.constant([[7.0, 0.0]]))[0, 0]:.1f}")
    5.0
  """

  def __init__(self, temperature: float, **kwargs: Any):
    """Sets the temperature.

    Args:
      temperature: cosines are divided by it.
      **kwargs: of keras.layers.Layer.
    """
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.temperature = temperature

  def call(self, anchors: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """`[B, P]`, `[G, P]` -> `[B, G]`."""
    rows, columns = self.factors(anchors, positives)
    return tf.matmul(rows, columns, transpose_b=True)

  def factors(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`[B, P]`, `[G, P]` -> `[B, P]`, `[G, P]`, whose products are the similarities."""
    anchors = tf.math.l2_normalize(anchors, axis=1)
    return anchors / self.temperature, tf.math.l2_normalize(positives, axis=1)

  def get_config(self) -> dict[str, Any]:
    return super().get_config() | {"temperature": self.temperature}


class ColaObjective(keras.layers.Layer):
  """Each anchor has to find its positive among those of the whole batch (paper, eq. 2).

  Anchors are rows and positives columns; the positives of other clips are the negatives. With two
  directions, positives look for their anchors, too, and loss and accuracy are the means of both.

  Example:
    >>> rows = 10 * tf.eye(6)
    >>> loss, accuracy = ColaObjective(CosineSimilarity(temperature=0.01))(rows, rows)
    >>> print(f"{loss:.1f} {accuracy:.1f}")  # each anchor matches its positive only
    0.0 1.0
  """

  def __init__(self, similarity: Similarity, directions: int = 1, block: int = 0, **kwargs: Any):
    """Sets the hyper-parameters.

    Args:
      similarity: compares two projections.
      directions: 1 or 2.
      block: rows whose logits are in memory at once; 0: all.
      **kwargs: of keras.layers.Layer.
    """
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.similarity = similarity
    self.directions = directions
    self.block = block

  def build(
    self,
    anchors_shape: tuple[int | None, ...],
    positives_shape: tuple[int | None, ...] | None = None,
  ) -> None:
    if not self.similarity.built:
      self.similarity.build(anchors_shape)

  def call(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`[B, P]` twice -> (loss, contrastive accuracy), scalars."""
    all_positives, first = replicas.gather(positives)  # [G, P]
    own = first + tf.range(tf.shape(anchors)[0])
    rows, columns = self.similarity.factors(anchors, all_positives)
    forward = cross_entropy(rows, columns, own, block=self.block)
    if self.directions == 1:
      return forward
    all_anchors, _ = replicas.gather(anchors)
    columns, rows = self.similarity.factors(all_anchors, positives)
    loss, accuracy = cross_entropy(rows, columns, own, block=self.block)
    return (forward[0] + loss) / 2, (forward[1] + accuracy) / 2


def build_model(config: Config) -> ContrastiveModel:
  """Builds the whole model, with all its weights, compiled with Adam.

  Args:
    config: every number.

  Returns:
    The model. Its weights depend on Keras' global seed, which training.building.build sets.

  Example:
    >>> model = build_model(Config(encoder="frame_cnn"))
    >>> model(tf.zeros([1, 96, 64, 1])).shape
    TensorShape([1, 512])
  """
  encoder = make_encoder(config)
  head = projection_head(encoder, config)
  objective = ColaObjective(_similarity(config), config.directions, config.logits_block)
  objective(tf.zeros([2, config.projection_units]), tf.zeros([2, config.projection_units]))
  model = ContrastiveModel(
    make_views(config), encoder, head, objective, config.seed, microbatch=config.microbatch
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(optimizer(config), jit_compile=config.xla)
  return model


def make_views(config: Config) -> Views:
  """Returns the function that turns excerpts into views; the paper has no augmentations.

  Args:
    config: front end and augmentations.

  Returns:
    `(excerpts [B, 2, N], seed [2]) -> [B, 2, T, F]`.

  Example:
    >>> views = make_views(Config())
    >>> views(tf.random.normal([4, 2, 15_600]), tf.constant([0, 1])).shape
    TensorShape([4, 2, 96, 64])
  """
  front_end = config.front_end()
  if not augment.parse_augment(config.augment):
    return lambda excerpts, seed: front_end(excerpts)
  apply = augment.compose(config)

  def views(excerpts, seed):
    log_mels = front_end.log_mel.compress(energies_by_clip(front_end, excerpts))
    pair = [apply(log_mels[:, view], stateless_random.fold(seed, view)) for view in (0, 1)]
    return front_end.standardise(tf.stack(pair, axis=1))

  return views


def make_encoder(config: Config) -> keras.Model:
  """Builds EfficientNet-B0 (paper, section 2), the network of the recipe `small`, or another.

  Args:
    config: encoder, num_mels, frames, pooling, input_scaling and batchnorm_momentum.

  Raises:
    UserError: it is none of our networks, and cannot be built or does not fit.

  Example:
    >>> make_encoder(Config(encoder="frame_cnn")).output_shape
    (None, 3072)
  """
  if config.encoder == "frame_cnn":
    return encoders.frame_cnn(config.num_mels, config.batchnorm_momentum, config.encoder_width)
  if ":" in config.encoder:
    return named_encoder(
      config.encoder, config.num_mels, config.frames, config.pooling, config.batchnorm_momentum
    )
  return encoders.efficientnet_b0(
    config.num_mels,
    pooling=config.pooling,
    input_scaling=config.input_scaling,
    batchnorm_momentum=config.batchnorm_momentum,
  )


def projection_head(encoder: keras.Model, config: Config) -> keras.Model:
  """Builds Dense, LayerNorm, tanh (paper, section 2); for cosine, and `plain`, only Dense.

  That is what the published code does for cosine; `plain` is the ablation for bilinear.

  Args:
    encoder: the encoder whose embeddings the head takes.
    config: head, projection_units, hidden_units, similarity and batchnorm_momentum.

  Returns:
    The head, `[B, D] -> [B, P]`.

  Example:
    >>> encoder = keras.Sequential([keras.Input([1280]), keras.layers.Identity()])
    >>> [type(layer).__name__ for layer in projection_head(encoder, Config()).layers]
    ['Dense', 'LayerNormalization', 'Activation']
  """
  if config.head == "mlp":
    return heads.mlp(
      encoder,
      units=config.projection_units,
      hidden_units=config.hidden_units,
      batchnorm_momentum=config.batchnorm_momentum,
      head_input=config.head_input,
    )
  layers = [keras.Input(encoder.output_shape[1:]), keras.layers.Dense(config.projection_units)]
  if config.similarity == "bilinear" and config.head == "dense":
    layers += [keras.layers.LayerNormalization(), keras.layers.Activation("tanh")]
  return keras.Sequential(layers, name="projection")


def optimizer(config: Config) -> keras.optimizers.Optimizer:
  """Returns Adam with a constant rate (paper, section 3.1), or as the configuration changes it.

  Args:
    config: learning_rate, warm_up, steps and weight_decay.

  Example:
    >>> print(f"{float(optimizer(Config()).learning_rate):.0e}")
    1e-04
  """
  rate = config.learning_rate
  if config.warm_up:
    rate = optimizers.warm_up_and_cosine(rate, config.num_steps, config.warm_up)
  if config.weight_decay:
    return optimizers.decoupled_adam(rate, config.weight_decay)
  return optimizers.Adam(rate)


def _similarity(config: Config) -> Similarity:
  if config.similarity == "bilinear":
    return BilinearSimilarity()
  return CosineSimilarity(config.temperature)
