"""Recordings -> detections with times, or a class for each file."""

import dataclasses
import os
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.datasets.annotations.annotation import Annotation
from contrastive_audio.datasets.stretches import recording_of, start_s_of
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.rows import rows_of_clips
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.words import counted
from downstream.detection.events import Rules, find_events
from downstream.detection.outputs import Output
from downstream.detection.scorers import Scorer, scoring_model
from downstream.encoders.embedding_files import list_skipped
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model
from downstream.encoders.window_store import WindowStore


@dataclasses.dataclass(frozen=True)
class Classes:
  """The classes that are reported.

  Attributes:
    scorer: what scores them.
    thresholds: float `[C]`.
    ignored: names of classes that are scored, but not reported.

  Example:
    >>> scorer = Scorer(("cat", "noise"), False, lambda rows: rows, "")
    >>> Classes(scorer, np.full(2, 0.5), ignored=("noise",)).reported
    array([ True, False])
  """

  scorer: Scorer
  thresholds: np.ndarray
  ignored: Collection[str] = ()

  @property
  def reported(self) -> np.ndarray:
    """Which classes are reported, bool `[C]`."""
    return np.array([name not in self.ignored for name in self.scorer.class_names])


def detect(
  output: Output,
  model: Model,
  windows: WindowStore,
  classes: Classes,
  gap_s: float = 0.0,
  smoothing_s: float | None = None,
) -> int:
  """Writes what is heard when; a call that was stopped resumes.

  Only the scores of windows are kept, in the user's cache. Memory holds those of one recording.

  Args:
    output: where to write.
    model: what embeds.
    windows: of the recordings.
    classes: what to detect.
    gap_s: detections of a class that are this close are one, in seconds.
    smoothing_s: over how many seconds scores are averaged; None: half a window, if windows touch.

  Returns:
    The number of detections.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> model = open_model("logmel_stats")
    >>> loud = Scorer(("loud",), True, lambda rows: rows[:, :64].mean(1, keepdims=True), "mean")
    >>> windows = cut_windows(store, model, hop_s=0.5)
    >>> classes = Classes(loud, np.array([-6.0]))
    >>> num_detections = detect(Output("loud.csv"), model, windows, classes)
    detections loud.csv: ...
    >>> with open("loud.csv") as file:
    ...   file.readline().split(",")[:3]
    ['file', 'start_s', 'end_s']
  """
  if smoothing_s is None:
    touch = windows.hop_samples <= windows.window_samples
    smoothing_s = touch * windows.window_samples / windows.sample_rate_hz / 2
  thresholds = np.where(classes.reported, classes.thresholds, np.inf)
  rules = Rules(thresholds, gap_s, smoothing_s)
  scores = Embeddings(scoring_model(model, classes.scorer), windows).make()
  found = list(_detections(windows, scores, rules, classes.scorer.class_names))
  written = _write(output, found, windows.recordings)
  recordings = counted(windows.recordings.num_clips, "recording")
  heard = f"{counted(len(found), 'detection')} in {windows.hours:.2f} hours of {recordings}"
  line("detections", f"{written}: {heard} ({windows.description})")
  return len(found)


def _detections(
  windows: WindowStore, scores: Embeddings, rules: Rules, class_names: tuple[str, ...]
) -> Iterator[Annotation]:
  """Yields the detections; of a stretch, with its recording and the times in that."""
  first = 0
  by_recording = rows_of_clips((windows.clips[ids], values) for ids, values in scores.parts())
  for clip, rows in enumerate(by_recording):
    spans = windows.spans_s(np.arange(first, first + len(rows)))
    first += len(rows)
    if events := find_events(rows, *spans, rules):
      (key,) = windows.recordings.keys([clip])
      for event in events:
        label, score = class_names[event.number], event.score
        yield _annotation(key, event.start_s, event.end_s, label, score)


def _annotation(key: str, start_s: float, end_s: float, label: str, score: float) -> Annotation:
  """Returns a detection in a clip, with times in milliseconds, alike in all formats.

  A score that just reaches its threshold does so for no time; no table holds a stretch so short.
  """
  start_s, end_s = (round(start_s_of(key) + time_s, 3) for time_s in (start_s, end_s))
  end_s = max(end_s, round(start_s + 0.001, 3))
  return Annotation(start_s, end_s, label, file=recording_of(key), score=score)


def _write(output: Output, found: Sequence[Annotation], store: Store) -> str:
  """Writes detections, after what could not be read: who finds the former has the latter, too."""
  make_folder(os.path.dirname(os.path.abspath(output.table)))
  list_skipped(store, output.table)
  return output.write(found, highest_hz=store.sample_rate_hz / 2)


def classify_clips(
  output: Output, model: Model, store: Store, classes: Classes, always: bool = False
) -> None:
  """Writes a row for each file: its class, or its classes if it can have several.

  Scores are those of `classify` of an export: the highest of the classes that the row names. The
  label is empty where no class reaches its threshold; the score is then the highest of those that
  could have been named.

  Args:
    output: where to write.
    model: what embeds.
    store: the files.
    classes: what to tell apart.
    always: whether the most probable class is named, whatever its score.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> model = open_model("logmel_stats")
    >>> loud = Scorer(("loud",), True, lambda rows: rows[:, :64].mean(1, keepdims=True), "mean")
    >>> classify_clips(Output("loud.csv"), model, store, Classes(loud, np.array([-6.0])))
    detections loud.csv: 10 files, 10 with a label
    >>> with open("loud.csv") as file:
    ...   len(list(file))
    11
  """
  found = list(_classified(model, store, classes, always))
  written = _write(output, found, store)
  num_labelled = sum(1 for each in found if each.label)
  line("detections", f"{written}: {counted(len(found), 'file')}, {num_labelled} with a label")


def _classified(model: Model, store: Store, classes: Classes, always: bool) -> Iterator[Annotation]:
  scorer = classes.scorer
  for ids, embeddings in Embeddings(model, store).make().clip_parts():
    for clip, key, row in zip(ids, store.keys(ids), scorer.score(embeddings)):
      best = int(row.argmax())
      above = row >= classes.thresholds
      if not scorer.multi_label:
        above = (np.arange(len(row)) == best) & (above | always)
      above &= classes.reported
      names = [scorer.class_names[number] for number in np.flatnonzero(above)]
      score = float(row[above if above.any() else classes.reported].max())
      end_s = store.num_samples[clip] / store.sample_rate_hz
      yield _annotation(key, 0.0, end_s, LABEL_SEPARATOR.join(names), score)


def require_ignored(scorer: Scorer, ignored: Collection[str]) -> None:
  """Raises an error if a class that is not to be reported does not exist, or none would be.

  Args:
    scorer: knows the classes.
    ignored: value of --ignore.

  Raises:
    UserError: which one, and what there is, or that nothing would be reported.

  Example:
    >>> require_ignored(Scorer(("cat", "noise"), False, lambda rows: rows, ""), ["rain"])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --ignore=rain: there is no such class; ...
  """
  for name in ignored:
    if name not in scorer.class_names:
      raise UserError(
        f"--ignore={name}: there is no such class; there are {', '.join(scorer.class_names)}"
      )
  if set(scorer.class_names) <= set(ignored):
    raise UserError("--ignore: no class would be reported; leave one out of it")
