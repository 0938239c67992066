"""What our builders of tensorflow-datasets share: the clips of a Corpus -> examples.

The examples hold the recordings undecoded: the files of an archive, bit by bit, or, for a recording
that is cut into pieces, the samples of the piece.
"""

import io
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import soundfile
import tensorflow_datasets as tfds

from contrastive_audio.datasets.builders import archives
from contrastive_audio.datasets.clip_table import iterate_rows
from contrastive_audio.datasets.corpora.corpus import Corpus
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.datasets.splits import filter_splits

_ONLY_SPLIT = "train"  # tensorflow-datasets needs a name


class CorpusBuilder(  # type: ignore[call-arg]  # the keyword is that of tensorflow-datasets
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Base class of our builders; a subclass names its Corpus.

  Attributes:
    CORPUS: what the data set is.
    CLASSES: names of the classes in the official order; or their number, if a file of the data set
      names them.
    SEVERAL_LABELS: whether a clip may have several labels.

  Example:
    >>> from contrastive_audio.datasets.builders.musan.musan_dataset_builder import Builder
    >>> issubclass(Builder, CorpusBuilder), Builder.CORPUS.name, Builder.CLASSES
    (True, 'musan', ('music', 'noise', 'speech'))
  """

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First release."}
  CORPUS: Corpus
  CLASSES: tuple[str, ...] | int
  SEVERAL_LABELS = False

  def __init_subclass__(cls, **kwargs: Any) -> None:
    super().__init_subclass__(**kwargs)
    cls.MANUAL_DOWNLOAD_INSTRUCTIONS = archives.instructions(cls.CORPUS)

  @property
  def corpus(self) -> Corpus:
    """The Corpus of this builder and its configuration."""
    return self.CORPUS

  @property
  def classes(self) -> tuple[str, ...] | int:
    """Names of its classes, or their number."""
    return self.CLASSES

  def _info(self) -> tfds.core.DatasetInfo:
    named = isinstance(self.classes, tuple)
    label = tfds.features.ClassLabel(**{"names" if named else "num_classes": self.classes})
    rate_hz = self.corpus.sample_rate_hz
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          "audio": tfds.features.Audio(file_format="wav", sample_rate=rate_hz, lazy_decode=True),
          "label": tfds.features.Sequence(label) if self.SEVERAL_LABELS else label,
          "group": tfds.features.Text(
            doc="Speaker or recording, not to be divided; empty: unknown."
          ),
          "key": tfds.features.Text(doc="Name of the clip in the data set."),
        }
      ),
      homepage=self.corpus.homepage,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
    root = archives.prepare_root(self.corpus, dl_manager)
    contents = self.corpus.read(root)
    if not isinstance(self.classes, tuple):
      label = self.info.features["label"]
      (label.feature if self.SEVERAL_LABELS else label).names = list(contents.classes)
    self.info.metadata["missing"] = contents.missing.to_pylist()
    self.info.metadata["remarks"] = list(contents.remarks)
    tables = _tables_by_split(contents.table)
    return {name: self._generate_examples(root, table) for name, table in tables.items()}

  def _generate_examples(self, root: str, table: pa.Table) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in iterate_rows(table):
      label = row["label"].split(LABEL_SEPARATOR) if self.SEVERAL_LABELS else row["label"]
      group, key = row["group"] or "", row["key"]
      yield key, {"audio": audio_file(root, row), "label": label, "group": group, "key": key}


def _tables_by_split(table: pa.Table) -> dict[str, pa.Table]:
  """Returns split -> its clips; those without one are "train", or "rest" beside other splits."""
  named = sorted(set(table["split"].to_pylist()) - {None})
  tables = {name: filter_splits(table, [name]) for name in named}
  rest = table.filter(pc.is_null(table["split"]))
  if rest.num_rows:
    tables["rest" if named else _ONLY_SPLIT] = rest
  return tables


def audio_file(root: str, row: Mapping[str, Any]) -> str | io.BytesIO:
  """Returns the audio of a clip as the Audio feature takes it.

  Args:
    root: folder of the data set.
    row: of clip_table.iterate_rows.

  Returns:
    The path of its file; for a piece of a recording a WAV file in memory, without loss: of the same
    rate and subtype.

  Example:
    >>> import numpy as np
    >>> soundfile.write("a.wav", np.zeros(800), 100)
    >>> audio_file(".", {"path": b"a.wav", "start_s": None})
    './a.wav'
    >>> piece = audio_file(".", {"path": b"a.wav", "start_s": 1.0, "stop_s": 3.5})
    >>> soundfile.info(piece).frames
    250
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
