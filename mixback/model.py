"""mix-back's own parts: the views, the projection head and NT-Xent.

Letters: B clips of this replica, G clips of all replicas, E excerpts of a clip, N samples,
T frames, F mel bands, P projection.
"""

from typing import Any

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.frontend.front_end import energies_by_clip
from contrastive_audio.networks import encoders, heads
from contrastive_audio.networks.named_encoders import named_encoder
from contrastive_audio.networks.pytorch_defaults import pytorch_dense
from contrastive_audio.training import optimizers
from contrastive_audio.training.contrastive import ContrastiveModel, Views
from contrastive_audio.training.cross_entropy import cross_entropy, dtype
from contrastive_audio.views import augment, stateless_random
from mixback import mixing, silence
from mixback.config import Config

_BACKGROUND, _LAMBDA, _FIRST_VIEW, _SECOND_VIEW = range(4)  # streams of randomness


def make_views(config: Config) -> Views:
  """Returns the function that turns excerpts into views.

  Log-mel patches are mixed with a background in the linear domain, augmented and standardised.

  Args:
    config: front end, mixing and augmentations.

  Returns:
    `(excerpts [B, E, N], seed [2]) -> [B, 2, T, F]`.

  Example:
    >>> views = make_views(Config(batch_size=3))
    >>> views(tf.random.normal([3, 2, 24_048]), tf.constant([0, 1])).shape
    TensorShape([3, 2, 101, 96])
  """
  front_end = config.front_end()
  find_silence = silence.detector(front_end)
  apply = augment.compose(config)

  def views(excerpts, seed):
    energies = energies_by_clip(front_end, excerpts)  # [B, E, T, F]
    mixed = mix(config, energies, find_silence(excerpts, energies), seed)  # [B, 2, T, F]
    log_mels = front_end.log_mel.compress(mixed)
    seeds = [stateless_random.fold(seed, stream) for stream in (_FIRST_VIEW, _SECOND_VIEW)]
    pair = [apply(log_mels[:, view], seeds[view]) for view in (0, 1)]
    return front_end.standardise(tf.stack(pair, axis=1))

  return views


def mix(config: Config, energies: tf.Tensor, is_silent: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Applies mix-back to all views of a batch (paper, section 2).

  Silence is no background: a view that would get it stays as it is. So does a silent view, because
  it has no energy that a background could get, unless backgrounds keep their own.

  Args:
    config: mix, mix_alpha and mix_energy.
    energies: mel energies `[B, E, T, F]`; with mix="within_clip" the last two are backgrounds.
    is_silent: bool `[B, E]`, from silence.detector.
    seed: int32 `[2]`.

  Returns:
    Mel energies `[B, 2, T, F]`.

  Example:
    >>> energies, no_silence = tf.random.uniform([3, 2, 101, 96]), tf.zeros([3, 2], tf.bool)
    >>> mixed = mix(Config(mix_alpha=0.5), energies, no_silence, tf.constant([0, 1]))
    >>> change = tf.reduce_sum(mixed) / tf.reduce_sum(energies)  # the energy stays
    >>> print(f"{change:.4f}")
    1.0000
  """
  views = energies[:, :2]
  if config.mix == "none":
    return views
  sounds = tf.where(is_silent[:, :, None, None], 0.0, energies)
  if config.mix == "within_clip":
    backgrounds = sounds[:, 2:]
  else:
    backgrounds = mixing.pick_backgrounds(sounds, stateless_random.fold(seed, _BACKGROUND))
  # One lambda for both views of a clip (published code; the paper's equation has one for each).
  shape, alpha = [tf.shape(views)[0]], config.mix_alpha
  lam = stateless_random.uniform(shape, stateless_random.fold(seed, _LAMBDA), 0.0, alpha)
  keeps_silence = config.mix_energy == "foreground"
  lams = tf.where(is_silent[:, :2] & keeps_silence, 0.0, lam[:, None])  # [B, 2]
  mixed = [
    mixing.mix_back(views[:, view], backgrounds[:, view], lams[:, view], config.mix_energy)
    for view in (0, 1)
  ]
  return tf.stack(mixed, axis=1)


class NTXent(keras.layers.Layer):
  """NT-Xent over the views of a batch (paper, eq. 2).

  Each of the 2G views has to find the other view of its clip among all views but itself.

  Example:
    >>> projections = tf.ones([4, 2]) / 2**0.5
    >>> loss, _ = NTXent(temperature=0.2)(projections, projections)
    >>> print(f"{loss:.4f}, as log(7)")  # all 8 - 1 others are equally likely
    1.9459, as log(7)
  """

  def __init__(self, temperature: float, block: int = 0, **kwargs: Any):
    """Sets the hyper-parameters.

    Args:
      temperature: similarities are divided by it.
      block: rows whose logits are in memory at once; 0: all.
      **kwargs: of keras.layers.Layer.
    """
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.temperature = temperature
    self.block = block
    self.built = True  # there are no weights

  def call(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """L2-normalised `[B, P]` twice -> (loss, contrastive accuracy), means over 2B rows."""
    rows = tf.concat([anchors, positives], 0)  # [2B, P]
    all_anchors, first = replicas.gather(anchors)
    all_positives, _ = replicas.gather(positives)
    columns = tf.concat([all_anchors, all_positives], 0)
    own = first + tf.range(tf.shape(anchors)[0])
    twins = own + tf.shape(all_anchors)[0]
    itself, targets = tf.concat([own, twins], 0), tf.concat([twins, own], 0)
    return cross_entropy(
      rows / self.temperature, columns, targets, excluded=itself, block=self.block
    )

  def get_config(self) -> dict[str, Any]:
    return super().get_config() | {"temperature": self.temperature, "block": self.block}


def build_model(config: Config) -> ContrastiveModel:
  """Builds the whole model, with all its weights, compiled with its optimizer.

  Args:
    config: every number.

  Returns:
    The model. Its weights depend on Keras' global seed, which training.building.build sets.

  Example:
    >>> model = build_model(Config(encoder="vgg_like", steps=100))
    >>> model(tf.zeros([1, 101, 96, 1])).shape
    TensorShape([1, 512])
  """
  encoder = make_encoder(config)
  model = ContrastiveModel(
    make_views(config),
    encoder,
    projection_head(encoder, config),
    NTXent(config.temperature, config.logits_block),
    config.seed,
    separate_passes=True,
    microbatch=config.microbatch,
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(optimizer(config), jit_compile=config.xla)
  return model


def make_encoder(config: Config) -> keras.Model:
  """Builds an encoder of the paper, the network of the recipe `small`, or another.

  Args:
    config: encoder, encoder_width, num_mels, frames and batchnorm_momentum.

  Raises:
    UserError: it is none of our networks, and cannot be built or does not fit.

  Example:
    >>> make_encoder(Config(encoder="vgg_like")).output_shape
    (None, 512)
  """
  momentum = config.batchnorm_momentum
  if ":" in config.encoder:
    return named_encoder(
      config.encoder, config.num_mels, config.frames, batchnorm_momentum=momentum
    )
  width = {"width": config.encoder_width} if config.encoder == "frame_cnn" else {}
  build = getattr(encoders, config.encoder)
  return build(config.num_mels, batchnorm_momentum=momentum, **width)


def projection_head(encoder: keras.Model, config: Config) -> keras.Model:
  """Builds Dense, BatchNorm, ReLU, Dense, l2-normalised (released configuration).

  The weights start as those of the published code, which is PyTorch's.

  Args:
    encoder: the encoder whose embeddings the head takes.
    config: projection_units, hidden_units and batchnorm_momentum.

  Returns:
    The head, `[B, D] -> [B, P]`.

  Example:
    >>> encoder = keras.Sequential([keras.Input([64]), keras.layers.Identity()])
    >>> projections = projection_head(encoder, Config())(tf.random.normal([5, 64]))
    >>> print(f"{tf.norm(projections[0]):.3f}")
    1.000
  """
  head = heads.mlp(
    encoder,
    units=config.projection_units,
    hidden_units=config.hidden_units,
    batchnorm_momentum=config.batchnorm_momentum,
    dense=pytorch_dense,
    head_input=config.head_input,
  )
  outputs = keras.layers.UnitNormalization(dtype=dtype())(head.output)
  return keras.Model(head.input, outputs, name="projection")


def optimizer(config: Config) -> keras.optimizers.Optimizer:
  """Returns SGD with two drops of its rate (released configuration), or Adam with a cosine.

  Args:
    config: optimizer, learning_rate, momentum, weight_decay, steps and the shape of the schedule.

  Example:
    >>> type(optimizer(Config(optimizer="adam", steps=100))).__name__
    'Adam'
  """
  if config.optimizer == "adam":
    rate = optimizers.warm_up_and_cosine(config.learning_rate, config.num_steps, config.warm_up)
    return optimizers.decoupled_adam(rate, config.weight_decay)
  return optimizers.SGD(learning_rate(config), config.momentum, config.weight_decay)


def learning_rate(config: Config) -> keras.optimizers.schedules.LearningRateSchedule:
  """Returns the schedule of SGD: a tenth after 65 %, a hundredth after 85 % of the steps.

  Args:
    config: learning_rate, steps, first_drop and second_drop.

  Example:
    >>> schedule = learning_rate(Config(steps=500))
    >>> [round(float(schedule(step)), 6) for step in (324, 325, 424, 425)]
    [0.03, 0.003, 0.003, 0.0003]
  """
  shares = (config.first_drop, config.second_drop)
  drops = [round(share * config.num_steps) for share in shares]
  return optimizers.dropping(config.learning_rate, drops)
