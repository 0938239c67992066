"""From the published archives of a Corpus to the folder that holds its layout.

Archives are taken from the folder of manual downloads where they are there, and downloaded
otherwise. tensorflow-datasets compares a download with checksums.tsv, which wants a size and a
SHA-256; most of these archives are published with an MD5 alone, so every archive, however it came,
is also compared here with what its Corpus knows. Only speech_commands_v2 has a checksums.tsv.
"""

import hashlib
import os
import shutil
import zipfile

from tensorflow_datasets.core.download import extractor

from contrastive_audio.datasets.builders import split_zip
from contrastive_audio.datasets.corpora import corpus as corpora
from contrastive_audio.errors import UserError


def instructions(corpus):
  """Returns what to put where, for people who download by hand; None without a corpus."""
  if corpus is None:
    return None
  lines = [
    f"{corpus.title}; {corpus.homepage}",
    "Without a network, or to download only once, put these into the folder --manual_dir:",
  ]
  for archive in needed(corpus):
    sums = [f"{name} {getattr(archive, name)}" for name in ("md5", "sha256")]
    sums = ", ".join(text for text in sums if not text.endswith("None"))
    lines.append(f"  {archive.name} from {archive.url}" + (f" ({sums})" if sums else ""))
  lines.append(f"Their unpacked content will do, too: {corpus.layout}")
  return "\n".join(lines)


def needed(corpus):
  """Returns the archives of a corpus without those that only document it."""
  return [archive for archive in corpus.archives if not archive.optional]


def find_root(corpus, dl_manager):
  """Returns the folder with the layout of a corpus: manual, or unpacked from checked archives.

  Args:
    corpus: a Corpus.
    dl_manager: the DownloadManager.

  Raises:
    UserError: an archive is not what was published, or does not hold what it should.
  """
  try:
    manual_dir = os.fspath(dl_manager.manual_dir)
  except AssertionError:  # it is not there, or empty
    manual_dir = None
  if manual_dir and (root := corpora.find(corpus, manual_dir)):
    return root
  paths = {archive: _get(archive, manual_dir, dl_manager) for archive in needed(corpus)}
  joined = os.path.join(os.fspath(dl_manager.download_dir), "joined", corpus.name)
  shutil.rmtree(joined, ignore_errors=True)  # links, nothing else
  for archive, path in _unpacked(corpus, paths, dl_manager):
    _link(path, os.path.join(joined, archive.folder), archive.name)
  root = corpora.find(corpus, joined)
  if root is None:
    raise UserError(
      f"the archives of {corpus.name} do not hold {corpus.layout}; get them from {corpus.homepage}"
    )
  return root


def _get(archive, manual_dir, dl_manager):
  path = manual_dir and os.path.join(manual_dir, archive.name)
  if not path or not os.path.exists(path):
    path = os.fspath(dl_manager.download(archive.url))
  require_published(path, archive)
  return path


def require_published(path, archive):
  """Compares a file with the size and the digests that are published of it.

  Raises:
    UserError: it differs.
  """
  found_bytes = os.path.getsize(path)
  if archive.num_bytes not in (None, found_bytes):
    _refuse(path, archive, f"{found_bytes} bytes, expected {archive.num_bytes}")
  for name in ("md5", "sha256"):
    expected = getattr(archive, name)
    if expected and (found := _digest(path, name)) != expected:
      _refuse(path, archive, f"its {name} is {found}, expected {expected}")


def _digest(path, name):
  digest = hashlib.new(name)
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()


def _refuse(path, archive, reason):
  raise UserError(
    f"{path!r} is not the published {archive.name} ({reason}): perhaps half of a download; delete "
    f"it and get it from {archive.url}"
  )


def _unpacked(corpus, paths, dl_manager):
  """Yields (archive, folder or file) for all but the first volumes of a zip file in volumes."""
  for archive, path in paths.items():
    if split_zip.is_volume(archive.name):
      continue
    stem = archive.name.removesuffix("zip")
    before = [a for a in paths if split_zip.is_volume(a.name) and a.name.startswith(stem)]
    volumes = [paths[a] for a in sorted(before, key=lambda a: a.name)]
    try:
      if volumes:
        folder = os.path.join(os.fspath(dl_manager.download_dir), "extracted", archive.name)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        split_zip.extract([*volumes, path], folder)
      else:
        folder = os.fspath(dl_manager.extract(path))
    except (zipfile.BadZipFile, OSError, extractor.ExtractError) as error:
      raise UserError(
        f"{path!r} cannot be unpacked ({str(error).strip().splitlines()[0]}): delete it and get it "
        f"from {archive.url}"
      ) from error
    yield archive, folder


def _link(path, folder, name):
  """Shows a file, or what a folder holds, in another folder; folders of equal names are joined."""
  os.makedirs(folder, exist_ok=True)
  if os.path.isdir(path):
    for entry in os.scandir(path):
      inner = os.path.join(folder, entry.name) if entry.is_dir() else folder
      _link(entry.path, inner, entry.name)
  elif not os.path.lexists(os.path.join(folder, name)):  # archives share a LICENSE or a README
    os.symlink(os.path.abspath(path), os.path.join(folder, name))
