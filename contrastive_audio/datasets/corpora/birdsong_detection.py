"""Bird audio detection (DCASE 2018, task 3): is there a bird in ten seconds? Three sets."""

import dataclasses
import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
from contrastive_audio.errors import UserError

CLASSES = ("no bird", "bird")  # in the order of the column `hasbird`
_HOMEPAGE = "https://dcase.community/challenge2018/task-bird-audio-detection"


@dataclasses.dataclass(frozen=True)
class Part:
  """One of the three sets.

  Attributes:
    name: as the column `datasetid` has it.
    folders: names that people give its folder; the first is that of its archive.
    labels: names of its file of labels, beside or in that folder; the first is the one of 2018.
    audio_url, labels_url: where to get them.
  """

  name: str
  folders: tuple[str, ...]
  labels: tuple[str, ...]
  audio_url: str
  labels_url: str

  def audio_folder(self, root):
    """Returns its folder of recordings, relative to the root, or None."""
    places = [place for name in self.folders for place in (os.path.join(name, "wav"), name)]
    return next((place for place in places if os.path.isdir(os.path.join(root, place))), None)

  def labels_path(self, root):
    """Returns the path of its file of labels, or None."""
    places = [os.path.join(folder, name) for folder in ("", *self.folders) for name in self.labels]
    paths = [os.path.join(root, place) for place in places]
    return next(filter(os.path.isfile, paths), None)


PARTS = (
  Part(
    "ff1010bird",
    ("ff1010bird_wav", "ff1010bird", "freefield1010"),
    ("ff1010bird_metadata_2018.csv", "ff1010bird_metadata.csv"),
    "https://archive.org/download/ff1010bird/ff1010bird_wav.zip",
    "https://ndownloader.figshare.com/files/10853303",
  ),
  Part(
    "warblrb10k_public",
    ("warblrb10k_public_wav", "warblrb10k_public", "warblrb10k", "warblr"),
    ("warblrb10k_public_metadata_2018.csv", "warblrb10k_public_metadata.csv"),
    "https://archive.org/download/warblrb10k_public/warblrb10k_public_wav.zip",
    "https://ndownloader.figshare.com/files/10853306",
  ),
  Part(
    "BirdVox-DCASE-20k",
    ("BirdVox-DCASE-20k", "BirdVoxDCASE20k", "birdvox"),
    ("BirdVoxDCASE20k_csvpublic.csv",),
    "https://zenodo.org/record/1208080/files/BirdVox-DCASE-20k.zip?download=1",
    "https://ndownloader.figshare.com/files/10853300",
  ),
)


def read(root):
  """Reads whichever of the three sets are there; each clip is a recording of its own."""
  rows, folders, absent = [], [], []
  for part in PARTS:
    folder, labels = part.audio_folder(root), part.labels_path(root)
    if folder is None:
      absent.append(part.name)
      continue
    if labels is None:
      raise UserError(
        f"no labels for {os.path.join(root, folder)!r}: put {part.labels[0]} of {part.labels_url} "
        "beside or in it"
      )
    rows += _rows(part, folder, labels)
    folders.append(folder)
  if not rows:
    raise UserError(f"no recordings in {root!r}: expected {_layout()}; get them from {_HOMEPAGE}")
  present, missing, remarks = listing.compare(rows, root, folders, f"{_layout()} of {_HOMEPAGE}")
  remarks += (f"without {', '.join(absent)}",) if absent else ()
  return Contents(file_source.table_of(present), CLASSES, missing=missing, remarks=remarks)


def _rows(part, folder, labels_path):
  what = f"{part.labels[0]} of {part.labels_url}"
  for line in file_source.read_table(labels_path, ("itemid", "hasbird"), what):
    where = f"{labels_path}, line {line['line']}"
    name, flag = line["itemid"], line["hasbird"]
    if flag not in ("0", "1"):
      raise UserError(f"{where}: hasbird is {flag!r}, expected 0 or 1; it should be {what}")
    if line.get("datasetid", part.name) not in (part.name, *part.folders):
      raise UserError(
        f"{where}: a clip of {line['datasetid']!r}, expected {part.name}; it should be {what}"
      )
    key = f"{part.name}/{name}"
    yield Row(os.path.join(folder, f"{name}.wav"), CLASSES[int(flag)], key, key=key)


def _layout():
  sets = (f"{part.folders[0]}/wav/*.wav with {part.labels[0]}" for part in PARTS)
  return ", ".join(sets) + " (any of the three)"


def _archives():
  for part in PARTS:
    name = f"{part.folders[0]}.zip"
    yield Archive(name, part.audio_url, folder=part.folders[0])
    yield Archive(part.labels[0], part.labels_url)


CORPORA = {
  "birdsong_detection": Corpus(
    "birdsong_detection",
    "Bird audio detection of DCASE 2018: 35,690 clips of 10 s from three sets, bird or no bird",
    _HOMEPAGE,
    _layout(),
    holding(*(name for part in PARTS for name in part.folders), enough=any),
    read,
    sample_rate_hz=44_100,
    archives=tuple(_archives()),  # nobody publishes their digests
    builder="birdsong_detection",
  )
}
