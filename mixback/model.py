"""mix-back's own parts: the views, the projection head and NT-Xent.

Letters: B clips of this replica, G clips of all replicas, E excerpts of a clip, N samples,
T frames, F mel bands, P projection.
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
from mixback import mixing

_BACKGROUND, _LAMBDA, _FIRST_VIEW, _SECOND_VIEW = range(4)  # streams of randomness


def make_views(config):
  """Returns the views of a configuration: `(excerpts [B, E, N], seed [2]) -> [B, 2, T, F]`.

  Log-mel patches, mixed with a background in the linear domain, augmented, standardised.
  """
  front_end = config.front_end()
  apply = augment.compose(config)

  def views(excerpts, seed):
    energies = mix(config, energies_by_clip(front_end, excerpts), seed)  # [B, 2, T, F]
    log_mels = front_end.log_mel.compress(energies)
    seeds = [stateless_random.fold(seed, stream) for stream in (_FIRST_VIEW, _SECOND_VIEW)]
    pair = [apply(log_mels[:, view], seeds[view]) for view in (0, 1)]
    return front_end.standardise(tf.stack(pair, axis=1))

  return views


def mix(config, energies, seed):
  """Mix-back of all views of a batch (paper, section 2).

  Args:
    config: a mixback.config.Config.
    energies: mel energies `[B, E, T, F]`; with mix="within_clip" the last two are backgrounds.
    seed: int32 `[2]`.

  Returns:
    Mel energies `[B, 2, T, F]`.
  """
  views = energies[:, :2]
  if config.mix == "none":
    return views
  if config.mix == "within_clip":
    backgrounds = energies[:, 2:]
  else:
    backgrounds = mixing.pick_backgrounds(views, stateless_random.fold(seed, _BACKGROUND))
  # One lambda for both views of a clip (published code; the paper's equation has one for each).
  shape, alpha = [tf.shape(views)[0]], config.mix_alpha
  lam = stateless_random.uniform(shape, stateless_random.fold(seed, _LAMBDA), 0.0, alpha)
  return tf.stack([mixing.mix_back(views[:, i], backgrounds[:, i], lam) for i in (0, 1)], axis=1)


class NTXent(keras.layers.Layer):
  """NT-Xent over 2N views (paper, eq. 2): each has to find its twin, only itself is excluded."""

  def __init__(self, temperature, block=0, **kwargs):
    super().__init__(**(kwargs | {"dtype": dtype()}))
    self.temperature = temperature
    self.block = block
    self.built = True  # there are no weights

  def call(self, anchors, positives):
    """L2-normalised `[B, P]` twice -> (loss, contrastive accuracy), means over 2B rows."""
    rows = tf.concat([anchors, positives], 0)  # [2B, P]
    all_anchors, first = replicas.gather(anchors)
    all_positives, _ = replicas.gather(positives)
    columns = tf.concat([all_anchors, all_positives], 0)
    own = first + tf.range(tf.shape(anchors)[0])
    twins = own + tf.shape(all_anchors)[0]
    myself, targets = tf.concat([own, twins], 0), tf.concat([twins, own], 0)
    return cross_entropy(rows / self.temperature, columns, targets, myself, self.block)

  def get_config(self):
    return super().get_config() | {"temperature": self.temperature, "block": self.block}


def build_model(config):
  """Builds the whole model, with all its weights, compiled with its optimiser.

  Args:
    config: a mixback.config.Config.

  Returns:
    A ContrastiveModel; its weights depend on Keras' global seed, see `pretraining`.
  """
  encoder = getattr(encoders, config.encoder)(config.num_mels, config.batchnorm_momentum)
  head = projection_head(encoder, config)
  objective = NTXent(config.temperature, config.logits_block)
  model = ContrastiveModel(
    make_views(config), encoder, head, objective, config.seed, separate_passes=True
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(optimizer(config))
  return model


def projection_head(encoder, config):
  """Dense, BatchNorm, ReLU, Dense, l2-normalised (released configuration)."""
  units = config.projection_units, config.hidden_units
  head = heads.mlp(encoder, *units, config.batchnorm_momentum)
  outputs = keras.layers.UnitNormalization(dtype=dtype())(head.output)
  return keras.Model(head.input, outputs, name="projection")


def optimizer(config):
  """Returns SGD with two drops of its rate (released configuration), or Adam with a cosine."""
  if config.optimizer == "adam":
    rate = optimizers.warm_up_and_cosine(config.learning_rate, config.steps, config.warm_up)
    return optimizers.decoupled_adam(rate, config.weight_decay)
  return optimizers.SGD(learning_rate(config), config.momentum, config.weight_decay)


def learning_rate(config):
  """Returns the schedule of SGD: a tenth after 65 %, a hundredth after 85 % of the steps."""
  # Keras takes the old rate at the boundary itself, hence the 1.
  drops = [round(share * config.steps) - 1 for share in (config.first_drop, config.second_drop)]
  rates = [config.learning_rate * factor for factor in (1.0, 0.1, 0.01)]
  return keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)
