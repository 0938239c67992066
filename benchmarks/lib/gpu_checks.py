"""Checks of what a GPU computes, against a CPU. Where there is none, the CPU stands in for it.

Each returns a Finding, and is called in a process that may have started TensorFlow.
"""

import functools
import os
import shutil
import statistics
import subprocess

import numpy as np

from benchmarks.lib import systems
from benchmarks.lib.checks import DIFFERS, NOT_CHECKED, OK, Finding
from benchmarks.lib.short_training import ShortTraining, train
from contrastive_audio.cli.main import start_tensorflow

ON_CPU = "no GPU: this was computed on the CPU"
_GOLDEN = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
# As near as float32 comes: log-mels on average, energies relative to the largest.
_LOG_MEL_ERROR, _ENERGY_ERROR = 2e-3, 1e-4
_ROUNDED_ENERGY_ERROR = 1e-3  # of operands with the 10 bits of TensorFloat-32
# A draw that rounding moves over a border changes an example, not more than a few.
_VIEW_ERROR, _VIEW_SHARE = 1e-3, 1e-3
# Relative error of the first loss, whose weights are equal, and of the mean of all of them.
_LOSS_ERRORS = {
  "float32": (2e-3, 0.03),
  "mixed_bfloat16": (0.03, 0.05),
  "mixed_float16": (0.03, 0.05),
}


def devices() -> Finding:
  """Says which devices TensorFlow sees."""
  start_tensorflow()
  import tensorflow as tf

  built = tf.sysconfig.get_build_info()
  versions = f"TensorFlow {tf.__version__}, CUDA {built.get('cuda_version', 'not built in')}"
  gpus = tf.config.list_physical_devices("GPU")
  if not gpus:
    return Finding(f"{os.cpu_count()} cores, no GPU, {versions}", NOT_CHECKED, "no GPU")
  details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
  names = ", ".join(str(detail.get("device_name", "a GPU")) for detail in details)
  return Finding(f"{names}, {os.cpu_count()} cores, {versions}")


def memory_growth() -> Finding:
  """Says whether the commands leave the memory of a GPU to others until they need it."""
  start_tensorflow()
  import tensorflow as tf

  gpus = tf.config.list_physical_devices("GPU")
  if not gpus:
    return Finding("no GPU", NOT_CHECKED, "no GPU")
  float(tf.reduce_sum(tf.matmul(tf.ones([1024, 1024]), tf.ones([1024, 1024]))))
  grows = all(map(tf.config.experimental.get_memory_growth, gpus))
  found = f"growth {'on' if grows else 'off'}, after a matrix product {_used_memory()}"
  return Finding(found, *(() if grows else (DIFFERS, "TensorFlow takes all memory")))


def _used_memory() -> str:
  if not shutil.which("nvidia-smi"):
    return "an unknown amount in use"
  query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader"]
  done = subprocess.run(query, capture_output=True, text=True, timeout=10)
  return f"{' + '.join(done.stdout.split(chr(10))[:-1])} in use"


def log_mels(system: str, golden: bool, rounded: bool = False) -> Finding:
  """Compares log-mels of the device with those of the CPU, or with an array of other code.

  Args:
    system: one of systems.SYSTEMS.
    golden: whether the other ones are an array.
    rounded: whether the device may round operands of products, as it does by default.
  """
  start_tensorflow()
  import tensorflow as tf

  before = tf.config.experimental.tensor_float_32_execution_enabled()
  tf.config.experimental.enable_tensor_float_32_execution(rounded)
  try:
    return _compare_log_mels(system, golden, _ROUNDED_ENERGY_ERROR if rounded else _ENERGY_ERROR)
  finally:
    tf.config.experimental.enable_tensor_float_32_execution(before)


def _compare_log_mels(system: str, golden: bool, bound: float) -> Finding:
  log_mel = systems.paper_config(system).front_end().log_mel
  path = os.path.join(_GOLDEN, f"{system}_log_mel.npz")
  if golden and not os.path.exists(path):
    return Finding("no array", NOT_CHECKED, "the arrays are in a checkout, in tests/golden")
  if golden:
    with np.load(path) as arrays:
      waves, desired = arrays["waveform"], arrays["log_mel"]
  else:
    waves = np.random.default_rng(0).normal(0, 0.1, [64, log_mel.sample_rate_hz]).astype("f")
    desired = _on("CPU", log_mel, waves)
  actual = _on(_device(), log_mel, waves)
  base = (
    np.e if log_mel.get_config()["log_base"] == "e" else float(log_mel.get_config()["log_base"])
  )
  energies = [base ** array.astype(np.float64) for array in (actual, desired)]
  error = float(np.abs(actual - desired).mean())
  energy_error = float(np.abs(energies[0] - energies[1]).max() / energies[1].max())
  is_near = error < _LOG_MEL_ERROR and energy_error < bound
  found = f"mean error {error:.1e}, of the energies {energy_error:.1e} of the largest"
  bounds = f"bounds are {_LOG_MEL_ERROR:g} and {bound:g}"
  return _judged(found, is_near, bounds, needs_gpu=not golden)


def view_step(name: str, batch_size: int) -> Finding:
  """Compares a step of the views on the device with the same on the CPU."""
  start_tensorflow()
  step = _view_steps(batch_size)[name]
  actual, desired = (_on(place, step.function, step.batch, (0, 1)) for place in (_device(), "CPU"))
  errors = np.abs(actual - desired) / max(1.0, float(np.abs(desired).max()))
  share = float((errors > _VIEW_ERROR).mean())
  found = f"mean error {errors.mean():.1e}, {100 * share:.2g} % beyond {_VIEW_ERROR:g}"
  return _judged(found, share <= _VIEW_SHARE, f"at most {100 * _VIEW_SHARE:g} % may be")


@functools.lru_cache(maxsize=1)
def _view_steps(batch_size: int):
  from benchmarks.lib.view_steps import make_steps

  return make_steps(batch_size)


def training(system: str, precision: str, steps: int, batch_size: int) -> Finding:
  """Compares the losses of a training on the device with those in float32 on the CPU."""
  start_tensorflow()
  desired = _short_training(system, "float32", steps, batch_size, "CPU")
  actual = _short_training(system, precision, steps, batch_size, _device())
  return _compare_losses(actual, desired, precision)


def xla(system: str, steps: int, batch_size: int) -> Finding:
  """Compares a training on the device that XLA compiles with the same one without."""
  start_tensorflow()
  desired = _short_training(system, "float32", steps, batch_size, _device())
  actual = _short_training(system, "float32", steps, batch_size, _device(), jit_compile=True)
  finding = _compare_losses(actual, desired, "float32")
  rates = f"{actual.pairs_per_s:,.0f} pairs/s with, {desired.pairs_per_s:,.0f} without"
  return Finding(f"{finding.found}; {rates}", finding.verdict, finding.why)


@functools.cache
def _short_training(
  system: str, precision: str, steps: int, batch_size: int, place: str, jit_compile: bool = False
) -> ShortTraining:
  import tensorflow as tf

  fields = {"steps": steps, "batch_size": batch_size, "precision": precision}
  with tf.device(f"/{place}:0"):
    return train(system, systems.recipe_config(system, "small", **fields), jit_compile)


def _compare_losses(actual: ShortTraining, desired: ShortTraining, precision: str) -> Finding:
  means = [statistics.mean(trained.losses) for trained in (actual, desired)]
  first = abs(actual.losses[0] / desired.losses[0] - 1)
  mean = abs(means[0] / means[1] - 1)
  bounds = _LOSS_ERRORS[precision]
  found = (
    f"mean loss {means[0]:.4f}, reference {means[1]:.4f}, first differs by {100 * first:.2g} %"
  )
  if actual.not_finite:
    return Finding(found, DIFFERS, f"{actual.not_finite} steps are not finite")
  allowed = f"bounds are {100 * bounds[0]:g} % of the first loss, {100 * bounds[1]:g} % of the mean"
  return _judged(found, first <= bounds[0] and mean <= bounds[1], allowed)


def _judged(found: str, is_near: bool, bounds: str, needs_gpu: bool = True) -> Finding:
  if not is_near:
    return Finding(found, DIFFERS, bounds)
  if needs_gpu and _device() == "CPU":
    return Finding(found, NOT_CHECKED, ON_CPU)
  return Finding(found, OK)


def _device() -> str:
  import tensorflow as tf

  return "GPU" if tf.config.list_physical_devices("GPU") else "CPU"


def _on(place: str, function, *inputs) -> np.ndarray:
  """Computes a function of tensors on a device."""
  import tensorflow as tf

  with tf.device(f"/{place}:0"):
    tensors = tf.nest.map_structure(tf.identity, tf.nest.map_structure(tf.constant, inputs))
    return tf.function(function)(*tensors).numpy()
