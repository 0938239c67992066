"""FSD50K: sound events of 200 classes, several in a clip."""

import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

NUM_CLASSES = 200
_HOMEPAGE = "https://zenodo.org/record/4060432"
_WHAT = f"FSD50K.ground_truth/{{}} of {_HOMEPAGE}"
_PARTS = {"train": "train", "val": "validation"}


def read(root):
  """Reads both lists and the vocabulary, which gives the order of the classes."""
  classes = _vocabulary(root)
  rows = [*_rows(root, "dev", ("split",), classes), *_rows(root, "eval", (), classes)]
  folders = ("FSD50K.dev_audio", "FSD50K.eval_audio")
  present, missing, remarks = listing.compare(rows, root, folders, f"FSD50K of {_HOMEPAGE}")
  return Contents(file_source.table_of(present), classes, True, missing, remarks)


def _vocabulary(root):
  """Returns the names of the classes, in their order; a line is `53,Crushing,/m/07plct2`."""
  path = os.path.join(root, "FSD50K.ground_truth", "vocabulary.csv")
  what = _WHAT.format("vocabulary.csv")
  lines = file_source.read_table(path, ("index", "label", "mid"), what, header=False)
  classes = tuple(line["label"] for line in lines)
  in_order = [line["index"] for line in lines] == [str(i) for i in range(NUM_CLASSES)]
  if not in_order or len(set(classes)) != NUM_CLASSES:
    raise UserError(
      f"{path}: {len(lines)} lines, expected {NUM_CLASSES} classes, numbered from 0; it should be "
      f"{what}"
    )
  return classes


def _rows(root, part, more_columns, classes):
  path = os.path.join(root, "FSD50K.ground_truth", f"{part}.csv")
  what, known = _WHAT.format(f"{part}.csv"), dict.fromkeys(classes)
  for line in file_source.read_table(path, ("fname", "labels", *more_columns), what):
    where = f"{path}, line {line['line']}"
    labels = [listing.require_class(name, known, where, what) for name in line["labels"].split(",")]
    split = _PARTS.get(line["split"]) if more_columns else "test"
    if split is None:
      raise UserError(f"{where}: split {line['split']!r}, expected train or val: {what}")
    file = os.path.join(f"FSD50K.{part}_audio", f"{line['fname']}.wav")
    yield Row(file, LABEL_SEPARATOR.join(labels), split=split)


def _archive(name, md5, optional=False):
  name = f"FSD50K.{name}"
  return Archive(name, f"{_HOMEPAGE}/files/{name}?download=1", md5, optional=optional)


CORPORA = {
  "fsd50k": Corpus(
    "fsd50k",
    "FSD50K: 51,197 clips, 108.3 h, several of 200 sound classes in each",
    _HOMEPAGE,
    "FSD50K.{dev,eval}_audio/*.wav and FSD50K.ground_truth/{dev,eval,vocabulary}.csv",
    holding("FSD50K.ground_truth"),
    read,
    sample_rate_hz=44_100,
    archives=(  # digests as soundata has them
      _archive("dev_audio.zip", "c480d119b8f7a7e32fdb58f3ea4d6c5a"),
      _archive("dev_audio.z01", "faa7cf4cc076fc34a44a479a5ed862a3"),
      _archive("dev_audio.z02", "8f9b66153e68571164fb1315d00bc7bc"),
      _archive("dev_audio.z03", "1196ef47d267a993d30fa98af54b7159"),
      _archive("dev_audio.z04", "d088ac4e11ba53daf9f7574c11cccac9"),
      _archive("dev_audio.z05", "81356521aa159accd3c35de22da28c7f"),
      _archive("eval_audio.zip", "6fa47636c3a3ad5c7dfeba99f2637982"),
      _archive("eval_audio.z01", "3090670eaeecc013ca1ff84fe4442aeb"),
      _archive("ground_truth.zip", "ca27382c195e37d2269c4c866dd73485"),
      _archive("metadata.zip", "b9ea0c829a411c1d42adb9da539ed237", optional=True),
      _archive("doc.zip", "3516162b82dc2945d3e7feba0904e800", optional=True),
    ),
    split_names=("train", "validation", "test"),
    builder="fsd50k",
  )
}
