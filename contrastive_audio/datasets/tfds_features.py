"""Which features of a builder of tensorflow-datasets say what is heard, of which class, by whom."""

import dataclasses
import functools
import logging
import re
import sys
import warnings

from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

# Where a builder has several classes per clip, or none: what the papers judge (COLA, Table 1).
_LABEL_OF = {"nsynth": "instrument/family", "librispeech": "speaker_id"}
# Where the names of classes are numbers: what they number, and the first that there is.
_CLASS_NAME = {"voxceleb": ("id1{:0>4}", 1)}
# What must not be divided, where no single feature says it.
_GROUP_OF = {
  "librispeech": "{speaker_id}-{chapter_id}",
  "nsynth": "{instrument/label}",
  "voxceleb": "{label}/{youtube_id}",
}
# Who is heard, where only the file name tells it.
_GROUP_IN_FILE_NAME = {"spoken_digit": re.compile(r"^\d+_([a-z]+)_\d+")}
_GROUP_FEATURES = ("group", "speaker_id", "speaker", "client_id")


@functools.cache
def library():
  """tensorflow-datasets, imported late (it is slow) and without pydub's remarks."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pydub  # noqa: F401
    import tensorflow_datasets
  logging.getLogger("absl").setLevel(logging.ERROR)
  if not sys.stderr.isatty():
    tensorflow_datasets.disable_progress_bar()
  return tensorflow_datasets


def plain(name):
  """Returns the name of a builder without configuration and version."""
  return name.split("/")[0].split(":")[0]


def value(record, path):
  """Returns what a record, or a feature of features, has at a path; `a/b` when nested."""
  return functools.reduce(lambda node, key: node[key], path.split("/"), record)


def nested(path, leaf):
  """`a/b` and a leaf -> `{"a": {"b": leaf}}`."""
  return functools.reduce(lambda inner, key: {key: inner}, reversed(path.split("/")), leaf)


@dataclasses.dataclass(frozen=True)
class Features:
  """The features of a builder, by their paths.

  Attributes:
    name: of the builder, without configuration.
    features: its FeaturesDict.
    audio_path: its Audio feature.
    label_path: the feature to judge by, or None.
    group_path: the feature that says what must not be divided, or None.
  """

  name: str
  features: object
  audio_path: str
  label_path: str | None
  group_path: str | None

  @property
  def audio(self):
    """The Audio feature."""
    return value(self.features, self.audio_path)

  @property
  def is_file(self):
    """Whether audio is kept as files, to be decoded by whoever reads it."""
    return self.audio.to_json_content().lazy_decode

  @property
  def several_labels(self):
    """Whether a clip has a list of labels."""
    return bool(self.label_path) and isinstance(
      value(self.features, self.label_path), library().features.Sequence
    )

  @functools.cached_property
  def class_names(self):
    """Name of each class by its number; empty where labels are no classes."""
    feature = self.label_path and value(self.features, self.label_path)
    if not feature or not _is_class(feature):
      return ()
    names = (feature.feature if self.several_labels else feature).names
    pattern, _ = _CLASS_NAME.get(self.name, ("{}", 0))
    return tuple(map(pattern.format, names))

  @property
  def classes(self):
    """Names of the classes that there are."""
    _, first = _CLASS_NAME.get(self.name, ("{}", 0))
    return self.class_names[first:]

  def label(self, record):
    """Returns the label of a record as text, or None."""
    if self.label_path is None:
      return None
    number = value(record, self.label_path)
    if self.several_labels:
      return LABEL_SEPARATOR.join(self.class_names[i] for i in number) or None
    if not self.class_names:
      return str(number)
    return self.class_names[number] if number >= 0 else None  # -1: unknown

  def key(self, record):
    """Returns the name of a record: by its feature `key`, its file, or its place."""
    names = map(record.get, ("key", f"{self.audio_path}/filename", "tfds_id"))
    return next(name for name in names if isinstance(name, bytes) and name).decode()

  def group(self, record):
    """Returns what must not be divided, as text, or None."""
    if template := _GROUP_OF.get(self.name):
      return re.sub("{(.+?)}", lambda match: self._text(record, match[1]), template)
    if self.group_path is not None:
      return self._text(record, self.group_path) or None
    pattern = _GROUP_IN_FILE_NAME.get(self.name)
    match = pattern and pattern.match(self.key(record))
    return match and match[1]

  def of_keys(self):
    """Returns the names of features that `key` needs; of none, those that cost little to read."""
    named = [f for f in ("key", f"{self.audio_path}/filename") if f in self.features]
    others = [f for f in self.features if f != self.audio_path.split("/")[0]]
    return named or others[:1] or list(self.features)

  def _text(self, record, path):
    if path == self.label_path:
      return self.label(record)
    found, feature = value(record, path), value(self.features, path)
    if isinstance(feature, library().features.ClassLabel):
      return feature.int2str(int(found))
    return found.decode() if isinstance(found, bytes) else str(found)


def find(name, features):
  """Returns the Features of a builder.

  Args:
    name: `name[/config][:version]`.
    features: its FeaturesDict.

  Raises:
    UserError: it holds no audio.
  """
  leaves = dict(_flatten(features))
  audio = [p for p, leaf in leaves.items() if isinstance(leaf, library().features.Audio)]
  if not audio:
    raise UserError(f"{name} is a data set of tensorflow-datasets, but it holds no audio")
  classes = [path for path, leaf in leaves.items() if _is_class(leaf)]
  only = classes[0] if len(classes) == 1 else None
  label = _LABEL_OF.get(plain(name), "label" if "label" in classes else only)
  group = next((path for path in _GROUP_FEATURES if path in features), None)
  return Features(plain(name), features, min(audio, key=lambda p: p.count("/")), label, group)


def _flatten(features, prefix=""):
  """Yields (path, feature) of every leaf; paths join names by a slash."""
  for key, feature in features.items():
    if hasattr(feature, "items"):
      yield from _flatten(feature, f"{prefix}{key}/")
    else:
      yield prefix + key, feature


def _is_class(feature):
  if isinstance(feature, library().features.Sequence):
    feature = feature.feature
  return isinstance(feature, library().features.ClassLabel)
