"""What the flags of the command name -> a labelling that can be served."""

import collections
import dataclasses
import hashlib
import os
import shlex
from collections.abc import Mapping

from contrastive_audio import datasets
from contrastive_audio.cli.console import line
from contrastive_audio.cli.open_data import DataChoice, DataLocation, open_store
from contrastive_audio.datasets.stretches import span_of
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.locks import FolderLock
from contrastive_audio.utils.spreadsheets import line_of_cells
from contrastive_audio.utils.tables import name_in_table
from contrastive_audio.utils.words import counted
from downstream.labelling.label_table import LabelTable
from downstream.labelling.places import Recordings


@dataclasses.dataclass(frozen=True)
class LabelledRecordings:
  """Recordings and the table of their labels.

  Attributes:
    store: the recordings.
    recordings: their files.
    table: the labels.

  Example:
    >>> LabelledRecordings(None, None, None).store is None
    True
  """

  store: Store
  recordings: Recordings
  table: LabelTable


def root_of(name: str) -> str:
  """Returns the folder to which the names of recordings are relative.

  Args:
    name: as `--input` takes it.

  Raises:
    UserError: it is none of the data sets whose recordings are files.

  Example:
    >>> os.mkdir("field")
    >>> root_of("field"), root_of("folder:field/a.wav"), root_of("folder:list.csv")
    ('field', 'field', '')
    >>> root_of("synthetic")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --input=synthetic: labels are about files: ...
  """
  kind, _, path = datasets.full_name(name).partition(":")
  if kind != "folder":
    raise UserError(
      f"--input={name}: labels are about files: pass a folder, an audio file, or a table of them"
    )
  path = os.path.expanduser(path)
  return path if os.path.isdir(path) else os.path.dirname(path)


def open_recordings(
  choice: DataChoice, location: DataLocation, sample_rate_hz: int, labels: str
) -> LabelledRecordings:
  """Opens recordings, and the table of their labels; prints what is left out.

  Args:
    choice: which recordings, one data set.
    location: where decoded audio is kept.
    sample_rate_hz: of the model.
    labels: path of the table, which need not exist.

  Raises:
    UserError: there are no recordings, or the table is none.

  Example:
    >>> open_recordings(DataChoice(("no/such/folder",)), DataLocation(), 16_000, "labels.csv")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: ...
  """
  (name,) = choice.datasets
  root, store = root_of(name), open_store(choice, location, sample_rate_hz)
  keys = store.keys()
  if any(span_of(key) for key in keys):
    raise UserError(
      f"--input={name}: it lists stretches; pass the recordings, and the table as --labels"
    )
  paths = [os.path.join(root, key) for key in keys]
  found = [number for number, path in enumerate(paths) if _has_a_name(labels, path)]
  if len(found) < len(paths):
    lost = counted(len(paths) - len(found), "recording")
    line("left out", f"{lost} whose names no table can hold: rename them")
    if not found:
      raise UserError(f"--input={name}: no recording is left")
    store, paths = store.select(found), [paths[number] for number in found]
  recordings = Recordings(labels, paths, store.num_samples.tolist(), sample_rate_hz)
  return LabelledRecordings(store, recordings, LabelTable(labels, recordings))


def _has_a_name(labels: str, path: str) -> bool:
  """Whether a table can name a file: cells are read without the spaces at their ends."""
  name = name_in_table(labels, path)
  return os.path.exists(path) and name == name.strip()


def lock_of(labels: str) -> FolderLock:
  """Returns what keeps a second process out of a table: a lock in the user's cache.

  Args:
    labels: path of the table.

  Example:
    >>> with lock_of("labels.csv").held(), lock_of("./labels.csv").held():
    ...   pass
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: another process writes these labels (pid ...
  """
  digest = hashlib.sha256(os.fsencode(os.path.realpath(labels))).hexdigest()[:16]
  folder = os.path.join(cache_folder(), "labelling", digest)
  make_folder(folder)
  return FolderLock(folder, "writes these labels", f"another file than {labels!r}")


def summary(table: LabelTable) -> str:
  """Says what a table holds, in one line.

  Args:
    table: the labels.

  Example:
    >>> recordings = Recordings("labels.csv", ["a.wav"], [160_000], 16_000)
    >>> summary(LabelTable("labels.csv", recordings))
    'labels.csv: nothing is marked'
  """
  labels = table.labels
  counts = collections.Counter(name for names in labels.values() for name in names)
  classes = ", ".join(f"{name} {count}" for name, count in counts.most_common())
  places = counted(len({place.clip for place in labels}), "recording")
  text = f"{counted(len(labels), 'stretch', 'stretches')} of {places} ({classes})"
  others = f"; {counted(table.num_others, 'row')} about other files kept" * bool(table.num_others)
  return f"{table.path}: {text if labels else 'nothing is marked'}{others}"


def next_steps(
  table: LabelTable,
  model: str,
  name: str,
  negative: str,
  window_s: float | None = None,
  clip_pooling: str | None = None,
) -> list[str]:
  """Says what can be done with the labels: the commands that train a classifier, and detect by it.

  Args:
    table: the labels.
    model: as `--model` has it.
    name: of the recordings, as `--input` has it.
    negative: the class that is not to be detected.
    window_s: as `--window_s` has it.
    clip_pooling: as `--clip_pooling` has it.

  Example:
    >>> recordings = Recordings("labels.csv", ["a.wav"], [160_000], 16_000)
    >>> next_steps(LabelTable("labels.csv", recordings), "runs/mine", "field", "other")
    ['mark two windows of each of two classes at least; the same command goes on']
  """
  labels = table.labels.values()
  counts = collections.Counter(label for names in labels for label in names)
  if len([count for count in counts.values() if count > 1]) < 2:
    return ["mark two windows of each of two classes at least; the same command goes on"]
  has_several = any(len(names) > 1 for names in labels)
  single = [label for label, count in counts.items() if count == 1]
  if single and not has_several:
    return [f"mark another window of {single[0]!r}: a class takes two; the same command goes on"]
  classifier = {
    "task": table.path,
    "clip_pooling": clip_pooling,  # that of the classifier is also that of what it detects
    "metric": "mAP" if has_several else None,
    "output": "linear",
  }
  detections = {
    "classifier": "linear",
    "input": name,
    "window_s": None if window_s is None else f"{window_s:g}",
    "ignore": line_of_cells([negative]) if negative in counts else None,
    "output": "detections.csv",
  }
  return [_command("linear", model, classifier), _command("detect", model, detections)]


def _command(name: str, model: str, values: Mapping[str, str | None]) -> str:
  given = {"model": model, **values}.items()
  options = (f"--{flag}={shlex.quote(value)}" for flag, value in given if value is not None)
  return " ".join((f"python -m downstream.{name}", *options))
