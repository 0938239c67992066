"""Evaluates an encoder by labels while it trains."""

import abc
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import keras
import numpy as np
import tqdm

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import Clip, ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.monitoring import confusion, knn, labelled_sample, linear_probe
from contrastive_audio.runs import Run
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.files import read_json, write_json

Predicted = Sequence[str | None] | np.ndarray  # a class for each clip; None: for want of others
Evaluation = tuple[dict[str, float], Predicted]  # measurements, predictions

_MONITORED = "monitored.json"  # in the run folder: the digest of the clips that evaluate it
_NO_CLASS = "(none)"
NEIGHBOURS = 10


class Monitor(Protocol):
  """What a training calls between its steps.

  Example:
    >>> class StepPrinter:
    ...   def check(self, step: int) -> None:
    ...     print("step", step)
    >>> monitor: Monitor = StepPrinter()
    >>> monitor.check(100)
    step 100
  """

  def check(self, step: int) -> None:
    """Evaluates what is trained, after a step.

    Args:
      step: number of the last finished step; 0: nothing has been trained yet.
    """


class LabelMonitor(abc.ABC):
  """Evaluates by a fixed sample of the clips; their labels are used here and nowhere else.

  The encoder sees clean excerpts in inference mode. Without labels the monitor does nothing. Clips
  with several labels are left out.

  Example:
    >>> import types
    >>> class ClipCounter(LabelMonitor):
    ...   def evaluate(self, waves, labels, groups):
    ...     return {"knn_accuracy": 0.0, "clips": len(list(waves))}, labels
    >>> unlabelled = types.SimpleNamespace(has_labels=False)
    >>> ClipCounter(run=None, store=unlabelled).check(step=0)  # does nothing
  """

  def __init__(self, run: Run, store: Store):
    """Chooses the clips.

    Args:
      run: where measurements are logged.
      store: the clips of the training, or other labelled ones.

    Raises:
      UserError: the run has been evaluated on other clips.
    """
    self._run, self._store = run, store
    self._without_others, self._clip_ids = list[str](), list[int]()
    if store.has_labels:
      drawn = labelled_sample.draw(store)
      self._without_others, self._clip_ids = labelled_sample.without_single_groups(store, drawn)
    if self._clip_ids:
      _require_same_clips(run, store)

  def check(self, step: int) -> None:
    """Evaluates the encoder, logs and prints the measurements, once for each step.

    Args:
      step: number of the last finished step.
    """
    if not self._clip_ids or step in self._run.metrics("knn_accuracy")[0]:
      return
    clips = stored_clips(self._store, self._clip_ids)
    labels = [str(label) for label in self._store.labels(self._clip_ids)]  # all have one
    with progress_bar.make(self.num_clips, "evaluating", "clip", leave=False) as bar:
      waves = progress_bar.counting(clips, bar)
      metrics, predicted = self.evaluate(waves, labels, self._store.groups(self._clip_ids))
    chance = 1 / len(set(labels))
    self._run.log(step, {**metrics, "knn_chance": chance})
    path = self._run.path("plots", "knn_confusion.png")
    answers = [_NO_CLASS if name is None else name for name in predicted]
    confusion.confusion_matrix(path, labels, answers, title=f"kNN at step {step}")
    self._run.trackers.image(step, "monitor/knn_confusion", path)
    tqdm.tqdm.write(f"step {step}: {self.describe(metrics)} (chance {100 * chance:.1f} %)")

  @property
  def without_others(self) -> list[str]:
    """Classes of a single group, which are left out: no other clip could show what they are."""
    return self._without_others

  @property
  def num_clips(self) -> int:
    """Number of clips that evaluations use; 0: there are no labels."""
    return len(self._clip_ids)

  @property
  def num_classes(self) -> int:
    """Number of classes of these clips."""
    return len(set(self._store.labels(self._clip_ids))) if self._clip_ids else 0

  @abc.abstractmethod
  def evaluate(
    self, waves: Iterable[Clip], labels: Sequence[str], groups: Sequence[str | None]
  ) -> Evaluation:
    """Evaluates the encoder on some clips.

    Args:
      waves: the clips, each float32 `[n]`, or a StoredClip.
      labels: the class name of each clip.
      groups: the group of each clip; None: it has none.

    Returns:
      The measurements, `knn_accuracy` of the embedding among them, and the class that kNN on the
      embedding gives each clip.
    """

  def describe(self, metrics: Mapping[str, float]) -> str:
    """Returns the measurements as the terminal shows them.

    Args:
      metrics: from `evaluate`.
    """
    return f"kNN {100 * metrics['knn_accuracy']:.1f} %{describe_linear(metrics)}"


class KnnMonitor(LabelMonitor):
  """kNN and a linear classifier on the embeddings of clips that the export gives.

  No clip helps to classify itself. Where clips have groups (speakers, recordings), neither does any
  other clip of its group.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=front_end)
    >>> KnnMonitor(run, store, front_end, frame_cnn(64)).check(step=0)
    step 0: kNN ... % (chance 10.0 %)
  """

  def __init__(self, run: Run, store: Store, front_end: FrontEnd, encoder: keras.Model):
    """Prepares the evaluation.

    Args:
      run: where measurements are logged.
      store: the clips of the training.
      front_end: waves -> log-mels.
      encoder: the encoder being trained.
    """
    super().__init__(run, store)
    self._embedder = ClipEmbedder(ClipEncoder(front_end, encoder))

  def evaluate(
    self, waves: Iterable[Clip], labels: Sequence[str], groups: Sequence[str | None]
  ) -> Evaluation:
    embeddings = np.array(list(self._embedder.embed(waves)))
    num_groups = len(set(groups) - {None})
    used_groups = groups if num_groups > 1 else None
    predicted = knn.leave_one_out(embeddings, labels, used_groups, NEIGHBOURS)
    metrics = {
      "knn_accuracy": knn.macro_accuracy(predicted, labels),
      "knn_groups": num_groups,
      "knn_neighbours": min(NEIGHBOURS, knn.fewest_others(len(labels), used_groups)),
    }
    return metrics | linear_metrics(embeddings, labels, used_groups), predicted

  def describe(self, metrics: Mapping[str, float]) -> str:
    few = knn.fewer(int(metrics["knn_neighbours"]), NEIGHBOURS, "clips")
    return super().describe(metrics) + (f"; {few}" if few else "")


def _require_same_clips(run: Run, store: Store) -> None:
  """Keeps the evaluations of a run to one set of clips, which its folder names."""
  path = run.path(_MONITORED)
  known = None
  # There is none yet, or a version wrote the run that wrote none.
  with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
    known = read_json(path)["clips"]
  if known == store.digest:
    return
  if known and len(run.metrics("knn_accuracy")[0]):
    raise UserError(
      f"{run.folder} has been evaluated on other labelled clips, and one curve cannot show both: "
      "name the same --monitor as before, or none if there was none; a finished run is evaluated "
      f"on any clips by python -m downstream.linear --model={run.folder} --task=..."
    )
  write_json(path, {"clips": store.digest})


def linear_metrics(
  embeddings: np.ndarray, labels: Sequence[str], groups: Sequence[str | None] | None
) -> dict[str, float]:
  """Returns {"linear_accuracy": macro accuracy of linear_probe.predict}.

  Args:
    embeddings: float `[n, D]`, of clips.
    labels: n class names.
    groups: n group names or Nones; None: there are none.

  Returns:
    The measurement; an empty dictionary where it cannot be made.

  Example:
    >>> embeddings = np.array([[1.0], [1.1], [1.2], [-1.0], [-1.1], [-1.2]])
    >>> linear_metrics(embeddings, labels=["low"] * 3 + ["high"] * 3, groups=None)
    {'linear_accuracy': 1.0}
    >>> linear_metrics(embeddings[:1], labels=["low"], groups=None)
    {}
  """
  predicted = linear_probe.predict(embeddings, labels, groups)
  is_predicted = predicted != None  # noqa: E711, element by element
  if not is_predicted.any():
    return {}
  accuracy = knn.macro_accuracy(predicted[is_predicted], np.asarray(labels)[is_predicted])
  return {"linear_accuracy": accuracy}


def describe_linear(metrics: Mapping[str, float]) -> str:
  """Returns the end of a line about the linear classifier; nothing if there was none.

  Args:
    metrics: the measurements of a monitor.

  Example:
    >>> describe_linear({"linear_accuracy": 0.5})
    ', linear 50.0 %'
  """
  accuracy = metrics.get("linear_accuracy")
  return "" if accuracy is None else f", linear {100 * accuracy:.1f} %"
