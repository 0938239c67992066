"""VoxCeleb1: interviews of 1,251 people; the official list for identification is the split."""

import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
from contrastive_audio.errors import UserError

LIST = "iden_split.txt"
_LIST_URL = f"http://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/{LIST}"
_HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html"
_LAYOUT = f"wav/idNNNNN/VIDEO/NNNNN.wav (or below dev and test) and {LIST} of {_LIST_URL}"
# Where `wav` lies: both archives unpacked into one folder, or each into its own.
_PLACES = ("", "dev", "test", "vox1_dev_wav", "vox1_test_wav")
_PARTS = {"1": "train", "2": "validation", "3": "test"}


def read(root):
  """Reads the list; the class is the speaker, the group the video."""
  found = {}
  for place in _PLACES:
    top = os.path.join(place, "wav")
    found |= {os.path.relpath(path, top): path for path in listing.audio_in(root, [top])}
  rows = [_row(found, where, *fields) for where, *fields in _listed(root)]
  present, missing, remarks = listing.compare(rows, root, _wav_folders(), f"VoxCeleb1: {_LAYOUT}")
  classes = tuple(sorted({row.label for row in rows}))
  return Contents(file_source.table_of(present), classes, missing=missing, remarks=remarks)


def _wav_folders():
  return [os.path.join(place, "wav") for place in _PLACES]


def _listed(root):
  """Yields (file and line, part, path) of the list: `1 id10001/Y8hIVOBuels/00001.wav`."""
  list_path, what = os.path.join(root, LIST), f"the list for identification of {_LIST_URL}"
  for number, line in enumerate(listing.read_lines(list_path, what), start=1):
    part, _, path = line.partition(" ")
    if part not in _PARTS or path.count("/") != 2:
      raise UserError(
        f"{list_path}, line {number}: {line[:60]!r} is not 1, 2 or 3 and a path; it should be "
        f"{what}"
      )
    yield f"{list_path}, line {number}", _PARTS[part], path.strip()


def _row(found, where, split, path):
  speaker, video, _ = path.split("/")
  if not (len(speaker) == 7 and speaker.startswith("id") and speaker[2:].isdigit()):
    raise UserError(
      f"{where}: {speaker!r} is no speaker of VoxCeleb1, expected such as id10001; get the list "
      f"of {_LIST_URL}"
    )
  path = os.path.normpath(path)
  row_path = found.get(path, os.path.join("wav", path))
  return Row(row_path, speaker, f"{speaker}/{video}", split, key=file_source.printable(path))


CORPORA = {
  "voxceleb": Corpus(
    "voxceleb",
    "VoxCeleb1: speech of 1,251 people, from videos",
    _HOMEPAGE,
    _LAYOUT,
    holding(*_wav_folders(), enough=any),
    read,
    sample_rate_hz=16_000,
    archives=(
      # Digests as PaddleSpeech and WeSpeaker have them; that of the test set also torchaudio.
      Archive("vox1_dev_wav.zip", "", "ae63e55b951748cc486645f532ba230b", folder="dev"),
      Archive(
        "vox1_test_wav.zip",
        "",
        "185fdc63c3c739954633d50379a3d102",
        "8de57f347fe22b2c24526e9f444f689ecf5096fc2a92018cf420ff6b5b15eaea",
        folder="test",
      ),
      Archive(
        LIST,
        _LIST_URL,
        sha256="3c1d792d4058861cd476a27cc942c824f7e9df812864115a7c2b12df97edfbbf",
        num_bytes=4_912_512,
      ),
    ),
    split_names=("train", "validation", "test"),
    builder="voxceleb",
  )
}
