"""Any audio builder of tensorflow-datasets -> clips.

Features are found by their type, see tfds_features.py. Integers are 16-bit PCM, whatever their
dtype: `features.Audio` says int64 by default; floats are taken as they are. Recordings that a
builder keeps as files (`lazy_decode`) are decoded as all other files are.
"""

import functools
import hashlib
import os

import tensorflow as tf

from contrastive_audio.datasets import builders, tfds_features
from contrastive_audio.datasets.source import Clip, ClipSource
from contrastive_audio.datasets.tfds_features import library as _library
from contrastive_audio.errors import UserError
from contrastive_audio.sound import reading


def has_builder(name):
  """Whether tensorflow-datasets knows a builder of this name (`name/config:version`)."""
  return tfds_features.plain(name) in _library().list_builders()


def audio_builders():
  """Names of builders, for guesses at what the user meant."""
  return _library().list_builders()


def open_builder(name, split=None, data_dir=None, manual_dir=None, ours=False, unions=None):
  """Prepares the data set, unless it is prepared, and opens it.

  Args:
    name: `name[/config][:version]` of a builder with exactly one Audio feature per clip.
    split: any split expression of tensorflow-datasets; None: "train" if there is one, else "all".
    data_dir: where it is or will be prepared; None: ~/tensorflow_datasets.
    manual_dir: folder that holds archives downloaded by hand, by their original names.
    ours: whether the builder is one of contrastive_audio.datasets.builders.
    unions: names of splits -> those of the builder that they stand for, see source.ClipSource.

  Returns:
    A TfdsSource.

  Raises:
    UserError: not an audio set, cannot be prepared, no such split.
  """
  if ours:
    builders.register(tfds_features.plain(name))
  builder = _library().builder(name, data_dir=data_dir and os.path.expanduser(data_dir))
  tfds_features.find(name, builder.info.features)  # before anything is downloaded
  _prepare(name, builder, manual_dir)
  known = builder.info.splits
  unions = {union: [p for p in parts if p in known] for union, parts in (unions or {}).items()}
  unions = {union: tuple(parts) for union, parts in unions.items() if parts and union not in known}
  split = split or ("train" if "train" in {*known, *unions} else "all")
  chosen = "+".join(part for name in split.split("+") for part in unions.get(name, (name,)))
  try:
    num_clips = known[chosen].num_examples
  except (KeyError, ValueError) as error:
    names = ", ".join([*known, *unions])
    raise UserError(f"{name} has no split {split!r}; it has {names}") from error
  source = TfdsSource(name, builder, chosen, num_clips)
  source.split_names, source.unions = (*unions, *known), unions
  return source


class TfdsSource(ClipSource):
  """Clips of one split, in the order in which they are stored."""

  def __init__(self, name, builder, split, num_clips):
    """Takes a prepared builder and a split expression of it."""
    self.name = name
    self.num_clips = num_clips
    self._builder = builder
    self._split = split
    self._features = tfds_features.find(name, builder.info.features)
    self.classes = self._features.classes
    self.several_labels = self._features.several_labels
    if self._features.audio.sample_rate is None and not self._features.is_file:
      raise UserError(f"{name} does not say its sample rate: save it as files, use folder:PATH")
    told = builder.info.metadata or {}  # our builders tell what they did not find
    parts = (None, *(builder.info.splits if split == "all" else split.split("+")))
    self.missing = [entry["key"] for entry in told.get("missing", ()) if entry["split"] in parts]
    remarks = [f"{len(self.missing)} that are listed are not there"] if self.missing else []
    start = f"{num_clips} clips, split {split} of {builder.info.full_name}"
    self.summary = "; ".join([start, *remarks, *told.get("remarks", ())])

  def clips(self, start, stop):
    path, decoders = self._features.audio_path, None
    if self._features.is_file:
      decoders = tfds_features.nested(path, _library().decode.SkipDecoding())
    records = self._records(self._split, decoders)
    for record in self._readable(records.skip(start).take(stop - start)):
      yield Clip(
        self._features.key(record),
        self._load(tfds_features.value(record, path)),
        self._features.label(record),
        self._features.group(record),
      )

  def splits(self):
    names = tuple(self._builder.info.splits)
    chosen = names if self._split == "all" else tuple(self._split.split("+"))
    if len(names) == 1 or not set(chosen) <= set(names):  # one that says nothing, or slices
      return {}
    names_only = _library().decode.PartialDecoding(dict.fromkeys(self._features.of_keys(), True))
    return {
      self._features.key(record): name
      for name in chosen
      for record in self._readable(self._records(name, names_only))
    }

  def fingerprint(self):
    parts = (self._builder.info.full_name, self._split, self.num_clips, self._features.label_path)
    return hashlib.sha256(repr(parts).encode()).hexdigest()

  def _records(self, split, decoders):
    config = _library().ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
    return self._builder.as_dataset(
      split=split, shuffle_files=False, read_config=config, decoders=decoders
    )

  def _load(self, audio):
    if self._features.is_file:
      return functools.partial(reading.read, memoryview(audio))
    return functools.partial(reading.to_mono, audio, self._features.audio.sample_rate)

  def _readable(self, records):
    try:
      yield from records.as_numpy_iterator()
    except tf.errors.OpError as error:
      raise UserError(
        f"the prepared data of {self.name} is damaged ({error.message.splitlines()[0]}): delete "
        f"{self._builder.data_dir} and run the same command, it will be prepared anew"
      ) from error


def _prepare(name, builder, manual_dir):
  if builder.is_prepared():
    return
  config = _library().download.DownloadConfig(
    manual_dir=manual_dir and os.path.abspath(os.path.expanduser(manual_dir))
  )
  try:
    builder.download_and_prepare(download_config=config)
  except UserError:  # of a builder of ours
    raise
  except Exception as error:  # any builder's own code, and the network
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    raise UserError(
      f"{name} could not be prepared in {builder.data_dir}: {reason}. If there is no network, put "
      "its archives, under their original names, into a folder and name it by --manual_dir=FOLDER"
    ) from error
