"""VoxForge: sentences that volunteers read; the class is the language, the group the speaker."""

import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus
from contrastive_audio.datasets.file_source import Row
from contrastive_audio.errors import UserError

CLASSES = ("de", "en", "es", "fr", "it", "ru")
_NAMES = {
  "de": ("de", "german", "deutsch"),
  "en": ("en", "english", "speechcorpus"),  # SpeechCorpus is its folder on the server
  "es": ("es", "spanish"),
  "fr": ("fr", "french"),
  "it": ("it", "italian"),
  "ru": ("ru", "russian"),
}
_LANGUAGES = {name: code for code, names in _NAMES.items() for name in names}
_HOMEPAGE = "http://www.voxforge.org"
_URLS = "https://storage.googleapis.com/tfds-data/downloads/voxforge/voxforge_urls.txt"
_LAYOUT = (
  "LANGUAGE/.../USER-DATE-XXX/{wav,flac}/* with LANGUAGE one of de, en, es, fr, it, ru or its "
  f"English name, or the folders that `wget -x` makes of {_URLS}, archives unpacked where they lie"
)


def find(folder):
  """Returns the folder if one of its children, or one on the way that `wget -x` makes, is ours."""
  host = "www.repository.voxforge1.org"
  for inner in ("", os.path.join(host, "downloads"), host, "downloads"):
    candidate = os.path.join(folder, inner)
    if os.path.isdir(candidate) and any(map(_language, os.listdir(candidate))):
      return os.path.normpath(candidate)
  return None


def read(root):
  """Reads recordings of all languages; the speaker is the archive's name before the first dash."""
  paths, _ = file_source.walk(root, (".wav", ".flac"))
  rows, num_strange = [], 0
  for path in paths:
    *folders, submission, kind, _ = ("", "", *path.split(os.sep))
    language = next(filter(None, map(_language, folders)), None)
    if language and kind in ("wav", "flac"):
      rows.append(Row(path, language, file_source.printable(submission.partition("-")[0])))
    else:
      num_strange += 1
  archives = _packed(root)
  if not rows:
    unpack = f" ({archives} archives .tgz are there: unpack each where it lies)" if archives else ""
    raise UserError(f"no recordings in {root!r}{unpack}: expected {_LAYOUT}; see {_HOMEPAGE}")
  absent = [code for code in CLASSES if code not in {row.label for row in rows}]
  remarks = (f"without {', '.join(absent)}",) if absent else ()
  remarks += (f"{num_strange} recordings of no known language are left out",) if num_strange else ()
  remarks += (f"{archives} archives .tgz are not unpacked",) if archives else ()
  return Contents(file_source.table_of(rows), CLASSES, remarks=remarks)


def _language(name):
  return _LANGUAGES.get(name.lower())


def _packed(root):
  """Returns how many archives lie there whose folder does not."""
  archives, _ = file_source.walk(root, (".tgz",))
  return sum(not os.path.isdir(os.path.join(root, path[: -len(".tgz")])) for path in archives)


CORPORA = {
  "voxforge": Corpus(
    "voxforge",
    "VoxForge: read sentences in six languages, speakers are known",
    _HOMEPAGE,
    _LAYOUT,
    find,
    read,
    sample_rate_hz=16_000,
    archives=(
      Archive(
        "voxforge_urls.txt",  # the list of its thousands of archives
        _URLS,
        sha256="9cc218a5bce16640dc4eeb263aa423ce63ca59fc6587a9487dc397642b76af6c",
        num_bytes=1_344_189,
      ),
    ),
    builder="voxforge",
  )
}
