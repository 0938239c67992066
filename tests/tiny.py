"""A contrastive model small enough to be trained many times in tests."""

import dataclasses
import os
import signal

import keras
import tensorflow as tf

from cola.config import Config
from cola.model import BilinearSimilarity, ColaObjective
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.monitoring.monitor import KnnMonitor
from contrastive_audio.networks.float32_copy import Float32Networks
from contrastive_audio.runs import Run
from contrastive_audio.training import callbacks
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.optimizers import Adam
from contrastive_audio.training.pretraining import Pretraining
from contrastive_audio.views import stateless_random


def config(**changes):
  """COLA's config with a tiny batch and few steps."""
  return dataclasses.replace(Config(batch_size=4, steps=12, checkpoint_every=5), **changes)


def build(config, noise=0.0):
  """A model like COLA's with a tiny encoder, dropout included; `noise` makes the views random."""
  keras.utils.set_random_seed(config.seed)
  front_end = config.front_end()
  encoder = keras.Sequential(
    [
      keras.Input([None, config.num_mels, 1]),
      keras.layers.Conv2D(4, 5, 4),
      keras.layers.BatchNormalization(momentum=0.5),
      keras.layers.Dropout(0.2),
      keras.layers.GlobalMaxPooling2D(),
    ]
  )
  head = keras.Sequential([keras.Input([4]), keras.layers.Dense(8, activation="tanh")])
  objective = ColaObjective(BilinearSimilarity())
  objective(tf.zeros([2, 8]), tf.zeros([2, 8]))

  def views(excerpts, seed):
    log_mels = front_end(excerpts)
    return log_mels + noise * stateless_random.normal(tf.shape(log_mels), seed)

  model = ContrastiveModel(
    views, encoder, head, objective, config.seed, microbatch=config.microbatch
  )
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(Adam(config.learning_rate))
  model.optimizer.build(model.trainable_variables)
  return model


def train(folder, store, config, model=None):
  """Trains in this process; returns (run, model, outcome)."""
  model = model or build(config)
  fields, defaults = (dataclasses.asdict(settings) for settings in (config, type(config)()))
  data, front_end = {"digest": store.digest}, config.front_end()
  run = Run.start_or_resume(str(folder), "cola", fields, data, front_end, defaults=defaults)
  networks = Float32Networks(model)
  pairs = config.pairs(store)
  monitors = [KnnMonitor(run, store, front_end, networks.encoder)]
  training = Pretraining(run, config, pairs, model, networks, monitors, Hosts())
  return run, model, training.train()


def weights(model):
  """All variables that a training changes, optimiser included."""
  return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


class StopAt(callbacks.Stopper):
  """Stops as if Ctrl-C had been pressed during a step."""

  step = None

  def on_train_batch_end(self, batch, logs=None):
    if batch + 1 == self.step:
      os.kill(os.getpid(), signal.SIGTERM)
    super().on_train_batch_end(batch, logs)
