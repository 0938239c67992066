"""Speech Commands: single words; validation and test are official lists, the rest is train."""

import dataclasses
import os
from collections.abc import Sequence

from contrastive_audio.datasets.clip_table import Row, to_missing_table, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.errors import UserError

_ADDED_IN_V2 = ("backward", "follow", "forward", "learn", "visual")
# fmt: off
V1_CLASSES = (
  "bed", "bird", "cat", "dog", "down", "eight", "five", "four", "go", "happy", "house", "left",
  "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop", "three",
  "tree", "two", "up", "wow", "yes", "zero",
)
# fmt: on
V2_CLASSES = tuple(sorted(V1_CLASSES + _ADDED_IN_V2))
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_NOISE = "_background_noise_"  # long recordings for augmentation; not a class
_LAYOUT = "speech_commands_v0.0{}/{{WORD}}/SPEAKER_nohash_N.wav, {} and {} beside the words"


@dataclasses.dataclass(frozen=True)
class _Version:
  """How one version is laid out, found and read."""

  number: int
  classes: tuple[str, ...]
  url: str

  @property
  def name(self) -> str:
    return f"speech_commands_v{self.number}"

  @property
  def layout(self) -> str:
    return _LAYOUT.format(self.number, _LISTS["validation"], _LISTS["test"])

  def find(self, folder: str) -> str | None:
    """Returns the folder with the words, also where torchaudio or the archive's name puts it."""
    name = f"speech_commands_v0.0{self.number}"
    for inner in (os.path.join("SpeechCommands", name), name):
      if os.path.isdir(os.path.join(folder, inner, "yes")):
        return os.path.join(folder, inner)
    return folder_with(["yes", "no"])(folder)

  def read(self, root: str) -> Contents:
    """Reads the words; the group is the hash of the speaker."""
    files = listing.audio_in(root, [""])
    self._require_this_version(root, {os.path.dirname(path) for path in files})
    splits = self._read_lists(root)
    words = sorted(path for path in files if os.path.dirname(path) != _NOISE)
    rows = [self._row(path, splits.get(path, "train")) for path in words]
    missing = to_missing_table([pair for pair in splits.items() if pair[0] not in files])
    remarks = self._remarks(rows, num_noises=len(files) - len(words))
    return Contents(to_table(rows), self.classes, missing=missing, remarks=remarks)

  def _require_this_version(self, root: str, folders: set[str]) -> None:
    unknown = sorted(folders - {*self.classes, _NOISE})
    lacks_words_of_v2 = self.number == 2 and not folders.intersection(_ADDED_IN_V2)
    if not unknown and not lacks_words_of_v2:
      return
    word = (
      f"{unknown[0]!r} is not one of its words" if unknown else f"{_ADDED_IN_V2[0]!r} is missing"
    )
    similar = 2 if folders.issuperset(_ADDED_IN_V2) else 1
    guess = f"; it looks like speech_commands_v{similar}" if similar != self.number else ""
    raise UserError(
      f"{root!r} is not {self.name}: {word}{guess}; expected {self.layout}, as in {self.url}"
    )

  def _read_lists(self, root: str) -> dict[str, str]:
    """Returns path -> split of the official lists."""
    splits = {}
    for split, name in _LISTS.items():
      path, what = os.path.join(root, name), f"the {name} that {self.url} holds"
      for number, line in enumerate(listing.read_lines(path, what), start=1):
        word = line.partition("/")[0]
        listing.require_class(word, self.classes, f"{path}, line {number}", what)
        splits[os.path.normpath(line)] = split
    return splits

  def _remarks(self, rows: Sequence[Row], num_noises: int) -> tuple[str, ...]:
    absent = [word for word in self.classes if word not in {row.label for row in rows}]
    remarks = [f"no recording of the words {', '.join(absent)}"] if absent else []
    if num_noises:
      remarks.append(f"{num_noises} recordings of {_NOISE} are left out: they are not words")
    return tuple(remarks)

  def _row(self, path: str, split: str) -> Row:
    word, name = os.path.split(path)
    return Row(path, label=word, group=name.partition("_nohash_")[0], split=split)


def _corpus(version: _Version, title: str, sha256: str, num_bytes: int | None = None) -> Corpus:
  archive = Archive(os.path.basename(version.url), version.url, sha256=sha256, num_bytes=num_bytes)
  return Corpus(
    name=version.name,
    title=title,
    homepage=version.url,
    layout=version.layout,
    find=version.find,
    read=version.read,
    sample_rate_hz=16_000,
    archives=(archive,),
    split_names=("train", "validation", "test"),
    builder=version.name,
  )


_URL = "http://download.tensorflow.org/data/speech_commands_v0.0{}.tar.gz"
CORPORA = {
  "speech_commands_v1": _corpus(
    _Version(1, V1_CLASSES, _URL.format(1)),
    title="Speech Commands 0.01: 64,721 recordings of one of 30 words, 1 s",
    sha256="743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",  # as in torchaudio
  ),
  "speech_commands_v2": _corpus(
    _Version(2, V2_CLASSES, _URL.format(2)),
    title="Speech Commands 0.02: 105,829 recordings of one of 35 words, 1 s",
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    num_bytes=2_428_923_189,
  ),
}
