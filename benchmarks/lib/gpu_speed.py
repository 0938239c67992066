"""Checks of what a GPU is worth: resuming, steps, loops, input, embedding. See gpu_checks."""

import contextlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.lib import embedding_speed, own_process, systems, tiny_commands
from benchmarks.lib.checks import DIFFERS, NOT_CHECKED, OK, Finding
from benchmarks.lib.gpu_checks import ON_CPU
from contrastive_audio.cli.main import start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.training.checkpoint_files import CheckpointFiles

LOOP_SHARE = 0.95  # of the bare step's speed that the whole loop has at least
_ROUNDS = 2
_STEPS = 60  # of the training that is killed
_INPUT_S = 5.0
_POLL_S = 0.02


def resuming(place: str, limit_s: float) -> Finding:
  """Compares a deterministic training that is killed and repeated with an undisturbed one."""
  end_s = time.monotonic() + limit_s
  place = os.path.join(place, "resuming")
  shutil.rmtree(place, ignore_errors=True)  # of a call that was stopped
  clips = tiny_commands.write_clips(os.path.join(place, "clips"))
  whole, killed = (os.path.join(place, name) for name in ("whole", "killed"))
  _train(clips, whole, end_s)
  steps_done = _train_and_kill(clips, killed, end_s)
  _train(clips, killed, end_s)
  is_same = tiny_commands.same_arrays(*map(tiny_commands.weights, (whole, killed)))
  found = f"killed at step {steps_done} of {_STEPS}: "
  if not is_same:
    return Finding(f"{found}other weights", DIFFERS, "a resumed training is to give the same bits")
  if steps_done == _STEPS:
    return Finding(f"{found}it had ended", NOT_CHECKED, "it was not killed in time")
  return Finding(f"{found}the same weights, bit for bit", OK)


def _start(clips: str, run: str) -> subprocess.Popen:
  flags = tiny_commands.training_flags(clips, f"{clips}-stores", run)
  flags += [f"--steps={_STEPS}", f"--checkpoint_every={_STEPS // 10}"]
  return subprocess.Popen(
    [sys.executable, "-m", tiny_commands.TRAIN, *flags],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
  )


def _train(clips: str, run: str, end_s: float) -> None:
  process = _start(clips, run)
  try:
    _, complaints = process.communicate(timeout=max(0.0, end_s - time.monotonic()))
  finally:
    process.kill()
  if process.returncode:
    raise UserError((complaints.strip().splitlines() or ["the training failed"])[-1])


def _train_and_kill(clips: str, run: str, end_s: float) -> int:
  """Kills a training once it has a checkpoint; returns the step of its last checkpoint."""
  process = _start(clips, run)
  try:
    while process.poll() is None and not _last_checkpoint(run):
      if time.monotonic() > end_s:
        raise UserError("the first checkpoint takes too long")
      time.sleep(_POLL_S)
  finally:
    process.kill()
    process.communicate()
  return _last_checkpoint(run)


def _last_checkpoint(run: str) -> int:
  return max(CheckpointFiles(os.path.join(run, "checkpoints"), "step").numbers(), default=0)


def loop(
  system: str, encoder: str | None, fields: dict[str, Any], steps: int, place: str
) -> Finding:
  """Measures the whole training loop beside the bare step, and the memory that they take."""
  start_tensorflow()
  from benchmarks.lib.step_timing import time_loop

  batch_size = fields["batch_size"]
  chosen = {"encoder": encoder} if encoder else {}
  config = systems.paper_config(system, **fields, **chosen, steps=steps * _ROUNDS)
  _forget_memory()
  with contextlib.redirect_stdout(io.StringIO()):  # so short a training earns warnings
    timer = time_loop(system, config, steps, _clips(place, batch_size), _stores(place))
  whole, bare = (batch_size / statistics.median(times) for times in (timer.loop_s, timer.bare_s))
  found = f"{whole:,.0f} pairs/s, bare step {bare:,.0f} ({whole / bare:.2f}x), {_memory()}"
  if _gpus() and whole < LOOP_SHARE * bare:
    return Finding(found, DIFFERS, f"the loop is below {LOOP_SHARE} of the bare step")
  return _measured(found)


def input_rate(system: str, batch_size: int, place: str) -> Finding:
  """Measures how many pairs of excerpts a second the store gives, on all cores."""
  start_tensorflow()
  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  config = systems.paper_config(system, batch_size=batch_size)
  source = datasets.open_source(_clips(place, batch_size))
  store = preparation.prepare(source, config.sample_rate_hz, _stores(place))
  batches = iter(config.pairs(store).dataset(0, 1 << 30).prefetch(2))
  next(batches)
  count, start_s = 0, time.perf_counter()
  while (passed_s := time.perf_counter() - start_s) < _INPUT_S:
    next(batches)
    count += 1
  return Finding(f"{count * batch_size / passed_s:,.0f} pairs/s, {os.cpu_count()} cores")


def embedding(model: str, hours: float, place: str, has_gpu: bool, limit_s: float) -> Finding:
  """Measures how many hours of audio downstream.embed embeds in a minute, its start included."""
  end_s = time.monotonic() + limit_s
  clips, stores = os.path.join(place, "clips"), os.path.join(place, "embedded")
  if not os.path.isdir(clips):
    embedding_speed.write_clips(clips, 3600 * hours)
  shutil.rmtree(stores, ignore_errors=True)  # decoding is a part of it
  cost = embedding_speed.embed(clips, stores, model, limit_s=end_s - time.monotonic())
  found = f"{60 * hours / cost.clock_s:.2f} hours of audio per minute, start and decoding included"
  return Finding(found) if has_gpu else Finding(found, NOT_CHECKED, ON_CPU)


def _clips(place: str, count: int) -> str:
  """Returns a folder with at least so many clips of a second of noise."""
  folder = os.path.join(place, f"noise-{count}")
  if not os.path.isdir(folder):
    shutil.rmtree(f"{folder}.part", ignore_errors=True)  # of a check that was ended
    os.rename(tiny_commands.write_clips(f"{folder}.part", count), folder)
  return folder


def _stores(place: str) -> str:
  return os.path.join(place, "stores")


def _gpus() -> list:
  import tensorflow as tf

  return tf.config.list_physical_devices("GPU")


def _memory() -> str:
  import tensorflow as tf

  if not _gpus():
    return f"{own_process.peak_memory_mb() / 1024:.1f} GB of memory"
  peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
  return f"{peak / 2**30:.1f} GB of the GPU's memory"


def _forget_memory() -> None:
  """Frees what another check has left on a GPU, and forgets its peak."""
  import keras
  import tensorflow as tf

  if _gpus():
    keras.backend.clear_session()
    tf.config.experimental.reset_memory_stats("GPU:0")


def _measured(found: str) -> Finding:
  return Finding(found) if _gpus() else Finding(found, NOT_CHECKED, ON_CPU)
