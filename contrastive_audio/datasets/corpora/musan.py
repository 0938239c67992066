"""MUSAN: music, speech and noise; recordings are cut into pieces of ten seconds."""

import os

import soundfile

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.errors import UserError

CLASSES = ("music", "noise", "speech")
PIECE_S = 10.0
SHORTEST_PIECE_S = 1.0  # a shorter rest belongs to the piece before it
_HOMEPAGE = "https://www.openslr.org/17"
_LAYOUT = "musan/{music,speech,noise}/SOURCE/*.wav"


def read(root):
  """Reads the folder `musan`: the class is the top folder, the group the recording."""
  paths, _ = file_source.walk(root, (".wav",))
  paths = [path for path in paths if path.split(os.sep)[0] in CLASSES]
  if not paths:
    raise UserError(f"no recordings in {root!r}: expected {_LAYOUT}, as in {_HOMEPAGE}")
  return Contents(
    file_source.table_of(piece for path in paths for piece in _pieces(root, path)), CLASSES
  )


def _pieces(root, path):
  """Yields a Row for each piece of a recording; pieces of one recording are one group."""
  label, recording = path.split(os.sep)[0], file_source.printable(path)
  try:
    duration_s = soundfile.info(os.path.join(root, path)).duration
  except (soundfile.LibsndfileError, OSError):
    duration_s = 0.0  # one clip, which will be listed as unusable, with the reason
  starts_s = [PIECE_S * i for i in range(max(1, int(duration_s / PIECE_S + 1)))]
  if len(starts_s) > 1 and duration_s - starts_s[-1] < SHORTEST_PIECE_S:
    starts_s.pop()
  if len(starts_s) == 1:
    yield file_source.Row(path, label, recording)
    return
  for start_s, stop_s in zip(starts_s, [*starts_s[1:], duration_s]):
    key = f"{recording}#{start_s:g}s"
    yield file_source.Row(path, label, recording, key=key, start_s=start_s, stop_s=stop_s)


CORPORA = {
  "musan": Corpus(
    "musan",
    "MUSAN: 109 h of music, speech and noise, in pieces of 10 s",
    _HOMEPAGE,
    _LAYOUT,
    holding(*CLASSES),
    read,
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
