"""VoxForge: sentences that volunteers read; the class is the language, the group the speaker."""

import os

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus
from contrastive_audio.datasets.file_tree import find_files, printable
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


def _find(folder: str) -> str | None:
  """Returns the folder, or one on the path that `wget -x` creates, whose children are languages."""
  host = "www.repository.voxforge1.org"
  for inner in ("", os.path.join(host, "downloads"), host, "downloads"):
    candidate = os.path.join(folder, inner)
    if os.path.isdir(candidate) and any(map(_language, os.listdir(candidate))):
      return os.path.normpath(candidate)
  return None


def _read(root: str) -> Contents:
  """Reads recordings of all languages; the speaker is the archive's name before the first dash."""
  paths = find_files(root, (".wav", ".flac")).paths
  rows = [row for row in map(_row, paths) if row is not None]
  num_packed = _count_packed(root)
  if not rows:
    packed = f" ({num_packed} .tgz archives are there: unpack each where it lies)"
    where = f"{root!r}{packed if num_packed else ''}"
    raise UserError(f"no recordings in {where}: expected {_LAYOUT}; see {_HOMEPAGE}")
  absent = [code for code in CLASSES if code not in {row.label for row in rows}]
  num_other = len(paths) - len(rows)
  remarks = [f"without {', '.join(absent)}"] if absent else []
  remarks += [f"{num_other} recordings of unknown languages are left out"] if num_other else []
  remarks += [f"{num_packed} .tgz archives are not unpacked"] if num_packed else []
  return Contents(to_table(rows), CLASSES, remarks=tuple(remarks))


def _row(path: str) -> Row | None:
  """Returns the clip of LANGUAGE/.../USER-DATE-XXX/{wav,flac}/NAME; None for other paths."""
  *folders, submission, kind, _ = ("", "", *path.split(os.sep))
  language = next(filter(None, map(_language, folders)), None)
  if language is None or kind not in ("wav", "flac"):
    return None
  return Row(path, label=language, group=printable(submission.partition("-")[0]))


def _language(name: str) -> str | None:
  return _LANGUAGES.get(name.lower())


def _count_packed(root: str) -> int:
  """Returns the number of archives that are not unpacked."""
  archives = find_files(root, (".tgz",)).paths
  return sum(not os.path.isdir(os.path.join(root, path[: -len(".tgz")])) for path in archives)


CORPORA = {
  "voxforge": Corpus(
    name="voxforge",
    title="VoxForge: sentences read in six languages, with known speakers",
    homepage=_HOMEPAGE,
    layout=_LAYOUT,
    find=_find,
    read=_read,
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
