"""What happens between two steps: counting, guarding, recording, stopping."""

import collections
import json
import math
import signal
import statistics
import time

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError

LOG_EVERY = 10  # steps
_SHOWN_CLIPS = 64


class StepCounter(keras.callbacks.Callback):
  """Knows the number of the last finished step, over all resumes; comes first in the list."""

  def __init__(self, first_step):
    super().__init__()
    self.step = first_step

  def on_train_batch_end(self, batch, logs=None):
    self.step += 1


class Every(keras.callbacks.Callback):
  """Calls `action(step)` every so many steps; 0: never."""

  def __init__(self, every, counter, action):
    super().__init__()
    self._every, self._counter, self._action = every, counter, action

  def on_train_batch_end(self, batch, logs=None):
    if self._every and self._counter.step % self._every == 0:
      self._action(self._counter.step)


class FiniteGuard(keras.callbacks.Callback):
  """Ends the run at the first loss or gradient that is not finite, before anything is saved."""

  def __init__(self, run, counter, pairs, writes=True):
    """Takes the Run, the StepCounter, the ExcerptPairs, and whether it writes what it finds."""
    super().__init__()
    self._run, self._counter, self._pairs, self._writes = run, counter, pairs, writes

  def on_train_batch_end(self, batch, logs=None):
    finite_gradient = math.isfinite(logs["gradient_norm"]) or self._is_left_out()
    if math.isfinite(logs["loss"]) and finite_gradient:
      return
    step = self._counter.step
    clip_ids = self._pairs.clip_ids(step - 1).numpy().tolist()
    learning_rate = float(self.model.optimizer.learning_rate)
    report = {"step": step, "learning_rate": learning_rate, "clip_ids": clip_ids}
    report["clips"] = self._pairs.store.keys(clip_ids)
    if self._writes:
      with open(self._run.path("not_finite.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    shown = ", ".join(map(str, clip_ids[:_SHOWN_CLIPS])) + ", ..." * (len(clip_ids) > _SHOWN_CLIPS)
    raise UserError(
      f"step {step}: loss {logs['loss']:g}, gradient norm {logs['gradient_norm']:g}, learning rate "
      f"{learning_rate:g}, clip ids {shown} (names in {self._run.path('not_finite.json')}). "
      "Nothing of this step was saved; a lower learning rate is the usual cure"
    )

  def _is_left_out(self):
    """Whether loss scaling leaves the step out, and halves its scale: in float16 some overflow."""
    scale = getattr(self.model.optimizer, "dynamic_scale", None)
    return scale is not None and float(scale.value.numpy()) >= 1


class DataClock:
  """Measures how long the training waits for data: notes when each batch is ready."""

  def __init__(self):
    self._ready_s = collections.deque()

  def stamp(self, dataset):
    """Returns the dataset with a note of the time after each element."""

    def note(batch):
      with tf.control_dependencies([batch]):
        noted = tf.numpy_function(self._note, [], tf.bool)
      with tf.control_dependencies([noted]):
        return tf.identity(batch)

    return dataset.map(note)

  def waited_s(self, since_s):
    """Returns by how much the next batch in line was ready after `since_s` (perf_counter)."""
    return max(0.0, self._ready_s.popleft() - since_s)

  def _note(self):
    self._ready_s.append(time.perf_counter())
    return True


class Recorder(keras.callbacks.Callback):
  """Writes the means of LOG_EVERY steps to the run's metrics and to the progress bar."""

  def __init__(self, run, counter, clock, batch_size, bar):
    super().__init__()
    self._run, self._counter, self._clock, self._bar = run, counter, clock, bar
    self._batch_size = batch_size
    self._window = collections.defaultdict(list)
    self._last_end_s = self._begin_s = None

  def on_train_batch_begin(self, batch, logs=None):
    self._begin_s = time.perf_counter()

  def on_train_batch_end(self, batch, logs=None):
    now_s = time.perf_counter()
    for name, value in logs.items():
      self._window[name].append(value)
    waited_s = self._clock.waited_s(self._begin_s)
    if self._last_end_s is not None:  # the first step builds the graph
      # From end to end, so that monitor and checkpoints count.
      self._window["step_s"].append(now_s - self._last_end_s)
      self._window["waited_s"].append(waited_s)
    self._last_end_s = now_s
    self._bar.update()
    if self._counter.step % LOG_EVERY == 0:
      self._write()

  def on_train_end(self, logs=None):
    self._write()

  def _write(self):
    if not self._window:
      return
    steps_s, waits_s = self._window.pop("step_s", []), self._window.pop("waited_s", [])
    means = {name: _mean_of_finite(values) for name, values in self._window.items()}
    left_out = sum(not math.isfinite(norm) for norm in self._window["gradient_norm"])
    means |= {"steps_left_out": left_out} if left_out else {}
    if steps_s:
      means["pairs_per_s"] = self._batch_size * len(steps_s) / sum(steps_s)
      means["data_wait_share"] = min(1.0, sum(waits_s) / sum(steps_s))
    self._window.clear()
    self._run.log(self._counter.step, means)
    shown = {"accuracy": "contrastive_accuracy", "spread": "embedding_spread"}
    postfix = {name: f"{means[key]:.2f}" for name, key in shown.items()}
    pairs_per_s = f"{means.get('pairs_per_s', 0):.0f}"
    self._bar.set_postfix(loss=f"{means['loss']:.3f}", **postfix, pairs_s=pairs_per_s)


def _mean_of_finite(values):
  """The gradient of a step that loss scaling leaves out is infinite."""
  return statistics.fmean([value for value in values if math.isfinite(value)] or [math.nan])


class StopRequest:
  """Turns a first Ctrl-C or SIGTERM into a wish to stop after the step; a second interrupts.

  Attributes:
    requested: whether there was a signal.
  """

  def __init__(self):
    self.requested = False
    self._previous = {}

  def __enter__(self):
    for number in (signal.SIGINT, signal.SIGTERM):
      self._previous[number] = signal.signal(number, self._handle)
    return self

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)

  def _handle(self, number, frame):
    if self.requested:
      raise KeyboardInterrupt
    self.requested = True


class Stopper(keras.callbacks.Callback):
  """Ends `fit` after the step in which a stop was requested; comes last in the list.

  Of several hosts each tells the others in the next step, and all end after that.
  """

  def __init__(self, stop):
    super().__init__()
    self._stop = stop

  def on_train_batch_end(self, batch, logs=None):
    if self._stop.requested:
      self.model.request_stop(True)
    if logs.get("stop", self._stop.requested):
      self.model.stop_training = True
