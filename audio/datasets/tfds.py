"""Any audio builder of tensorflow-datasets -> clips.

Features are found by their type. Integers are 16-bit PCM, whatever their dtype: `features.Audio`
says int64 by default; floats are taken as they are.
"""

import functools
import hashlib
import logging
import os
import re
import sys
import warnings

import tensorflow as tf

from audio import reading
from audio.datasets.source import Clip, ClipSource
from audio.errors import UserError

# Where a builder has several classes per clip: the one that the papers judge (COLA, Table 1).
_LABEL_OF = {"nsynth": "instrument/family"}
# Who is heard, where only the file name tells it.
_GROUP_IN_FILE_NAME = {"spoken_digit": re.compile(r"^\d+_([a-z]+)_\d+")}
_GROUP_FEATURES = ("speaker_id", "speaker", "client_id")


def has_builder(name):
  """Whether tensorflow-datasets knows a builder of this name (`name/config:version`)."""
  return name.split("/")[0].split(":")[0] in _library().list_builders()


def audio_builders():
  """Names of builders, for guesses at what the user meant."""
  return _library().list_builders()


def open_builder(name, split=None, data_dir=None, manual_dir=None):
  """Prepares the data set, unless it is prepared, and opens it.

  Args:
    name: `name[/config][:version]` of a builder with exactly one Audio feature per clip.
    split: any split expression of tensorflow-datasets; None: "train" if there is one, else "all".
    data_dir: where it is or will be prepared; None: ~/tensorflow_datasets.
    manual_dir: folder that holds archives downloaded by hand, by their original names.

  Returns:
    A TfdsSource.

  Raises:
    UserError: not an audio set, cannot be prepared, no such split.
  """
  builder = _library().builder(name, data_dir=data_dir and os.path.expanduser(data_dir))
  audio = _audio_feature(name, builder.info.features)
  _prepare(name, builder, manual_dir)
  split = split or ("train" if "train" in builder.info.splits else "all")
  try:
    num_clips = builder.info.splits[split].num_examples
  except (KeyError, ValueError) as error:
    known = ", ".join(builder.info.splits)
    raise UserError(f"{name} has no split {split!r}; it has {known}") from error
  return TfdsSource(name, builder, split, num_clips, audio)


class TfdsSource(ClipSource):
  """Clips of one split, in the order in which they are stored."""

  def __init__(self, name, builder, split, num_clips, audio_path):
    """Takes a prepared builder; `audio_path` names its Audio feature (`a/b` when nested)."""
    features = builder.info.features
    self.name = name
    self.num_clips = num_clips
    self.split_names = tuple(builder.info.splits)
    self._builder = builder
    self._split = split
    self._audio_path = audio_path
    self._sample_rate_hz = _feature(features, audio_path).sample_rate
    self._label_path = _label_feature(name, features)
    self._group_path = next((path for path in _GROUP_FEATURES if path in features), None)
    self.summary = f"{num_clips} clips, split {split} of {builder.info.full_name}"
    if self._sample_rate_hz is None:
      raise UserError(f"{name} does not say its sample rate: save it as files, use folder:PATH")

  def clips(self, start, stop):
    read_config = _library().ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
    records = self._builder.as_dataset(
      split=self._split, shuffle_files=False, read_config=read_config
    )
    for record in self._readable(records.skip(start).take(stop - start)):
      samples = _value(record, self._audio_path)
      load = functools.partial(reading.to_mono, samples, self._sample_rate_hz)
      file_name = self._file_name(record)
      yield Clip(
        file_name or record["tfds_id"].decode(),
        load,
        self._label(record),
        self._group(record, file_name),
      )

  def fingerprint(self):
    parts = (self._builder.info.full_name, self._split, self.num_clips, self._label_path)
    return hashlib.sha256(repr(parts).encode()).hexdigest()

  def _readable(self, records):
    try:
      yield from records.as_numpy_iterator()
    except tf.errors.OpError as error:
      raise UserError(
        f"the prepared data of {self.name} is damaged ({error.message.splitlines()[0]}): delete "
        f"{self._builder.data_dir} and run the same command, it will be prepared anew"
      ) from error

  def _label(self, record):
    if self._label_path is None:
      return None
    value = int(_value(record, self._label_path))
    names = _feature(self._builder.info.features, self._label_path)
    return names.int2str(value) if value >= 0 else None  # -1: unknown

  def _file_name(self, record):
    name = record.get(f"{self._audio_path}/filename")
    return name.decode() if name else None

  def _group(self, record, file_name):
    if self._group_path is not None:
      value = record[self._group_path]
      return value.decode() if isinstance(value, bytes) else str(value)
    pattern = _GROUP_IN_FILE_NAME.get(self.name.split(":")[0])
    match = pattern and file_name and pattern.match(file_name)
    return match and match[1]


@functools.cache
def _library():
  """tensorflow-datasets, imported late (it is slow) and without pydub's remarks."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pydub  # noqa: F401
    import tensorflow_datasets
  logging.getLogger("absl").setLevel(logging.ERROR)
  if not sys.stderr.isatty():
    tensorflow_datasets.disable_progress_bar()
  return tensorflow_datasets


def _prepare(name, builder, manual_dir):
  if builder.is_prepared():
    return
  config = _library().download.DownloadConfig(
    manual_dir=manual_dir and os.path.abspath(os.path.expanduser(manual_dir))
  )
  try:
    builder.download_and_prepare(download_config=config)
  except Exception as error:  # any builder's own code, and the network
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    raise UserError(
      f"{name} could not be prepared in {builder.data_dir}: {reason}. If there is no network, put "
      "its archives, under their original names, into a folder and name it by --manual_dir=FOLDER"
    ) from error


def _flatten(features, prefix=""):
  """Yields (path, feature) of every leaf; paths join names by a slash."""
  for key, feature in features.items():
    if hasattr(feature, "items"):
      yield from _flatten(feature, f"{prefix}{key}/")
    else:
      yield prefix + key, feature


def _audio_feature(name, features):
  found = [
    path for path, feature in _flatten(features) if isinstance(feature, _library().features.Audio)
  ]
  if not found:
    raise UserError(f"{name} is a data set of tensorflow-datasets, but it holds no audio")
  return min(found, key=lambda path: path.count("/"))


def _label_feature(name, features):
  """The class feature to judge by: the one known for this builder, `label`, or the only one."""
  classes = [
    path
    for path, feature in _flatten(features)
    if isinstance(feature, _library().features.ClassLabel)
  ]
  for wanted in (_LABEL_OF.get(name.split("/")[0].split(":")[0]), "label"):
    if wanted in classes:
      return wanted
  return classes[0] if len(classes) == 1 else None


def _feature(features, path):
  return functools.reduce(lambda node, key: node[key], path.split("/"), features)


def _value(record, path):
  return functools.reduce(lambda node, key: node[key], path.split("/"), record)
