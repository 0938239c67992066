"""FSD50K: sound events of 200 classes, several in a clip."""

import os
from collections.abc import Iterator, Sequence

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

NUM_CLASSES = 200
_HOMEPAGE = "https://zenodo.org/record/4060432"
_WHAT = f"FSD50K.ground_truth/{{}} of {_HOMEPAGE}"
# Value of the column `split` in dev.csv -> name of the split.
_SPLITS = {"train": "train", "val": "validation"}


def _read(root: str) -> Contents:
  """Reads both lists and the vocabulary, which gives the order of the classes."""
  classes = _read_vocabulary(root)
  rows = [*_rows(root, "dev", classes), *_rows(root, "eval", classes)]
  folders = ("FSD50K.dev_audio", "FSD50K.eval_audio")
  present, missing, remarks = listing.compare(rows, root, folders, f"FSD50K of {_HOMEPAGE}")
  return Contents(
    table=to_table(present),
    classes=classes,
    missing=missing,
    remarks=remarks,
  )


def _read_vocabulary(root: str) -> tuple[str, ...]:
  """Returns the names of the classes, in their order; a line is `53,Crushing,/m/07plct2`."""
  path = os.path.join(root, "FSD50K.ground_truth", "vocabulary.csv")
  what = _WHAT.format("vocabulary.csv")
  lines = listing.read_table(path, ("index", "label", "mid"), what, header=False)
  classes = tuple(line["label"] for line in lines)
  in_order = [line["index"] for line in lines] == [str(i) for i in range(NUM_CLASSES)]
  if not in_order or len(set(classes)) != NUM_CLASSES:
    raise UserError(
      f"{path}: {len(lines)} lines, expected {NUM_CLASSES} classes, numbered from 0; it should be "
      f"{what}"
    )
  return classes


def _rows(root: str, list_name: str, classes: Sequence[str]) -> Iterator[Row]:
  """Yields the clips of "dev", which has a column `split`, or of "eval", the test set."""
  path = os.path.join(root, "FSD50K.ground_truth", f"{list_name}.csv")
  columns = ("fname", "labels", "split") if list_name == "dev" else ("fname", "labels")
  what, known = _WHAT.format(f"{list_name}.csv"), dict.fromkeys(classes)
  for line in listing.read_table(path, columns, what):
    where = f"{path}, line {line['line']}"
    labels = [listing.require_class(name, known, where, what) for name in line["labels"].split(",")]
    split = _SPLITS.get(line["split"]) if list_name == "dev" else "test"
    if split is None:
      raise UserError(f"{where}: split {line['split']!r}, expected train or val: {what}")
    audio = os.path.join(f"FSD50K.{list_name}_audio", f"{line['fname']}.wav")
    yield Row(audio, label=LABEL_SEPARATOR.join(labels), split=split)


def _archive(suffix: str, md5: str, optional: bool = False) -> Archive:
  name = f"FSD50K.{suffix}"
  return Archive(name, f"{_HOMEPAGE}/files/{name}?download=1", md5=md5, optional=optional)


CORPORA = {
  "fsd50k": Corpus(
    name="fsd50k",
    title="FSD50K: 51,197 clips, 108.3 h, several of 200 sound classes in each",
    homepage=_HOMEPAGE,
    layout="FSD50K.{dev,eval}_audio/*.wav and FSD50K.ground_truth/{dev,eval,vocabulary}.csv",
    find=folder_with(["FSD50K.ground_truth"]),
    read=_read,
    sample_rate_hz=44_100,
    archives=(  # digests as in soundata
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
