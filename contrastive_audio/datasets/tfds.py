"""Any audio builder of tensorflow-datasets -> clips.

Features are found by their type, see tfds_features.py. Integers are 16-bit PCM, whatever their
dtype, because `features.Audio` says int64 by default; floats are used as they are. Recordings that
a builder keeps as files (`lazy_decode`) are decoded like all other files.
"""

import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from contrastive_audio.datasets import builders
from contrastive_audio.datasets.source import Clip, ClipSource
from contrastive_audio.datasets.tfds_features import (
  find_features,
  library,
  nest,
  plain_name,
  value_at,
)
from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.sound import reading
from contrastive_audio.utils.pipelines import without_tuning

if TYPE_CHECKING:
  from tensorflow_datasets.core import DatasetBuilder
  from tensorflow_datasets.core.splits import SplitInfo


def open_builder(
  name: str,
  split: str | None = None,
  data_dir: str | None = None,
  manual_dir: str | None = None,
  is_ours: bool = False,
  unions: Mapping[str, Sequence[str]] | None = None,
) -> ClipSource:
  """Opens the data set of a builder, and prepares it first if necessary.

  Args:
    name: `name[/config][:version]` of a builder with exactly one Audio feature per clip.
    split: any split expression of tensorflow-datasets; None: "train" if there is one, else "all".
    data_dir: where it is or will be prepared; None: ~/tensorflow_datasets.
    manual_dir: folder of archives that were downloaded by hand, under their original names.
    is_ours: whether the builder is one of contrastive_audio.datasets.builders.
    unions: name of a split -> the splits of the builder that it consists of.

  Returns:
    The clips.

  Raises:
    UserError: not an audio data set, it cannot be prepared, no such split.

  Example:
    >>> open_builder("mnist")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: mnist is a data set of ..., but it holds no audio
  """
  if is_ours:
    builders.register(plain_name(name))
  builder = _builder(name, data_dir and os.path.expanduser(data_dir))
  find_features(name, builder.info.features)  # refuses before anything is downloaded
  _prepare(name, builder, manual_dir)
  splits = builder.info.splits
  named_unions = _present_unions(unions or {}, splits)
  split = split or ("train" if "train" in {*splits, *named_unions} else "all")
  members = [member for part in split.split("+") for member in named_unions.get(part, (part,))]
  expression = "+".join(dict.fromkeys(members))  # each clip once
  try:
    chosen = splits[expression]
  except (KeyError, ValueError) as error:
    available = ", ".join([*splits, *named_unions])
    raise UserError(f"{name} has no split {split!r}; it has {available}") from error
  _require_each_clip_once(name, split, chosen)
  source = _TfdsSource(name, builder, expression, chosen.num_examples)
  source.split_names = (*named_unions, *splits)
  source.unions = named_unions
  return source


def _builder(name: str, data_dir: str | None) -> "DatasetBuilder":
  try:
    return library().builder(name, data_dir=data_dir)
  except Exception as error:  # no such builder, configuration or version: of several classes
    raise UserError(f"tensorflow-datasets has no {name!r}: {reason_of(error)}") from error


def _present_unions(
  unions: Mapping[str, Sequence[str]], splits: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
  """Returns the unions of splits that exist, as far as no split has their name."""
  present = {
    union: tuple(member for member in members if member in splits)
    for union, members in unions.items()
  }
  return {union: members for union, members in present.items() if members and union not in splits}


def _require_each_clip_once(name: str, split: str, chosen: "SplitInfo") -> None:
  """Raises an error if slices of the split overlap."""
  parts = sorted((part.filename, part.skip, part.take) for part in chosen.file_instructions)
  for (file, first, num_clips), (next_file, next_first, _) in itertools.pairwise(parts):
    if file == next_file and first + num_clips > next_first:
      raise UserError(
        f"the slices of split {split!r} of {name} overlap: each clip of both would count twice"
      )


class _TfdsSource(ClipSource):
  """The clips of one split expression, in the order in which they are stored.

  Args:
    name: of the builder.
    builder: prepared.
    split: an expression of its splits.
    num_clips: of the expression.
  """

  def __init__(self, name: str, builder: "DatasetBuilder", split: str, num_clips: int):
    self.name = name
    self.num_clips = num_clips
    self._builder = builder
    self._split = split
    self._features = find_features(name, builder.info.features)
    self.classes = self._features.classes
    if self._features.audio.sample_rate is None and not self._features.is_file:
      raise UserError(f"{name} does not say its sample rate: save it as files, use folder:PATH")
    metadata = builder.info.metadata or {}  # our builders note here what they did not find
    self.missing = self._missing(metadata.get("missing", ()))
    summary = [f"{num_clips} clips, split {split} of {builder.info.full_name}"]
    summary += [f"{len(self.missing)} listed clips are missing"] if self.missing else []
    self.summary = "; ".join([*summary, *metadata.get("remarks", ())])

  def _missing(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    splits = (None, *(self._builder.info.splits if self._split == "all" else self._split_names()))
    return [entry["key"] for entry in entries if entry["split"] in splits]

  def _split_names(self) -> list[str]:
    return self._split.split("+")

  def clips(self, start: int, stop: int) -> Iterator[Clip]:
    path, decoders = self._features.audio_path, None
    if self._features.is_file:
      decoders = nest(path, library().decode.SkipDecoding())
    records = self._records(self._split, decoders)
    for record in self._readable(records.skip(start).take(stop - start)):
      audio = value_at(record, path)
      yield Clip(
        self._features.key(record),
        self._blocks_of(audio),
        self._features.label(record),
        self._features.group(record),
        memoryview(audio).nbytes,
      )

  def splits(self) -> dict[str, str]:
    names = list(self._builder.info.splits)
    chosen = names if self._split == "all" else self._split_names()
    if len(names) == 1 or not set(chosen) <= set(names):  # a single one says nothing; or slices
      return {}
    keys_only = library().decode.PartialDecoding(dict.fromkeys(self._features.key_features(), True))
    return {
      self._features.key(record): name
      for name in chosen
      for record in self._readable(self._records(name, keys_only))
    }

  def fingerprint(self) -> str:
    name, label_path = self._builder.info.full_name, self._features.label_path
    identity = (name, self._split, self.num_clips, label_path, self._files())
    return hashlib.sha256(repr(identity).encode()).hexdigest()

  def _files(self) -> list[tuple[str, int, int]]:
    """Returns name, size and time of the prepared files: they may be prepared again."""
    folder = os.fspath(self._builder.data_dir)
    names = sorted(tf.io.gfile.listdir(folder))
    stats = (tf.io.gfile.stat(os.path.join(folder, name)) for name in names)
    return [(name, stat.length, stat.mtime_nsec) for name, stat in zip(names, stats)]

  def _records(self, split: str, decoders: Any) -> tf.data.Dataset:
    config = library().ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
    return self._builder.as_dataset(
      split=split, shuffle_files=False, read_config=config, decoders=decoders
    )

  def _blocks_of(self, audio: Any) -> Callable[[int], Iterator[np.ndarray]]:
    """Returns a function, sample rate -> blocks of the wave."""
    if self._features.is_file:
      return functools.partial(reading.blocks, memoryview(audio))
    return functools.partial(reading.array_blocks, audio, self._features.audio.sample_rate)

  def _readable(self, records: tf.data.Dataset) -> Iterator[dict[str, Any]]:
    try:
      yield from without_tuning(records).as_numpy_iterator()
    except tf.errors.OpError as error:
      raise UserError(
        f"the prepared data of {self.name} is damaged ({error.message.splitlines()[0]}): delete "
        f"{self._builder.data_dir} and run the same command; it will be prepared again"
      ) from error


def _prepare(name: str, builder: "DatasetBuilder", manual_dir: str | None) -> None:
  if builder.is_prepared():
    return
  config = library().download.DownloadConfig(
    manual_dir=manual_dir and os.path.abspath(os.path.expanduser(manual_dir))
  )
  try:
    builder.download_and_prepare(download_config=config)
  except UserError:  # of one of our builders
    raise
  except Exception as error:  # any builder's own code, and the network
    raise UserError(
      f"{name} could not be prepared in {builder.data_dir}: {reason_of(error)}. If there is no "
      "network, put its archives, under their original names, into a folder and pass it as "
      "--manual_dir=FOLDER"
    ) from error
