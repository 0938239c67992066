"""What our builders of tensorflow-datasets share: the clips of a Corpus -> examples.

The examples hold the recordings as they are, not decoded: the files of an archive, bit by bit, or,
of a recording that is cut into pieces, the samples of the piece.
"""

import io
import os

import pyarrow.compute as pc
import soundfile
import tensorflow_datasets as tfds

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.builders import archives
from contrastive_audio.datasets.source import LABEL_SEPARATOR

_ONLY_SPLIT = "train"  # tensorflow-datasets wants a name; it is said by no one


class CorpusBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Base of a builder; a child says which corpus it is of.

  Attributes:
    CORPUS: the Corpus.
    CLASSES: names of the classes in the official order; or how many, if a file of the data set
      names them.
    SEVERAL_LABELS: whether a clip may have several labels.
  """

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First release."}
  CORPUS = None
  CLASSES = ()
  SEVERAL_LABELS = False

  def __init_subclass__(cls, **kwargs):
    super().__init_subclass__(**kwargs)
    cls.MANUAL_DOWNLOAD_INSTRUCTIONS = archives.instructions(cls.CORPUS)

  @property
  def corpus(self):
    """The Corpus of this builder and its configuration."""
    return self.CORPUS

  @property
  def classes(self):
    """Names of its classes, or how many there are."""
    return self.CLASSES

  def _info(self):
    named = isinstance(self.classes, tuple)
    key = "names" if named else "num_classes"
    label = tfds.features.ClassLabel(**{key: self.classes})
    rate_hz = self.corpus.sample_rate_hz
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          "audio": tfds.features.Audio(file_format="wav", sample_rate=rate_hz, lazy_decode=True),
          "label": tfds.features.Sequence(label) if self.SEVERAL_LABELS else label,
          "group": tfds.features.Text(doc="What must not be divided; empty: nothing is known."),
          "key": tfds.features.Text(doc="Name of the clip in the data set."),
        }
      ),
      homepage=self.corpus.homepage,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager):
    root = archives.find_root(self.corpus, dl_manager)
    contents = self.corpus.read(root)
    if not isinstance(self.classes, tuple):
      label = self.info.features["label"]
      (label.feature if self.SEVERAL_LABELS else label).names = list(contents.classes)
    self.info.metadata["missing"] = contents.missing.to_pylist()
    self.info.metadata["remarks"] = list(contents.remarks)
    return {
      name: self._generate_examples(root, table) for name, table in _parts(contents.table).items()
    }

  def _generate_examples(self, root, table):
    for row in file_source.rows_of(table):
      label = row["label"].split(LABEL_SEPARATOR) if self.SEVERAL_LABELS else row["label"]
      group, key = row["group"] or "", row["key"]
      yield key, {"audio": content(root, row), "label": label, "group": group, "key": key}


def _parts(table):
  """Returns name of a part -> its rows; clips of no part are the only one, or "rest"."""
  named = sorted(set(table["split"].to_pylist()) - {None})
  parts = {name: file_source.of_parts(table, [name]) for name in named}
  rest = table.filter(pc.is_null(table["split"]))
  if rest.num_rows:
    parts["rest" if named else _ONLY_SPLIT] = rest
  return parts


def content(root, row):
  """Returns what the Audio feature takes of a clip: the path of its file, or a file of its piece.

  A piece of a recording is written as it was, without loss: WAV of the same rate and subtype.
  """
  path = os.path.join(root, os.fsdecode(row["path"]))
  if row["start_s"] is None:
    return path
  with soundfile.SoundFile(os.fsencode(path)) as file:
    start, stop = (round(row[name] * file.samplerate) for name in ("start_s", "stop_s"))
    file.seek(start)
    dtype = "int16" if file.subtype == "PCM_16" else "float64"
    samples = file.read(min(stop, file.frames) - start, dtype=dtype)
    piece = io.BytesIO()
    soundfile.write(piece, samples, file.samplerate, file.subtype, format="WAV")
  piece.seek(0)
  return piece
