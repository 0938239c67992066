"""A model for all replicas, with the weights that a training starts from."""

from collections.abc import Callable

import keras
import tensorflow as tf

from contrastive_audio.configuration import AnyConfig
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.networks import batchnorm
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.starting_weights import StartingWeights
from contrastive_audio.utils import progress_bar


def build(
  build_model: Callable[[AnyConfig], ContrastiveModel],
  config: AnyConfig,
  hosts: Hosts,
  weights: StartingWeights | None = None,
) -> ContrastiveModel:
  """Builds a model for all replicas, with the initial weights of the seed, or with others.

  The precision of the configuration holds for this model only.

  Args:
    build_model: `(config)`, returns a compiled model.
    config: seed, precision, keep, and whether operations are deterministic.
    hosts: the hosts that share the training.
    weights: those that it starts from; None: the seed decides.

  Returns:
    The model; its optimizer is built.

  Raises:
    UserError: the weights do not fit.

  Example:
    >>> from contrastive_audio.configuration import RunConfig
    >>> def build_model(config):
    ...   encoder = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    ...   head = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    ...   model = ContrastiveModel(None, encoder, head, objective=None)
    ...   model.compile(keras.optimizers.SGD(0.1))
    ...   return model
    >>> one, other = (build(build_model, RunConfig(seed=3), Hosts()) for _ in range(2))
    >>> bool(tf.reduce_all(one.encoder.weights[0] == other.encoder.weights[0]))
    True
  """
  keras.utils.set_random_seed(config.seed)
  if config.deterministic:
    tf.config.experimental.enable_op_determinism()
  keras.config.set_dtype_policy(config.precision)
  try:
    building = progress_bar.stage("building the networks", shown=hosts.is_chief)
    with building, hosts.strategy.scope():
      model = build_model(config)
      if config.precision.startswith("mixed"):
        for network in (model.encoder, model.head):
          batchnorm.keep_in_float32(network)
      if weights:
        weights.give(model, config)
      model.optimizer.build(model.trainable_variables)
  finally:
    keras.config.set_dtype_policy("float32")
  model.synchronise(hosts)
  return model
