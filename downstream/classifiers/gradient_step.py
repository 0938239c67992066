"""One step of gradient descent on a batch of excerpts.

Letters: B clips of a batch, N samples of an excerpt, T frames, F mel bands, D embedding, C classes.
"""

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.training import optimizers
from contrastive_audio.training.step_seeds import drop_states, set_drop_states, step_seed
from downstream.classifiers.classifier import Classifier
from downstream.protocols import Options

_MOMENTUM, _WEIGHT_DECAY = 0.9, 1e-4  # of SGD, released configuration of mix-back


class GradientStep:
  """Trains the dense layer and, unless it is frozen, the encoder.

  Attributes:
    optimizer: of the options, over the trained weights.

  Example:
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from downstream.encoders.models import cola_front_end
    >>> front_end = cola_front_end()
    >>> options = Options(frozen=True)
    >>> classifier = Classifier(front_end, frame_cnn(64), 5, options)
    >>> step = GradientStep(classifier, front_end, options, Hosts(), steps_per_epoch=10)
    >>> len(step.optimizer.variables)  # steps, learning rate, and two moments of kernel and bias
    6
  """

  def __init__(
    self,
    classifier: Classifier,
    front_end: FrontEnd,
    options: Options,
    hosts: Hosts,
    steps_per_epoch: int,
  ):
    """Builds the optimiser.

    Args:
      classifier: what is trained.
      front_end: of its encoder.
      options: how it is trained.
      hosts: hosts that share each batch.
      steps_per_epoch: turns epochs of the options into steps.
    """
    self._classifier, self._front_end, self._options = classifier, front_end, options
    self._strategy = hosts.strategy
    encoder, dense = classifier.encoder, classifier.dense
    encoder_weights = [] if options.frozen else encoder.trainable_weights
    self._trained = [*encoder_weights, *dense.trainable_weights]
    # What mix-back's published code does, too: in training mode a frozen encoder drops as well.
    self._in_training_mode = not options.frozen or options.updates_statistics
    self._drop_states = drop_states(encoder) if self._in_training_mode else []
    with hosts.strategy.scope():
      self.optimizer = _optimizer(options, steps_per_epoch)
      self.optimizer.build(self._trained)

  @tf.function(autograph=False)
  def run(self, excerpts: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the step.

    Args:
      excerpts: float32 `[B, N]`.
      targets: float32 `[B, C]`, one-hot or multi-hot.

    Returns:
      (loss, norm of the gradient), scalars.
    """
    measured = self._strategy.run(self._run_replica, args=(excerpts, targets))
    return tf.nest.map_structure(
      lambda value: self._strategy.experimental_local_results(value)[0], measured
    )

  def _run_replica(self, excerpts, targets):
    set_drop_states(self._drop_states, step_seed(self._options.seed, self.optimizer.iterations))
    log_mels = _log_mels(self._front_end, excerpts)[..., None]
    trained = [variable.value for variable in self._trained]
    # Only the trained weights are watched: nothing of a frozen encoder is kept for a gradient.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(trained)
      embeddings = self._classifier.encoder(log_mels, training=self._in_training_mode)
      logits = self._classifier.dense(tf.cast(embeddings, tf.float32))
      loss = self._loss(targets, logits)
      replica_loss = loss / replicas.count()
    gradients = optimizers.apply_sums(
      self.optimizer, tape.gradient(replica_loss, trained), self._trained
    )
    return replicas.mean(loss), tf.linalg.global_norm(gradients)

  def _loss(self, targets, logits):
    if self._options.multi_label:
      losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    else:
      losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(losses)


def _optimizer(options: Options, steps_per_epoch: int) -> keras.optimizers.Optimizer:
  if options.optimizer == "adam":
    return optimizers.Adam(options.learning_rate)
  drops = [steps_per_epoch * round(share * options.epochs) for share in options.drops]
  return optimizers.SGD(optimizers.dropping(options.learning_rate, drops), _MOMENTUM, _WEIGHT_DECAY)


def _log_mels(front_end, excerpts):
  """Excerpts `[B, N]` -> log-mels `[B, T, F]`; on a CPU one by one.

  The spectra of a batch do not fit into the caches of a processor: one by one is 1.6 times faster
  with the front end of mix-back.
  """
  if tf.config.list_physical_devices("GPU"):
    return front_end(excerpts)
  return tf.map_fn(front_end, excerpts, parallel_iterations=10)
