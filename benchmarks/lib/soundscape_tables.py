"""What is measured on the recordings of `soundscapes`: search, and a detector.

Letters: W windows, q queries, C classes, S signal-to-noise ratios.
"""

import os
from collections.abc import Sequence

import numpy as np

from benchmarks.lib.event_matching import COLLAR_S, Span, match
from benchmarks.lib.soundscapes import SNRS_DB, Event
from contrastive_audio.cli.open_data import DataChoice, open_store
from contrastive_audio.datasets.stretches import key_of
from contrastive_audio.utils.run_files import CLASSIFIER
from contrastive_audio.utils.spreadsheets import read_csv, write_csv
from downstream import detect, linear
from downstream.papers.measurement import LaboratoryRequest
from downstream.protocols import EVALUATION_VERSIONS

BY_HAND, PROBE, LABELS = "by-hand.csv", "probe.csv", "labels.csv"
HOPS_S = (0.25, 0.5, 1.0)
QUERY_S, QUERY_HOP_S = 3.0, 1.0
WINDOW_S, GAP_S = 2.0, 0.5  # of the detector
BACKGROUND = "background"
_LABELLED = ("train/00.flac", "train/01.flac")  # ten events of each class, with ten minutes each
_VALIDATION = "train/02.flac"
_TIMES = ("file", "start_s", "end_s", "label")


def write_lists(folder: str, events: Sequence[Event]) -> None:
  """Writes the tables that trainings, probe and detector read.

  Those of the detector are stretches as long as its windows, if an event is shorter: what it will
  hear is seldom an event alone, without what comes before and after it.

  Args:
    folder: of the recordings.
    events: of all of them.

  Example:
    >>> write_lists(".", [Event("train/00.flac", 1.0, 2.0, "dog", 5.0)])
    >>> read_csv("by-hand.csv")[1]
    ['train/00.flac', '1.0', '2.0', 'dog']
  """
  train = [each for each in events if each.file.startswith("train/")]
  test = [each for each in events if not each.file.startswith("train/")]
  labelled = [each for each in train if each.file in _LABELLED]
  others = [each for each in train if each.file == _VALIDATION]
  write_csv(os.path.join(folder, BY_HAND), [_TIMES, *map(_row, train)])
  for name, asked, shortest_s in ((PROBE, test, 0.0), (LABELS, others, WINDOW_S)):
    rows = [[*_row(each, shortest_s), "train"] for each in labelled]
    rows += [[*_row(each, shortest_s), "test"] for each in asked]
    write_csv(os.path.join(folder, name), [[*_TIMES, "split"], *rows])


def query_windows(
  name: str, folder: str, events: Sequence[Event], num_queries: int, request: LaboratoryRequest
) -> np.ndarray:
  """Searches the recordings of the test for examples of 3 s, which are of others.

  Args:
    name: of the model.
    folder: of the recordings.
    events: of all of them.
    num_queries: number of examples of each class.
    request: where decoded audio is.

  Returns:
    Average precision over the windows of a recording in %, mean over classes, `[S, num_queries]`.
  """
  from downstream.encoders.embedding_parts import Embeddings
  from downstream.encoders.models import open_model
  from downstream.encoders.window_search import cosine_similarities
  from downstream.encoders.window_store import cut_windows

  model = open_model(name)
  examples = _examples(events, num_queries)
  path = os.path.join(folder, "queries.csv")
  write_csv(path, [_TIMES[:3], *([event.file, *_around(event)] for event in examples)])
  queries, clips = (
    open_store(DataChoice((place,)), request.location, model.sample_rate_hz)
    for place in (path, f"folder:{folder}/test")
  )
  embedded = dict(zip(queries.keys(), Embeddings(model, queries).make().of_clips()))
  asked = np.stack([embedded[key_of(event.file, *_around(event))] for event in examples])
  windows = cut_windows(clips, model, QUERY_HOP_S, QUERY_S)
  found = cosine_similarities(Embeddings(model, windows).make(), asked, windows.num_clips)
  files = [f"test/{key}" for key in clips.keys()]  # noqa: SIM118
  spans = windows.spans_s(np.arange(windows.num_clips))
  labels = list(dict.fromkeys(event.label for event in examples))
  relevant = np.stack([_hears(label, events, files, windows.clips, *spans) for label in labels])
  return precision_by_recording(
    found.reshape(len(labels), num_queries, -1), relevant, windows.clips, _order(files)
  )


def precision_by_recording(
  found: np.ndarray, relevant: np.ndarray, clips: np.ndarray, order: Sequence[int]
) -> np.ndarray:
  """Returns the average precision within each recording, mean over classes, in %.

  Args:
    found: similarities, float `[C, q, W]`.
    relevant: bool `[C, W]`.
    clips: recording of each window, `[W]`.
    order: of the recordings.

  Example:
    >>> found = np.array([[[0.9, 0.8, 0.1, 0.2]]])
    >>> relevant = np.array([[True, False, True, False]])
    >>> precision_by_recording(found, relevant, np.array([0, 0, 1, 1]), order=[1, 0])
    array([[ 50.],
           [100.]])
  """
  from sklearn.metrics import average_precision_score

  scores = np.empty([len(order), found.shape[1]])
  for row, clip in enumerate(order):
    within = clips == clip
    for query in range(found.shape[1]):
      values = [
        average_precision_score(truth[within], similar[query, within])
        for truth, similar in zip(relevant, found)
        if truth[within].any()
      ]
      scores[row, query] = 100 * np.mean(values)
  return scores


def detect_events(
  name: str,
  folder: str,
  events: Sequence[Event],
  hop_s: float,
  request: LaboratoryRequest,
  collar_s: float = COLLAR_S,
) -> list[float]:
  """Trains a detector on the labelled recordings, and runs it on those of the test, by commands.

  Args:
    name: of the model.
    folder: of the recordings.
    events: of all of them.
    hop_s: from one window to the next.
    request: where everything is kept.
    collar_s: by which starts and ends may be missed.

  Returns:
    F1 in % of each signal-to-noise ratio, `[S]`.
  """
  from downstream.encoders.models import open_model

  identity = open_model(name).identity[:16]  # a run that was trained again is another one
  # What it is fitted on, and how; the recordings are those of the folder.
  fitted = f"{identity}-{WINDOW_S:g}s-v{EVALUATION_VERSIONS['logistic']}"
  place = os.path.join(folder, "detectors", fitted)
  options = [f"--model={name}", "--max_bad_fraction=0"]
  if request.location.store_dir:
    options.append(f"--store_dir={request.location.store_dir}")
  if not os.path.exists(os.path.join(place, CLASSIFIER)):
    task = [f"--task=folder:{os.path.join(folder, LABELS)}", f"--background={BACKGROUND}"]
    linear.run(["linear", *options, *task, f"--output={place}"])
  output = os.path.join(place, f"every-{hop_s:g}s-gaps-{GAP_S:g}s.csv")
  if not os.path.exists(output):
    cut = [f"--hop_s={hop_s}", f"--window_s={WINDOW_S}", f"--gap_s={GAP_S}"]
    data = [f"--classifier={place}", f"--ignore={BACKGROUND}", f"--input=folder:{folder}/test"]
    detect.run(["detect", *options, *data, *cut, f"--output={output}"])
  found = [(f"test/{os.path.basename(row[0])}", *row[1:]) for row in read_csv(output)[1:]]
  return [_f1(f"test/{snr_db:02d}dB.flac", events, found, collar_s) for snr_db in SNRS_DB]


def _f1(
  file: str, events: Sequence[Event], found: Sequence[Sequence[str]], collar_s: float
) -> float:
  heard = [Span(each.label, each.start_s, each.end_s) for each in events if each.file == file]
  detected = [Span(row[3], float(row[1]), float(row[2])) for row in found if row[0] == file]
  return match(heard, detected, collar_s).f1


def _examples(events: Sequence[Event], num_queries: int) -> list[Event]:
  """Returns the clearest events of each class, of the recordings to train on; class by class."""
  chosen: list[Event] = []
  train = sorted((each for each in events if each.file.startswith("train/")), key=_loudest_first)
  for label in sorted({event.label for event in train}):
    own = [event for event in train if event.label == label]
    chosen += [own[number % len(own)] for number in range(num_queries)]
  return chosen


def _loudest_first(event: Event) -> tuple[float, float]:
  return -event.snr_db, event.start_s


def _around(event: Event, length_s: float = QUERY_S) -> tuple[float, float]:
  """Returns a stretch with an event in its middle, by default that of an example."""
  start_s = round(max(0.0, (event.start_s + event.end_s - length_s) / 2), 3)
  return start_s, round(start_s + length_s, 3)


def _hears(
  label: str,
  events: Sequence[Event],
  files: Sequence[str],
  clips: np.ndarray,
  starts_s: np.ndarray,
  ends_s: np.ndarray,
) -> np.ndarray:
  """Returns whether a window holds half of an event of a class, bool `[W]`."""
  heard = np.zeros(len(clips), bool)
  for event in events:
    if event.label == label and event.file in files:
      shared_s = np.minimum(ends_s, event.end_s) - np.maximum(starts_s, event.start_s)
      here = clips == files.index(event.file)
      heard |= here & (shared_s >= (event.end_s - event.start_s) / 2)
  return heard


def _order(files: Sequence[str]) -> list[int]:
  return [files.index(f"test/{snr_db:02d}dB.flac") for snr_db in SNRS_DB]


def _row(event: Event, shortest_s: float = 0.0) -> list[str]:
  start_s, end_s = event.start_s, event.end_s
  if end_s - start_s < shortest_s:
    start_s, end_s = _around(event, shortest_s)
  return [event.file, str(start_s), str(end_s), event.label]
