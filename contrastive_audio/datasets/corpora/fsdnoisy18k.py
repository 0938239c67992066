"""FSDnoisy18k: sounds of 20 classes, few labels checked by people, many as noisy as the web."""

import collections
import hashlib
import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
from contrastive_audio.errors import UserError

CLASSES = (
  "Acoustic_guitar",
  "Bass_guitar",
  "Clapping",
  "Coin_(dropping)",
  "Crash_cymbal",
  "Dishes_and_pots_and_pans",
  "Engine",
  "Fart",
  "Fire",
  "Fireworks",
  "Glass",
  "Hi-hat",
  "Piano",
  "Rain",
  "Slam",
  "Squeak",
  "Tearing",
  "Walk_or_footsteps",
  "Wind",
  "Writing",
)
VALIDATION_FRACTION = 0.15  # of the checked training clips, as in the code of Fonseca et al. 2021
_HOMEPAGE = "https://zenodo.org/record/2529934"
_WHAT = f"FSDnoisy18k.meta/{{}} of {_HOMEPAGE}"


def read(root):
  """Reads the two lists and the two folders of audio.

  The noisy clips are divided into the official small part and the rest; of the checked training
  clips those with the smallest hashes in their class are the validation part, so that it depends
  on nothing but their names.
  """
  rows = [*_train_rows(root), *_rows(root, "test.csv", "FSDnoisy18k.audio_test", lambda _: "test")]
  folders = ("FSDnoisy18k.audio_train", "FSDnoisy18k.audio_test")
  present, missing, remarks = listing.compare(rows, root, folders, f"FSDnoisy18k of {_HOMEPAGE}")
  return Contents(file_source.table_of(present), CLASSES, missing=missing, remarks=remarks)


def _train_rows(root):
  columns = ("manually_verified", "noisy_small")
  rows = list(_rows(root, "train.csv", "FSDnoisy18k.audio_train", _part_of_train, columns))
  of_classes = collections.defaultdict(list)
  for row in rows:
    if row.split == "train_clean":
      of_classes[row.label].append(row)
  held_out = set()
  for clips in of_classes.values():
    clips.sort(key=lambda row: hashlib.sha256(os.path.basename(row.path).encode()).digest())
    held_out.update(row.path for row in clips[: round(VALIDATION_FRACTION * len(clips))])
  for row in rows:
    yield Row(row.path, row.label, split="validation") if row.path in held_out else row


def _part_of_train(line):
  if line["manually_verified"] == "1":
    return "train_clean"
  return "noisy_small" if line["noisy_small"] == "1" else "noisy_rest"


def _rows(root, name, folder, part, flags=()):
  path = os.path.join(root, "FSDnoisy18k.meta", name)
  what = _WHAT.format(name)
  for line in file_source.read_table(path, ("fname", "label", *flags), what):
    where = f"{path}, line {line['line']}"
    for flag in flags:
      if line[flag] not in ("0", "1"):
        raise UserError(f"{where}: {flag} is {line[flag]!r}, expected 0 or 1; it should be {what}")
    label = listing.require_class(line["label"], CLASSES, where, what)
    yield Row(os.path.join(folder, line["fname"]), label, split=part(line))


def _archive(part, md5, optional=False):
  name = f"FSDnoisy18k.{part}.zip"
  return Archive(name, f"{_HOMEPAGE}/files/{name}?download=1", md5, optional=optional)


CORPORA = {
  "fsdnoisy18k": Corpus(
    "fsdnoisy18k",
    "FSDnoisy18k: 18,532 clips of 20 sound classes, 42.5 h, a tenth of them with checked labels",
    _HOMEPAGE,
    "FSDnoisy18k.{audio_train,audio_test}/*.wav and FSDnoisy18k.meta/{train,test}.csv",
    holding("FSDnoisy18k.meta"),
    read,
    sample_rate_hz=44_100,
    archives=(
      _archive("audio_train", "34dc1d34ca44622af5bf439ceb6f0d55"),
      _archive("audio_test", "1ac73d70b4ef3f81900d98c261a832de"),
      _archive("meta", "96e27a4a63b7a2870522ddcedb5d8296"),
      _archive("doc", "093a1ca185ec341ca4eac14215e7f96b", optional=True),
    ),
    split_names=("train", "noisy_small", "noisy_rest", "train_clean", "validation", "test"),
    unions={"train": ("noisy_small", "noisy_rest")},
    builder="fsdnoisy18k",
  )
}
