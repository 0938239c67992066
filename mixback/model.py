"""mix-back's own parts: the views, the projection head and NT-Xent.

Letters: B clips of this replica, G clips of all replicas, E excerpts of a clip, N samples,
T frames, F mel bands, P projection.
"""

import keras
import tensorflow as tf

from audio import encoders, randomness
from audio.contrastive import ContrastiveModel, gather_replicas
from audio.optimizers import SGD
from mixback import augment

_BACKGROUND, _LAMBDA, _FIRST_VIEW, _SECOND_VIEW = range(4)  # streams of randomness


def make_views(config):
  """Returns the views of a configuration: `(excerpts [B, E, N], seed [2]) -> [B, 2, T, F]`.

  Log-mel patches, mixed with a background in the linear domain, augmented, standardised.
  """
  windows = config.windows()
  apply = augment.compose(config)

  def views(excerpts, seed):
    energies = mix(config, mel_energies(windows, excerpts), seed)  # [B, 2, T, F]
    log_mels = windows.log_mel.compress(energies)
    seeds = [randomness.fold(seed, stream) for stream in (_FIRST_VIEW, _SECOND_VIEW)]
    pair = [apply(log_mels[:, view], seeds[view]) for view in (0, 1)]
    return windows.standardise(tf.stack(pair, axis=1))

  return views


def mel_energies(windows, excerpts):
  """Excerpts `[B, E, N]` -> mel energies `[B, E, T, F]`; on a CPU clip by clip.

  The spectra of a whole batch (200 MB) do not fit into the caches of a processor, those of a clip
  do: that is four times faster.
  """
  if tf.config.list_physical_devices("GPU"):
    return windows.energies(excerpts)
  return tf.map_fn(windows.energies, excerpts, parallel_iterations=10)


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
    backgrounds = augment.pick_backgrounds(views, randomness.fold(seed, _BACKGROUND))
  # One lambda for both views of a clip (published code; the paper's equation has one for each).
  shape, alpha = [tf.shape(views)[0]], config.mix_alpha
  lam = randomness.uniform(shape, randomness.fold(seed, _LAMBDA), 0.0, alpha)
  return tf.stack([augment.mix_back(views[:, i], backgrounds[:, i], lam) for i in (0, 1)], axis=1)


class NTXent(keras.layers.Layer):
  """NT-Xent over 2N views (paper, eq. 2): each has to find its twin, only itself is excluded."""

  def __init__(self, temperature, **kwargs):
    super().__init__(**kwargs)
    self.temperature = temperature
    self.built = True  # there are no weights

  def call(self, anchors, positives):
    """L2-normalised `[B, P]` twice -> (loss, contrastive accuracy), means over 2B rows."""
    rows = tf.concat([anchors, positives], 0)  # [2B, P]
    all_anchors, first = gather_replicas(anchors)
    all_positives, _ = gather_replicas(positives)
    logits = tf.matmul(rows, tf.concat([all_anchors, all_positives], 0), transpose_b=True)
    own = first + tf.range(tf.shape(anchors)[0])
    twins = own + tf.shape(all_anchors)[0]
    myself, targets = tf.concat([own, twins], 0), tf.concat([twins, own], 0)
    excluded = tf.one_hot(myself, tf.shape(logits)[1], True, False)
    logits = tf.where(excluded, logits.dtype.min, logits / self.temperature)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
    return tf.reduce_mean(losses), tf.reduce_mean(tf.cast(hits, tf.float32))

  def get_config(self):
    return super().get_config() | {"temperature": self.temperature}


def build_model(config):
  """Builds the whole model, with all its weights, compiled with SGD.

  Args:
    config: a mixback.config.Config.

  Returns:
    A ContrastiveModel; its weights depend on Keras' global seed, see `pretraining`.
  """
  encoder = getattr(encoders, config.encoder)(config.num_mels, config.batchnorm_momentum)
  head = projection_head(encoder.output_shape[-1], config)
  objective = NTXent(config.temperature)
  model = ContrastiveModel(
    make_views(config), encoder, head, objective, config.seed, separate_passes=True
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(SGD(learning_rate(config), config.momentum, config.weight_decay))
  return model


def projection_head(size, config):
  """Dense, BatchNorm, ReLU, Dense, l2-normalised (released configuration)."""
  normalisation = keras.layers.BatchNormalization(momentum=config.batchnorm_momentum, epsilon=1e-5)
  return keras.Sequential(
    [
      keras.Input([size]),
      keras.layers.Dense(config.hidden_units),
      normalisation,
      keras.layers.ReLU(),
      keras.layers.Dense(config.projection_units),
      keras.layers.UnitNormalization(),
    ],
    name="projection",
  )


def learning_rate(config):
  """Returns the schedule: a tenth after 65 %, a hundredth after 85 % of the steps."""
  # Keras takes the old rate at the boundary itself, hence the 1.
  drops = [round(share * config.steps) - 1 for share in (config.first_drop, config.second_drop)]
  rates = [config.learning_rate * factor for factor in (1.0, 0.1, 0.01)]
  return keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)
