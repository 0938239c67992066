"""Bird audio detection (DCASE 2018, task 3): is there a bird in ten seconds? Three sets."""

import dataclasses
import os
from collections.abc import Iterator

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.errors import UserError

CLASSES = ("no bird", "bird")  # in the order of the column `hasbird`
_HOMEPAGE = "https://dcase.community/challenge2018/task-bird-audio-detection"


@dataclasses.dataclass(frozen=True)
class _Subset:
  """One of the three sets.

  Attributes:
    name: as in the column `datasetid`.
    folders: names that people give its folder; the first is that of its archive.
    label_files: names of its label file, beside or in that folder; the first is that of 2018.
    audio_url: where to get the recordings.
    labels_url: where to get the label file.
  """

  name: str
  folders: tuple[str, ...]
  label_files: tuple[str, ...]
  audio_url: str
  labels_url: str

  def audio_folder(self, root: str) -> str | None:
    """Returns its folder of recordings, relative to the root, or None."""
    candidates = [path for name in self.folders for path in (os.path.join(name, "wav"), name)]
    return next((path for path in candidates if os.path.isdir(os.path.join(root, path))), None)

  def labels_path(self, root: str) -> str | None:
    """Returns the path of its label file, or None."""
    folders = [os.path.join(root, folder) for folder in ("", *self.folders)]
    paths = [os.path.join(folder, name) for folder in folders for name in self.label_files]
    return next(filter(os.path.isfile, paths), None)


_SUBSETS = (
  _Subset(
    name="ff1010bird",
    folders=("ff1010bird_wav", "ff1010bird", "freefield1010"),
    label_files=("ff1010bird_metadata_2018.csv", "ff1010bird_metadata.csv"),
    audio_url="https://archive.org/download/ff1010bird/ff1010bird_wav.zip",
    labels_url="https://ndownloader.figshare.com/files/10853303",
  ),
  _Subset(
    name="warblrb10k_public",
    folders=("warblrb10k_public_wav", "warblrb10k_public", "warblrb10k", "warblr"),
    label_files=("warblrb10k_public_metadata_2018.csv", "warblrb10k_public_metadata.csv"),
    audio_url="https://archive.org/download/warblrb10k_public/warblrb10k_public_wav.zip",
    labels_url="https://ndownloader.figshare.com/files/10853306",
  ),
  _Subset(
    name="BirdVox-DCASE-20k",
    folders=("BirdVox-DCASE-20k", "BirdVoxDCASE20k", "birdvox"),
    label_files=("BirdVoxDCASE20k_csvpublic.csv",),
    audio_url="https://zenodo.org/record/1208080/files/BirdVox-DCASE-20k.zip?download=1",
    labels_url="https://ndownloader.figshare.com/files/10853300",
  ),
)


def _read(root: str) -> Contents:
  """Reads whichever of the three sets exist; each clip is a recording of its own."""
  rows: list[Row] = []
  folders, absent = [], []
  for subset in _SUBSETS:
    folder = subset.audio_folder(root)
    if folder is None:
      absent.append(subset.name)
    else:
      rows += _rows(subset, root, folder)
      folders.append(folder)
  if not rows:
    raise UserError(f"no recordings in {root!r}: expected {_layout()}; get them from {_HOMEPAGE}")
  present, missing, remarks = listing.compare(rows, root, folders, f"{_layout()} of {_HOMEPAGE}")
  remarks += (f"without {', '.join(absent)}",) if absent else ()
  return Contents(to_table(present), CLASSES, missing=missing, remarks=remarks)


def _rows(subset: _Subset, root: str, folder: str) -> Iterator[Row]:
  labels_path, what = subset.labels_path(root), f"{subset.label_files[0]} of {subset.labels_url}"
  if labels_path is None:
    raise UserError(f"no labels for {os.path.join(root, folder)!r}: put {what} beside or in it")
  columns, optional = ("itemid", "hasbird"), ("datasetid",)
  for line in listing.read_table(labels_path, columns, what, optional=optional):
    where = f"{labels_path}, line {line['line']}"
    name, flag = line["itemid"], line["hasbird"]
    if flag not in ("0", "1"):
      raise UserError(f"{where}: hasbird is {flag!r}, expected 0 or 1; it should be {what}")
    if line.get("datasetid", subset.name) not in (subset.name, *subset.folders):
      raise UserError(
        f"{where}: a clip of {line['datasetid']!r}, expected {subset.name}; it should be {what}"
      )
    key, path = f"{subset.name}/{name}", os.path.join(folder, f"{name}.wav")
    yield Row(path, label=CLASSES[int(flag)], group=key, key=key)


def _layout() -> str:
  layouts = (f"{subset.folders[0]}/wav/*.wav with {subset.label_files[0]}" for subset in _SUBSETS)
  return ", ".join(layouts) + " (any of the three)"


def _archives() -> Iterator[Archive]:
  for subset in _SUBSETS:
    yield Archive(f"{subset.folders[0]}.zip", subset.audio_url, folder=subset.folders[0])
    yield Archive(subset.label_files[0], subset.labels_url)


CORPORA = {
  "birdsong_detection": Corpus(
    name="birdsong_detection",
    title="Bird audio detection of DCASE 2018: 35,690 clips of 10 s from three sets, bird or not",
    homepage=_HOMEPAGE,
    layout=_layout(),
    find=folder_with((name for subset in _SUBSETS for name in subset.folders), enough=any),
    read=_read,
    sample_rate_hz=44_100,
    archives=tuple(_archives()),  # no digests are published
    builder="birdsong_detection",
  )
}
