"""One network in one library, in a process of its own that waits while others are measured."""

import concurrent.futures
import multiprocessing
import time
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.lib import systems
from contrastive_audio.cli.main import start_tensorflow

SYSTEM_OF = {
  "efficientnet_b0": "cola",
  "resnet18": "mixback",
  "vgg_like": "mixback",
  "crnn": "mixback",
  "frame_cnn": "cola",
}
OURS, PLAIN_KERAS = "ours", "plain_keras"
# Name -> how PyTorch runs it.
PYTORCH = {
  "pytorch": "channels_first",
  "pytorch_channels_last": "channels_last",
  "pytorch_compiled": "compiled",
}


class Seconds(NamedTuple):
  """How long something took.

  Attributes:
    clock: on the clock.
    processors: of all processors together.

  Example:
    >>> Seconds(clock=0.6, processors=1.1).clock
    0.6
  """

  clock: float
  processors: float


class Step(Protocol):
  """What is timed; each call returns when it has its result.

  Example:
    >>> step: Step = OurStep("vgg_like", batch_size=3, plain=False)
  """

  def train(self) -> None:
    """Takes a step of the training."""

  def embed(self) -> None:
    """Embeds all views of a batch."""


class Contestant:
  """A step in a process of its own.

  Example:
    >>> contestant = Contestant(OURS, "vgg_like", batch_size=3)
    >>> contestant.seconds("embed").clock > 0
    True
    >>> contestant.close()
  """

  def __init__(self, name: str, encoder: str, batch_size: int, threads: int = 0):
    """Starts the process, and prepares the step there.

    Args:
      name: OURS, PLAIN_KERAS or one of PYTORCH.
      encoder: one of SYSTEM_OF.
      batch_size: pairs.
      threads: how many it may use; 0: as many as there are cores.
    """
    context = multiprocessing.get_context("spawn")
    self._pool = concurrent.futures.ProcessPoolExecutor(1, context)
    self._pool.submit(_prepare, name, encoder, batch_size, threads).result()

  def seconds(self, what: str) -> Seconds:
    """Runs something once.

    Args:
      what: "train" or "embed".

    Raises:
      Exception: whatever it raises.
    """
    return self._pool.submit(_time, what).result()

  def close(self) -> None:
    """Ends the process."""
    self._pool.shutdown()


class OurStep:
  """The step of a model of ours, on views that are made beforehand.

  Example:
    >>> OurStep("vgg_like", batch_size=3, plain=False).train()
  """

  def __init__(self, encoder: str, batch_size: int, plain: bool, threads: int = 0):
    """Builds the model.

    Args:
      encoder: one of SYSTEM_OF.
      batch_size: pairs.
      plain: whether layers and optimizer are as Keras has them.
      threads: for the whole process, if it has not computed anything yet; 0: TensorFlow decides.
    """
    start_tensorflow()
    import tensorflow as tf

    if threads:
      tf.config.threading.set_intra_op_parallelism_threads(threads)
      tf.config.threading.set_inter_op_parallelism_threads(threads)

    model, views = model_and_views(encoder, batch_size)
    if plain:
      _make_plain(model, SYSTEM_OF[encoder])
    model.optimizer.build(model.trainable_variables)
    self._views = tf.constant(views)
    self._train = tf.function(model.train_step)
    log_mels = tf.expand_dims(tf.concat(tf.unstack(self._views, axis=1), 0), -1)
    self._embed = tf.function(lambda: tf.reduce_sum(model.encoder(log_mels, training=False)))

  def train(self) -> None:
    """Takes a step of the training."""
    float(self._train(self._views)["loss"])

  def embed(self) -> None:
    """Embeds all views."""
    float(self._embed())


def model_and_views(encoder: str, batch_size: int) -> tuple[Any, np.ndarray]:
  """Builds the ContrastiveModel of a paper, and draws views `[B, 2, T, F]` for it.

  Args:
    encoder: one of SYSTEM_OF.
    batch_size: pairs.

  Example:
    >>> model, views = model_and_views("vgg_like", batch_size=3)
    >>> model.encoder.name, views.shape
    ('vgg_like', (3, 2, 101, 96))
  """
  import keras

  system = SYSTEM_OF[encoder]
  fields = {"encoder": encoder, "batch_size": batch_size, "steps": 1000, "mean": 0.0, "std": 1.0}
  config = systems.paper_config(system, **fields)
  keras.utils.set_random_seed(0)
  model = systems.model_builder(system)(config)
  shape = [batch_size, 2, config.frames, config.num_mels]
  return model, np.random.default_rng(0).normal(0, 1, shape).astype("f")


def _make_plain(model, system: str) -> None:
  """Removes what this project computes in another way than Keras."""
  import keras

  for layer in model.encoder.layers:
    vars(layer).pop("call", None)
  adam, sgd = keras.optimizers.Adam(1e-4), keras.optimizers.SGD(0.03, 0.9, weight_decay=1e-4)
  model.compile(adam if system == "cola" else sgd)


def _prepare(name: str, encoder: str, batch_size: int, threads: int) -> None:
  """Keeps the step of a contestant in this process."""
  global _step
  if name in PYTORCH:
    _step = _pytorch_step(encoder, batch_size, PYTORCH[name], threads)
  else:
    _step = OurStep(encoder, batch_size, name == PLAIN_KERAS, threads)


def _pytorch_step(encoder: str, batch_size: int, how: str, threads: int) -> Step:
  import torch

  from benchmarks.lib.pytorch_steps import PyTorchModel, PyTorchStep

  config = systems.paper_config(SYSTEM_OF[encoder], batch_size=batch_size)
  torch.manual_seed(0)
  if threads:
    torch.set_num_threads(threads)
  model = PyTorchModel(SYSTEM_OF[encoder], encoder, config.num_mels)
  views = torch.randn(batch_size, 2, config.frames, config.num_mels)
  return PyTorchStep(model, views, how)


def _time(what: str) -> Seconds:
  start_s, processors_start_s = time.perf_counter(), time.process_time()
  getattr(_step, what)()
  return Seconds(time.perf_counter() - start_s, time.process_time() - processors_start_s)
