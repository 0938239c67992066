"""FSDnoisy18k: sounds of 20 classes; few labels are verified by people, most are noisy."""

import collections
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
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
_VALIDATION_FRACTION = 0.15  # of the verified training clips, as in the code of Fonseca et al. 2021
_HOMEPAGE = "https://zenodo.org/record/2529934"
_WHAT = f"FSDnoisy18k.meta/{{}} of {_HOMEPAGE}"


def _read(root: str) -> Contents:
  """Reads the two lists and the two folders of audio.

  The noisy clips form two splits, the official small one and the rest. The verified training clips
  with the smallest hashes in their class form the validation split, so that it depends only on
  their names.
  """
  rows = [*_train_rows(root), *_rows(root, "test", lambda _: "test")]
  folders = ("FSDnoisy18k.audio_train", "FSDnoisy18k.audio_test")
  present, missing, remarks = listing.compare(rows, root, folders, f"FSDnoisy18k of {_HOMEPAGE}")
  return Contents(to_table(present), CLASSES, missing=missing, remarks=remarks)


def _train_rows(root: str) -> Iterator[Row]:
  rows = list(_rows(root, "train", _split_of_train, flags=("manually_verified", "noisy_small")))
  validation = _choose_validation(row for row in rows if row.split == "train_clean")
  for row in rows:
    yield dataclasses.replace(row, split="validation") if row.path in validation else row


def _choose_validation(rows: Iterator[Row]) -> set[str]:
  """Returns the paths of a fixed share of each class: those with the smallest hashes."""
  by_class = collections.defaultdict(list)
  for row in rows:
    by_class[row.label].append(row.path)
  chosen: set[str] = set()
  for paths in by_class.values():
    paths.sort(key=lambda path: hashlib.sha256(os.path.basename(path).encode()).digest())
    chosen.update(paths[: round(_VALIDATION_FRACTION * len(paths))])
  return chosen


def _split_of_train(line: Mapping[str, Any]) -> str:
  if line["manually_verified"] == "1":
    return "train_clean"
  return "noisy_small" if line["noisy_small"] == "1" else "noisy_rest"


def _rows(
  root: str,
  list_name: str,
  split_of: Callable[[Mapping[str, Any]], str],
  flags: Sequence[str] = (),
) -> Iterator[Row]:
  path = os.path.join(root, "FSDnoisy18k.meta", f"{list_name}.csv")
  folder, what = f"FSDnoisy18k.audio_{list_name}", _WHAT.format(f"{list_name}.csv")
  for line in listing.read_table(path, ("fname", "label", *flags), what):
    where = f"{path}, line {line['line']}"
    for flag in flags:
      if line[flag] not in ("0", "1"):
        raise UserError(f"{where}: {flag} is {line[flag]!r}, expected 0 or 1; it should be {what}")
    label = listing.require_class(line["label"], CLASSES, where, what)
    yield Row(os.path.join(folder, line["fname"]), label=label, split=split_of(line))


def _archive(content: str, md5: str, optional: bool = False) -> Archive:
  name = f"FSDnoisy18k.{content}.zip"
  return Archive(name, f"{_HOMEPAGE}/files/{name}?download=1", md5=md5, optional=optional)


CORPORA = {
  "fsdnoisy18k": Corpus(
    name="fsdnoisy18k",
    title="FSDnoisy18k: 18,532 clips of 20 sound classes, 42.5 h, a tenth with verified labels",
    homepage=_HOMEPAGE,
    layout="FSDnoisy18k.{audio_train,audio_test}/*.wav and FSDnoisy18k.meta/{train,test}.csv",
    find=folder_with(["FSDnoisy18k.meta"]),
    read=_read,
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
