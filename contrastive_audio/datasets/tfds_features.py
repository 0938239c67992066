"""Which features of a tensorflow-datasets builder hold the audio, label, group and key."""

import dataclasses
import functools
import logging
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

# For builders with several classes per clip, or none: what the papers evaluate (COLA, Table 1).
_LABEL_OF = {"nsynth": "instrument/family", "librispeech": "speaker_id"}
# For builders whose class names are numbers: the pattern of a name, and the first that exists.
_CLASS_NAME = {"voxceleb": ("id1{:0>4}", 1)}
# What must not be divided, where no single feature says it.
_GROUP_OF = {
  "librispeech": "{speaker_id}-{chapter_id}",
  "nsynth": "{instrument/label}",
  "voxceleb": "{label}/{youtube_id}",
}
# The speaker, where only the file name tells it.
_GROUP_IN_FILE_NAME = {"spoken_digit": re.compile(r"^\d+_([a-z]+)_\d+")}
_GROUP_FEATURES = ("group", "speaker_id", "speaker", "client_id")


@functools.cache
def library() -> ModuleType:
  """Returns tensorflow-datasets, imported late (it is slow) and without pydub's warnings.

  Example:
    >>> library().__name__
    'tensorflow_datasets'
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pydub  # noqa: F401
    import tensorflow_datasets
  for chatty in ("absl", "urllib3"):
    logging.getLogger(chatty).setLevel(logging.ERROR)
  if not sys.stderr.isatty():
    tensorflow_datasets.disable_progress_bar()
  return tensorflow_datasets


def plain_name(builder: str) -> str:
  """Returns the name of a builder without configuration and version.

  Args:
    builder: `name[/config][:version]`.

  Example:
    >>> plain_name("nsynth/full:2.3.3")
    'nsynth'
  """
  return builder.split("/")[0].split(":")[0]


def value_at(record: Mapping[str, Any], path: str) -> Any:
  """Returns the value of a nested dictionary at a path.

  Args:
    record: a record, or the features of a builder.
    path: names joined by slashes.

  Example:
    >>> value_at({"instrument": {"family": 3}}, "instrument/family")
    3
  """
  return functools.reduce(lambda node, key: node[key], path.split("/"), record)


def nest(path: str, leaf: Any) -> dict[str, Any]:
  """Returns the nested dictionary that has a value at a path, and nothing else.

  Args:
    path: names joined by slashes.
    leaf: the value.

  Example:
    >>> nest("instrument/family", 3)
    {'instrument': {'family': 3}}
  """
  return functools.reduce(lambda inner, key: {key: inner}, reversed(path.split("/")), leaf)


@dataclasses.dataclass(frozen=True)
class Features:
  """The features of a builder that matter here, by their paths; see `find_features`.

  Attributes:
    name: of the builder, without configuration.
    features: its FeaturesDict.
    audio_path: its Audio feature.
    label_path: the feature that is the label, or None.
    group_path: the feature that must not be divided between training and test, or None.

  Example:
    >>> tfds = library()
    >>> label = tfds.features.ClassLabel(names=["cat", "dog"])
    >>> features = {"audio": tfds.features.Audio(sample_rate=8_000), "label": label}
    >>> found = Features("pets", features, "audio", "label", group_path=None)
    >>> found.classes, found.label({"label": 1})
    (('cat', 'dog'), 'dog')
  """

  name: str
  features: Mapping[str, Any]
  audio_path: str
  label_path: str | None
  group_path: str | None

  @property
  def audio(self) -> Any:
    """The Audio feature."""
    return value_at(self.features, self.audio_path)

  @property
  def is_file(self) -> bool:
    """Whether audio is kept as encoded files, to be decoded by the reader."""
    return self.audio.to_json_content().lazy_decode

  @property
  def several_labels(self) -> bool:
    """Whether a clip has a list of labels."""
    return self.label_path is not None and isinstance(
      value_at(self.features, self.label_path), library().features.Sequence
    )

  @functools.cached_property
  def class_names(self) -> tuple[str, ...]:
    """Name of each class number; empty if the labels are not classes."""
    if self.label_path is None:
      return ()
    feature = value_at(self.features, self.label_path)
    if not _is_class(feature):
      return ()
    names = (feature.feature if self.several_labels else feature).names
    pattern, _ = _CLASS_NAME.get(self.name, ("{}", 0))
    return tuple(map(pattern.format, names))

  @property
  def classes(self) -> tuple[str, ...]:
    """Names of the classes that exist."""
    _, first = _CLASS_NAME.get(self.name, ("{}", 0))
    return self.class_names[first:]

  def label(self, record: Mapping[str, Any]) -> str | None:
    """Returns the label of a record as text, or None."""
    if self.label_path is None:
      return None
    number = value_at(record, self.label_path)
    if self.several_labels:
      return LABEL_SEPARATOR.join(self.class_names[i] for i in number) or None
    if not self.class_names:
      return str(number)
    return self.class_names[number] if number >= 0 else None  # -1: unknown

  def key(self, record: Mapping[str, Any]) -> str:
    """Returns the name of a record: its feature `key`, its file name, or its position."""
    names = map(record.get, ("key", f"{self.audio_path}/filename", "tfds_id"))
    return next(name for name in names if isinstance(name, bytes) and name).decode()

  def group(self, record: Mapping[str, Any]) -> str | None:
    """Returns the group of a record as text, or None."""
    if template := _GROUP_OF.get(self.name):
      return re.sub("{(.+?)}", lambda match: self._text(record, match[1]) or "", template)
    if self.group_path is not None:
      return self._text(record, self.group_path) or None
    pattern = _GROUP_IN_FILE_NAME.get(self.name)
    match = pattern and pattern.match(self.key(record))
    return match[1] if match else None

  def key_features(self) -> list[str]:
    """Returns the features that `key` needs; if there are none, one that is quick to read."""
    named = [f for f in ("key", f"{self.audio_path}/filename") if f in self.features]
    others = [f for f in self.features if f != self.audio_path.split("/")[0]]
    return named or others[:1] or list(self.features)

  def _text(self, record: Mapping[str, Any], path: str) -> str | None:
    if path == self.label_path:
      return self.label(record)
    value, feature = value_at(record, path), value_at(self.features, path)
    if isinstance(feature, library().features.ClassLabel):
      return feature.int2str(int(value))
    return value.decode() if isinstance(value, bytes) else str(value)


def find_features(name: str, features: Mapping[str, Any]) -> Features:
  """Finds the audio, the label and the group among the features of a builder, by their types.

  Args:
    name: `name[/config][:version]` of the builder.
    features: its FeaturesDict.

  Raises:
    UserError: it holds no audio.

  Example:
    >>> tfds = library()
    >>> speech = tfds.features.Audio(sample_rate=8_000)
    >>> label = tfds.features.ClassLabel(num_classes=2)
    >>> found = find_features("words", {"speech": speech, "word": label, "speaker": None})
    >>> found.audio_path, found.label_path, found.group_path
    ('speech', 'word', 'speaker')
  """
  leaves = dict(_flatten(features))
  audio = [p for p, leaf in leaves.items() if isinstance(leaf, library().features.Audio)]
  if not audio:
    raise UserError(f"{name} is a data set of tensorflow-datasets, but it holds no audio")
  classes = [path for path, leaf in leaves.items() if _is_class(leaf)]
  only_class = classes[0] if len(classes) == 1 else None
  return Features(
    name=plain_name(name),
    features=features,
    audio_path=min(audio, key=lambda p: p.count("/")),
    label_path=_LABEL_OF.get(plain_name(name), "label" if "label" in classes else only_class),
    group_path=next((path for path in _GROUP_FEATURES if path in features), None),
  )


def _flatten(features: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
  """Yields (path, feature) of every leaf; paths are names joined by slashes."""
  for key, feature in features.items():
    if hasattr(feature, "items"):
      yield from _flatten(feature, f"{prefix}{key}/")
    else:
      yield prefix + key, feature


def _is_class(feature: Any) -> bool:
  if isinstance(feature, library().features.Sequence):
    feature = feature.feature
  return isinstance(feature, library().features.ClassLabel)
