"""What a training logs: means over some steps, and how long it waited for data."""

import collections
import math
import statistics
import time
from collections.abc import Mapping

import keras
import tensorflow as tf
import tqdm

from contrastive_audio.runs import Run
from contrastive_audio.training.callbacks import StepCounter
from contrastive_audio.training.checkpoints import Window
from contrastive_audio.training.optimizers import rate_of_last_step

LOG_EVERY = 10  # steps


class DataClock:
  """Measures how long the training waits for data, from the times when batches are ready.

  Example:
    >>> clock = DataClock()
    >>> start_s = time.perf_counter()
    >>> for batch in clock.stamp(tf.data.Dataset.range(1)):
    ...   waited_s = clock.waited_s(start_s)
    >>> 0 < waited_s < 60
    True
  """

  def __init__(self) -> None:
    self._ready_s: collections.deque[float] = collections.deque()

  def stamp(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Makes a dataset note the time after each of its elements.

    Args:
      dataset: of tensors.

    Returns:
      The same elements.
    """

    @tf.autograph.experimental.do_not_convert
    def note(batch):
      with tf.control_dependencies([batch]):
        noted = tf.numpy_function(self._note, [], tf.bool)
      with tf.control_dependencies([noted]):
        return tf.identity(batch)

    return dataset.map(note)

  def waited_s(self, since_s: float) -> float:
    """Returns how long after a moment the next batch was ready, in seconds; 0 if before.

    Args:
      since_s: the moment, by time.perf_counter().
    """
    return max(0.0, self._ready_s.popleft() - since_s)

  def _note(self) -> bool:
    self._ready_s.append(time.perf_counter())
    return True


class Recorder(keras.callbacks.Callback):
  """Writes the means of LOG_EVERY steps to the run's metrics and to the progress bar.

  Example:
    >>> import types
    >>> from contrastive_audio.utils import progress_bar
    >>> layer, clock = keras.layers.Identity(), types.SimpleNamespace(waited_s=lambda since_s: 0.0)
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> bar = progress_bar.make(1, "training", "step")
    >>> recorder = Recorder(run, StepCounter(first_step=10), clock, batch_size=4, bar=bar)
    >>> recorder.set_model(types.SimpleNamespace(optimizer=keras.optimizers.SGD(0.1)))
    >>> names = ("loss", "contrastive_accuracy", "embedding_spread", "gradient_norm")
    >>> recorder.on_train_batch_end(0, dict.fromkeys(names, 0.5))
    >>> run.metrics("loss")
    (array([10]), array([0.5]))
  """

  def __init__(
    self,
    run: Run,
    counter: StepCounter,
    clock: DataClock,
    batch_size: int,
    bar: tqdm.tqdm,
    window: Window | None = None,
  ):
    """Prepares the record.

    Args:
      run: gets the metrics.
      counter: knows the current step.
      clock: stamps the batches.
      batch_size: pairs of a step.
      bar: shows some of the numbers.
      window: of a Recorder that stopped after the last finished step.
    """
    super().__init__()
    self._run, self._counter, self._clock, self._bar = run, counter, clock, bar
    self._batch_size = batch_size
    self._window: dict[str, list[float]] = collections.defaultdict(list)
    self._window |= {name: list(values) for name, values in (window or {}).items()}
    self._last_end_s: float | None = None
    self._begin_s = time.perf_counter()

  @property
  def window(self) -> Window:
    """The values of the metrics since the last row of LOG_EVERY steps."""
    return {name: list(map(float, values)) for name, values in self._window.items()}

  def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    self._begin_s = time.perf_counter()

  def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    now_s = time.perf_counter()
    for name, value in (logs or {}).items():
      self._window[name].append(value)
    waited_s = self._clock.waited_s(self._begin_s)
    if self._last_end_s is not None:  # the first step builds the graph
      # From end to end, so that monitors and checkpoints count.
      self._window["step_s"].append(now_s - self._last_end_s)
      self._window["waited_s"].append(waited_s)
    else:
      self._bar.set_description_str("training", refresh=False)
    self._last_end_s = now_s
    if self._counter.step % LOG_EVERY == 0:
      self._write()
      self._window.clear()
    self._bar.update()

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    # What is left stays in the window: if the training goes on, it belongs to the next row.
    self._write()

  def _write(self) -> None:
    if not self._window:
      return
    window = dict(self._window)
    steps_s, waits_s = window.pop("step_s", []), window.pop("waited_s", [])
    means = {name: _mean_of_finite(values) for name, values in window.items()}
    if skipped := sum(not math.isfinite(norm) for norm in window["gradient_norm"]):
      means["steps_left_out"] = skipped
    if steps_s:
      means["pairs_per_s"] = self._batch_size * len(steps_s) / sum(steps_s)
      means["data_wait_share"] = min(1.0, sum(waits_s) / sum(steps_s))
    means["learning_rate"] = rate_of_last_step(self.model.optimizer)
    self._run.log(self._counter.step, means)
    found = f"{100 * means['contrastive_accuracy']:.0f} % found"
    self._bar.set_description_str(f"training, loss {means['loss']:.3f}, {found}", refresh=False)


def _mean_of_finite(values: list[float]) -> float:
  """Leaves out the infinite gradients of steps that loss scaling skips."""
  return statistics.fmean([value for value in values if math.isfinite(value)] or [math.nan])
