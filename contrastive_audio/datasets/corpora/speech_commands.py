"""Speech Commands: single words; validation and test are official lists, all else trains."""

import dataclasses
import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
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
_NOISE = "_background_noise_"  # long recordings to be mixed in: no class
_LAYOUT = "speech_commands_v0.0{}/{{WORD}}/SPEAKER_nohash_N.wav, {} and {} beside the words"


@dataclasses.dataclass(frozen=True)
class _Version:
  number: int
  classes: tuple[str, ...]
  url: str

  @property
  def layout(self):
    return _LAYOUT.format(self.number, *_LISTS.values())

  def find(self, folder):
    """The folder with the words, also where torchaudio and the archive's name put it."""
    name = f"speech_commands_v0.0{self.number}"
    for inner in (os.path.join("SpeechCommands", name), name):
      if os.path.isdir(os.path.join(folder, inner, "yes")):
        return os.path.join(folder, inner)
    return holding("yes", "no")(folder)

  def read(self, root):
    """Reads the words; the group is the hash of the speaker."""
    found = listing.audio_in(root, [""])
    self._require_this_version(root, {os.path.dirname(path) for path in found})
    parts, missing = self._lists(root, found)
    words = sorted(path for path in found if os.path.dirname(path) != _NOISE)
    rows = [self._row(path, parts.get(path, "train")) for path in words]
    absent = [word for word in self.classes if word not in {row.label for row in rows}]
    remarks = (f"no recording of the words {', '.join(absent)}",) if absent else ()
    if num_noises := len(found) - len(words):
      remarks += (f"{num_noises} recordings of {_NOISE} are left out: they are no words",)
    return Contents(file_source.table_of(rows), self.classes, missing=missing, remarks=remarks)

  def _require_this_version(self, root, folders):
    strange = sorted(folders - {*self.classes, _NOISE})
    is_v2 = folders.issuperset(_ADDED_IN_V2)
    if strange or (self.number == 2 and not folders.intersection(_ADDED_IN_V2)):
      other = f"it is speech_commands_v{1 + is_v2}" if is_v2 == (self.number == 1) else "it is not"
      raise UserError(
        f"{root!r} is not speech_commands_v{self.number}: "
        + (f"{strange[0]!r} is no word of it" if strange else f"{_ADDED_IN_V2[0]!r} is missing")
        + f", and {other}; expected {self.layout}, as in {self.url}"
      )

  def _lists(self, root, found):
    """Returns (path -> part, the table of what is listed and absent)."""
    parts = {}
    for split, name in _LISTS.items():
      path, what = os.path.join(root, name), f"the {name} that {self.url} holds"
      for number, line in enumerate(listing.read_lines(path, what), start=1):
        word = line.partition("/")[0]
        listing.require_class(word, self.classes, f"{path}, line {number}", what)
        parts[os.path.normpath(line)] = split
    return parts, file_source.missing_table(
      [pair for pair in parts.items() if pair[0] not in found]
    )

  def _row(self, path, split):
    word, name = os.path.split(path)
    return Row(path, word, name.partition("_nohash_")[0], split)


def _corpus(version, title, sha256, num_bytes=None):
  name = f"speech_commands_v{version.number}"
  archive = Archive(os.path.basename(version.url), version.url, None, sha256, num_bytes)
  return Corpus(
    name,
    title,
    version.url,
    version.layout,
    version.find,
    version.read,
    sample_rate_hz=16_000,
    archives=(archive,),
    split_names=("train", "validation", "test"),
    builder=name,
  )


_URL = "http://download.tensorflow.org/data/speech_commands_v0.0{}.tar.gz"
CORPORA = {
  "speech_commands_v1": _corpus(
    _Version(1, V1_CLASSES, _URL.format(1)),
    "Speech Commands 0.01: 64,721 recordings of one of 30 words, 1 s",
    "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",  # as in torchaudio
  ),
  "speech_commands_v2": _corpus(
    _Version(2, V2_CLASSES, _URL.format(2)),
    "Speech Commands 0.02: 105,829 recordings of one of 35 words, 1 s",
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    2_428_923_189,
  ),
}
