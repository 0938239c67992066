"""Where the numbers of a training go beside its metrics.jsonl: TensorBoard, and others like it."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

_MONITOR = ("knn_", "linear_", "mode_agreement", "exported_spread")  # how their names begin
_SPEED = ("pairs_per_s", "data_wait_share")


class Tracker(Protocol):
  """A place where numbers, figures and hyper-parameters of a training are shown.

  Example:
    >>> tracker: Tracker = TensorBoard("tensorboard")
  """

  def log(self, step: int, numbers: Mapping[str, float]) -> None:
    """Takes measurements, by their names in groups, see `grouped`."""

  def image(self, step: int, name: str, path: str) -> None:
    """Takes a figure, a PNG file."""

  def histogram(self, step: int, name: str, values: np.ndarray) -> None:
    """Takes many values of one kind."""

  def describe(self, settings: Mapping[str, Any]) -> None:
    """Takes the hyper-parameters."""


def grouped(name: str) -> str:
  """Returns the name of a metric behind that of its group.

  Args:
    name: of the metric, as in metrics.jsonl.

  Example:
    >>> [grouped(name) for name in ("loss", "knn_accuracy", "pairs_per_s")]
    ['train/loss', 'monitor/knn_accuracy', 'speed/pairs_per_s']
  """
  if name in _SPEED:
    return f"speed/{name}"
  return f"monitor/{name}" if name.startswith(_MONITOR) else f"train/{name}"


class Trackers(list[Tracker]):
  """All trackers of a training: what they are told, each of them is.

  Example:
    >>> trackers = Trackers([TensorBoard("tensorboard")])
    >>> trackers.log(10, {"loss": 1.5})
    >>> trackers.histogram(10, "similarity_of_pairs", np.zeros(8))
  """

  def log(self, step: int, numbers: Mapping[str, float]) -> None:
    """Tells them measurements, by their names in metrics.jsonl."""
    for tracker in self:
      tracker.log(step, {grouped(name): value for name, value in numbers.items()})

  def image(self, step: int, name: str, path: str) -> None:
    """Shows them a figure, a PNG file."""
    for tracker in self:
      tracker.image(step, name, path)

  def histogram(self, step: int, name: str, values: np.ndarray) -> None:
    """Tells them many values of one kind; those that are not finite are left out."""
    for tracker in self:
      tracker.histogram(step, name, values[np.isfinite(values)])

  def describe(self, settings: Mapping[str, Any]) -> None:
    """Tells them the hyper-parameters; those that are None are left out."""
    for tracker in self:
      tracker.describe({name: value for name, value in settings.items() if value is not None})


class TensorBoard:
  """Files for `tensorboard --logdir=FOLDER`; there are none before something is told.

  Example:
    >>> TensorBoard("tensorboard").log(10, {"train/loss": 1.5})
    >>> import os
    >>> len(os.listdir("tensorboard"))
    1
  """

  def __init__(self, folder: str):
    """Prepares the files.

    Args:
      folder: where to write them.
    """
    self._folder = folder
    self._opened: Any = None

  def log(self, step: int, numbers: Mapping[str, float]) -> None:
    """Writes scalars."""
    with self._writer().as_default(step=step):
      for name, value in numbers.items():
        tf.summary.scalar(name, value)
    self._writer().flush()

  def image(self, step: int, name: str, path: str) -> None:
    """Writes a PNG file."""
    pixels = tf.image.decode_png(tf.io.read_file(path), channels=3)
    with self._writer().as_default(step=step):
      tf.summary.image(name, pixels[None])

  def histogram(self, step: int, name: str, values: np.ndarray) -> None:
    """Writes a histogram."""
    with self._writer().as_default(step=step):
      tf.summary.histogram(name, values)

  def describe(self, settings: Mapping[str, Any]) -> None:
    """Writes the hyper-parameters for the tab HPARAMS."""
    from tensorboard.plugins.hparams import api  # late: it takes long

    with self._writer().as_default(step=0):
      api.hparams(dict(settings))
    self._writer().flush()

  def _writer(self) -> Any:
    if self._opened is None:
      self._opened = tf.summary.create_file_writer(self._folder)
    return self._opened
