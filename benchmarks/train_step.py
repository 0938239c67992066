"""python -m benchmarks.train_step: the whole training loop beside the bare step of its encoder.

First the real loop of a system (excerpts, views, recording, checkpoints) against the same
train_step on ready-made log-mels, in turns in one process. Then, for COLA, what changes the bare
step on a CPU: 1x1 convolutions as matrix products, Adam in one operation, oneDNN, bfloat16,
threads; each in a process of its own, in turns.
"""

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types

from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_SYSTEM = flags.DEFINE_enum("system", "cola", ["cola", "mixback"], "Whose loop.")
_BATCH = flags.DEFINE_integer("batch_size", 32, "Pairs of a step.")
_STEPS = flags.DEFINE_integer("steps", 5, "Steps of a turn.")
_ROUNDS = flags.DEFINE_integer("rounds", 8, "Turns of each; medians are printed.")
_VARIANTS = flags.DEFINE_bool("variants", True, "Whether to measure the variants, too.")
_VARIANT = flags.DEFINE_string("variant", None, "Internal: measure one variant and print JSON.")

# name -> (environment, what is switched)
VARIANTS = {
  "as shipped": ({}, ()),
  "Keras' 1x1 convolutions": ({}, ("keras_convolutions",)),
  "Keras' Adam": ({}, ("keras_adam",)),
  "both of Keras (published)": ({}, ("keras_convolutions", "keras_adam")),
  "without oneDNN": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, ()),
  "mixed_bfloat16": ({}, ("bfloat16",)),
  "one thread per operation": ({}, ("one_intra_thread",)),
}


def main(_):
  if _VARIANT.value:
    print(json.dumps(measure_variant(_VARIANT.value)))
    return
  whole_loop()
  if _SYSTEM.value == "cola" and _VARIANTS.value:
    variants()


def variants():
  """Measures each variant in a process of its own, in turns."""
  turns = {name: [] for name in VARIANTS}
  for _ in range(_ROUNDS.value):
    for name, results in turns.items():
      results.append(in_own_process(name))
  medians = {name: statistics.median(results) for name, results in turns.items()}
  rows = [
    [name, f"{value:.1f}", f"{value / medians['as shipped']:.2f}x"]
    for name, value in medians.items()
  ]
  print(f"\nbare step, batch {_BATCH.value}, {os.cpu_count()} cores\n")
  markdown_table.show(["variant", "pairs/s", "against as shipped"], rows)


def whole_loop():
  """Measures the loop and the bare step in turns."""
  from contrastive_audio import datasets
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.networks.float32_copy import Float32Networks
  from contrastive_audio.runs import Run
  from contrastive_audio.store import preparation
  from contrastive_audio.training import pretraining

  system = importlib.import_module(f"{_SYSTEM.value}.config")
  build_model = importlib.import_module(f"{_SYSTEM.value}.model").build_model
  steps = _STEPS.value * _ROUNDS.value
  config = system.Config(batch_size=_BATCH.value, steps=steps, checkpoint_every=100)
  store = preparation.prepare(datasets.open_source("synthetic"), config.sample_rate_hz)
  model = build_model(config)
  bare = BareStep(model, config)
  loop_s, bare_s = [], []
  with tempfile.TemporaryDirectory() as folder:
    data, path = {"digest": store.digest}, os.path.join(folder, "r")
    run = Run.start_or_resume(path, _SYSTEM.value, {}, data, config.front_end())
    monitor = types.SimpleNamespace(check=lambda step: None)
    pairs, networks = config.pairs(store), Float32Networks(model)
    with TurnTimer(bare, _STEPS.value, loop_s, bare_s).inside_the_loop():
      pretraining.pretrain(run, config, pairs, model, networks, monitor, Hosts())
  rate = {n: _BATCH.value / statistics.median(s) for n, s in (("loop", loop_s), ("bare", bare_s))}
  what = f"{_SYSTEM.value}.train, {config.encoder}, batch {_BATCH.value}"
  print(f"\n{what}, {os.cpu_count()} cores, {len(loop_s)} steps each\n")
  rows = [
    ["whole loop", f"{rate['loop']:.1f}", f"{rate['loop'] / rate['bare']:.3f}x"],
    ["bare step on ready log-mels", f"{rate['bare']:.1f}", "1"],
  ]
  markdown_table.show(["what", "pairs/s", "ratio"], rows)


class BareStep:
  """The train_step on log-mels that are there already; every call is one step."""

  def __init__(self, model, config):
    import numpy as np
    import tensorflow as tf

    shape = [config.batch_size, 2, config.frames, config.num_mels]
    self._views = tf.constant(np.random.default_rng(0).normal(-3, 2, shape), tf.float32)
    model.optimizer.build(model.trainable_variables)
    self._variables = [*model.variables, *model.optimizer.variables]
    self._step = tf.function(model.train_step)

  def seconds(self):
    """Runs one step; returns how long it took."""
    start_s = time.perf_counter()
    float(self._step(self._views)["loss"])
    return time.perf_counter() - start_s

  @contextlib.contextmanager
  def no_trace(self):
    """Puts all variables back afterwards: the bare steps are no part of the training."""
    values = [variable.numpy() for variable in self._variables]
    yield
    for variable, value in zip(self._variables, values):
      variable.assign(value)


class TurnTimer:
  """Times the steps of the loop, and after every turn as many bare steps."""

  def __init__(self, bare, turn, loop_s, bare_s):
    self._bare, self._turn, self._loop_s, self._bare_s = bare, turn, loop_s, bare_s

  @contextlib.contextmanager
  def inside_the_loop(self):
    from contrastive_audio.training import callbacks

    timer, original = self, callbacks.Stopper

    class TimedStopper(original):
      def on_train_begin(self, logs=None):
        self.last_s, self.count = None, 0

      def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if self.last_s is not None:  # not the steps that build or warm up
          timer._loop_s.append(time.perf_counter() - self.last_s)
        self.count += 1
        if self.count % timer._turn == 0:
          timer.bare_turn()
        self.last_s = time.perf_counter()

    callbacks.Stopper = TimedStopper
    yield
    callbacks.Stopper = original

  def bare_turn(self):
    with self._bare.no_trace():
      self._bare.seconds()
      self._bare_s += [self._bare.seconds() for _ in range(self._turn)]


def in_own_process(name):
  environment, _ = VARIANTS[name]
  flag_values = [f"--variant={name}", f"--batch_size={_BATCH.value}", f"--steps={_STEPS.value}"]
  command = [sys.executable, "-m", "benchmarks.train_step", *flag_values]
  result = subprocess.run(
    command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment
  )
  return json.loads(result.stdout.splitlines()[-1])


def measure_variant(name):
  """Returns pairs per second of the bare step with something switched."""
  switches = VARIANTS[name][1]
  import keras
  import tensorflow as tf

  import contrastive_audio  # noqa: F401, before Keras
  from cola.config import Config
  from cola.model import build_model
  from contrastive_audio.networks import encoders

  if "one_intra_thread" in switches:
    tf.config.threading.set_intra_op_parallelism_threads(1)
  if "bfloat16" in switches:
    keras.config.set_dtype_policy("mixed_bfloat16")
  if "keras_convolutions" in switches:
    encoders.use_matrix_products = lambda model: model
  config = Config(batch_size=_BATCH.value)
  model = build_model(config)
  if "keras_adam" in switches:
    model.compile(keras.optimizers.Adam(config.learning_rate))
  bare = BareStep(model, config)
  for _ in range(3):
    bare.seconds()
  return _BATCH.value / statistics.median(bare.seconds() for _ in range(_STEPS.value))


if __name__ == "__main__":
  main.run_main(main)
