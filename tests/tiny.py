"""A contrastive model small enough to be trained many times in tests."""

import dataclasses

import keras
import tensorflow as tf

from audio import pretraining, randomness
from audio.contrastive import ContrastiveModel
from audio.distribution import Hosts
from audio.judged import Judged
from audio.monitor import KnnMonitor
from audio.optimizers import Adam
from audio.runs import Run
from cola.config import Config
from cola.model import BilinearSimilarity, ColaObjective


def config(**changes):
  """COLA's config with a tiny batch and few steps."""
  return dataclasses.replace(Config(batch_size=4, steps=12, checkpoint_every=5), **changes)


def build(config, noise=0.0):
  """A model like COLA's with a tiny encoder, dropout included; `noise` makes the views random."""
  keras.utils.set_random_seed(config.seed)
  windows = config.windows()
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
    log_mels = windows(excerpts)
    return log_mels + noise * randomness.normal(tf.shape(log_mels), seed)

  model = ContrastiveModel(views, encoder, head, objective, config.seed)
  model.build((None, config.frames, config.num_mels, 1))
  model.compile(Adam(config.learning_rate))
  model.optimizer.build(model.trainable_variables)
  return model


def train(folder, store, config, model=None):
  """Trains in this process; returns (run, model, outcome)."""
  model = model or build(config)
  run = Run.start_or_resume(
    str(folder), "cola", dataclasses.asdict(config), {"digest": store.digest}, config.windows()
  )
  judged, hosts = Judged(model), Hosts()
  monitor = KnnMonitor(run, store, config.windows(), judged.encoder)
  pairs = config.pairs(store)
  outcome = pretraining.pretrain(run, config, pairs, model, judged, monitor, hosts)
  return run, model, outcome


def weights(model):
  """All variables that a training changes, optimiser included."""
  return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
