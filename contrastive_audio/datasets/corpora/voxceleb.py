"""VoxCeleb1: interviews of 1,251 people; the official list for identification is the split."""

import dataclasses
import os
from collections.abc import Iterator, Mapping

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.errors import UserError

_LIST = "iden_split.txt"
_LIST_URL = f"http://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/{_LIST}"
_HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html"
_LAYOUT = f"wav/idNNNNN/VIDEO/NNNNN.wav (or below dev and test) and {_LIST} of {_LIST_URL}"
# The folders `wav`: both archives are unpacked into one folder, or each into its own.
_WAV_FOLDERS = tuple(
  os.path.join(folder, "wav") for folder in ("", "dev", "test", "vox1_dev_wav", "vox1_test_wav")
)
_SPLITS = {"1": "train", "2": "validation", "3": "test"}


@dataclasses.dataclass(frozen=True)
class _Line:
  """A line of the list: `1 id10001/Y8hIVOBuels/00001.wav`."""

  where: str  # file and line
  split: str
  path: str  # SPEAKER/VIDEO/NAME.wav


def _read(root: str) -> Contents:
  """Reads the list; the class is the speaker, the group the video."""
  files: dict[str, str] = {}  # path below `wav` -> path
  for folder in _WAV_FOLDERS:
    files |= {os.path.relpath(path, folder): path for path in listing.audio_in(root, [folder])}
  rows = [_row(line, files) for line in _read_list(root)]
  present, missing, remarks = listing.compare(rows, root, _WAV_FOLDERS, f"VoxCeleb1: {_LAYOUT}")
  classes = tuple(sorted({row.label for row in rows if row.label}))
  return Contents(to_table(present), classes, missing=missing, remarks=remarks)


def _read_list(root: str) -> Iterator[_Line]:
  list_path, what = os.path.join(root, _LIST), f"the list for identification of {_LIST_URL}"
  for number, line in enumerate(listing.read_lines(list_path, what), start=1):
    where = f"{list_path}, line {number}"
    split, _, path = line.partition(" ")
    if split not in _SPLITS or path.count("/") != 2:
      raise UserError(f"{where}: {line[:60]!r} is not 1, 2 or 3 and a path; it should be {what}")
    yield _Line(where, _SPLITS[split], path.strip())


def _row(line: _Line, files: Mapping[str, str]) -> Row:
  speaker, video, _ = line.path.split("/")
  if not (len(speaker) == 7 and speaker.startswith("id") and speaker[2:].isdigit()):
    raise UserError(
      f"{line.where}: {speaker!r} is not a speaker of VoxCeleb1, expected such as id10001; get the "
      f"list of {_LIST_URL}"
    )
  path = os.path.normpath(line.path)
  return Row(
    path=files.get(path, os.path.join("wav", path)),
    label=speaker,
    group=f"{speaker}/{video}",
    split=line.split,
    key=printable(path),
  )


CORPORA = {
  "voxceleb": Corpus(
    name="voxceleb",
    title="VoxCeleb1: speech of 1,251 people, from videos",
    homepage=_HOMEPAGE,
    layout=_LAYOUT,
    find=folder_with(_WAV_FOLDERS, enough=any),
    read=_read,
    sample_rate_hz=16_000,
    archives=(
      # Digests as in PaddleSpeech and WeSpeaker, for the test set also as in torchaudio.
      Archive("vox1_dev_wav.zip", url="", md5="ae63e55b951748cc486645f532ba230b", folder="dev"),
      Archive(
        "vox1_test_wav.zip",
        url="",
        md5="185fdc63c3c739954633d50379a3d102",
        sha256="8de57f347fe22b2c24526e9f444f689ecf5096fc2a92018cf420ff6b5b15eaea",
        folder="test",
      ),
      Archive(
        _LIST,
        _LIST_URL,
        sha256="3c1d792d4058861cd476a27cc942c824f7e9df812864115a7c2b12df97edfbbf",
        num_bytes=4_912_512,
      ),
    ),
    split_names=("train", "validation", "test"),
    builder="voxceleb",
  )
}
