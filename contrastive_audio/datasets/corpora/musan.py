"""MUSAN: music, speech and noise; recordings are cut into pieces of ten seconds."""

import os
from collections.abc import Iterator

import soundfile

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.datasets.file_tree import find_files, printable
from contrastive_audio.errors import UserError

CLASSES = ("music", "noise", "speech")
_PIECE_S = 10.0
_SHORTEST_PIECE_S = 1.0  # a shorter remainder belongs to the piece before it
_HOMEPAGE = "https://www.openslr.org/17"
_LAYOUT = "musan/{music,speech,noise}/SOURCE/*.wav"


def _read(root: str) -> Contents:
  """Reads the folder `musan`: the class is the top folder, the group the recording."""
  paths = find_files(root, (".wav",)).paths
  paths = [path for path in paths if path.split(os.sep)[0] in CLASSES]
  if not paths:
    raise UserError(f"no recordings in {root!r}: expected {_LAYOUT}, as in {_HOMEPAGE}")
  return Contents(to_table(piece for path in paths for piece in _pieces(root, path)), CLASSES)


def _pieces(root: str, path: str) -> Iterator[Row]:
  """Yields the pieces of a recording, which are one group."""
  label, recording = path.split(os.sep)[0], printable(path)
  try:
    duration_s = soundfile.info(os.path.join(root, path)).duration
  except (soundfile.LibsndfileError, OSError):
    duration_s = 0.0  # one clip, which is later listed as unusable, with the reason
  starts_s = [_PIECE_S * i for i in range(max(1, int(duration_s / _PIECE_S + 1)))]
  if len(starts_s) > 1 and duration_s - starts_s[-1] < _SHORTEST_PIECE_S:
    starts_s.pop()
  if len(starts_s) == 1:
    yield Row(path, label=label, group=recording)
    return
  for start_s, stop_s in zip(starts_s, [*starts_s[1:], duration_s]):
    key = f"{recording}#{start_s:g}s"
    yield Row(path, label=label, group=recording, key=key, start_s=start_s, stop_s=stop_s)


CORPORA = {
  "musan": Corpus(
    name="musan",
    title="MUSAN: 109 h of music, speech and noise, in pieces of 10 s",
    homepage=_HOMEPAGE,
    layout=_LAYOUT,
    find=folder_with(CLASSES),
    read=_read,
    sample_rate_hz=16_000,
    archives=(
      Archive(
        "musan.tar.gz",
        "https://www.openslr.org/resources/17/musan.tar.gz",
        md5="0c472d4fc0c5141eca47ad1ffeb2a7df",
      ),
    ),
    builder="musan",
  )
}
