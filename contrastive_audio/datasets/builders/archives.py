"""From the published archives of a Corpus to the folder that holds its layout.

Archives in the folder of manual downloads are used; others are downloaded. tensorflow-datasets
compares a download with checksums.tsv, which needs a size and a SHA-256, but most of these archives
are published with an MD5 alone. Every archive, downloaded or not, is therefore also compared with
what its Corpus says. Only speech_commands_v2 has a checksums.tsv.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from typing import NoReturn

import tensorflow_datasets as tfds

from contrastive_audio.datasets.builders import split_zip
from contrastive_audio.datasets.corpora.corpus import Archive, Corpus, find_root
from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.utils.files import digest_of_file


def instructions(corpus: Corpus) -> str:
  """Returns which archives to put where, for those who download by hand.

  Args:
    corpus: what the data set is.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> print(instructions(corpora.get("musan")))
    MUSAN: 109 h of music, speech and noise, in pieces of 10 s; https://www.openslr.org/17
    Without a network, or to download only once, put these into the folder --manual_dir:
      musan.tar.gz from https://www.openslr.org/resources/17/musan.tar.gz (md5 0c472d...)
    Their unpacked content will do, too: musan/{music,speech,noise}/SOURCE/*.wav
  """
  lines = [
    f"{corpus.title}; {corpus.homepage}",
    "Without a network, or to download only once, put these into the folder --manual_dir:",
  ]
  for archive in _required(corpus):
    digests = {"md5": archive.md5, "sha256": archive.sha256}
    text = ", ".join(f"{name} {digest}" for name, digest in digests.items() if digest)
    lines.append(f"  {archive.name} from {archive.url}" + (f" ({text})" if text else ""))
  lines.append(f"Their unpacked content will do, too: {corpus.layout}")
  return "\n".join(lines)


def prepare_root(corpus: Corpus, dl_manager: "tfds.download.DownloadManager") -> str:
  """Returns the folder with the layout of a data set: unpacked by hand, or from checked archives.

  Args:
    corpus: what the data set is.
    dl_manager: of the builder.

  Raises:
    UserError: an archive is not what was published, or does not hold what it should.

  Example:
    >>> import types
    >>> from contrastive_audio.datasets import corpora
    >>> for name in ("music", "noise", "speech"):
    ...   os.makedirs(f"manual/musan/{name}")
    >>> prepare_root(corpora.get("musan"), types.SimpleNamespace(manual_dir="manual"))
    'manual/musan'
  """
  try:
    manual_dir = os.fspath(dl_manager.manual_dir)
  except AssertionError:  # it does not exist, or is empty
    manual_dir = None
  if manual_dir and (root := find_root(corpus, manual_dir)):
    return root
  paths = {archive: _get(archive, manual_dir, dl_manager) for archive in _required(corpus)}
  joined = os.path.join(os.fspath(dl_manager.download_dir), "joined", corpus.name)
  shutil.rmtree(joined, ignore_errors=True)  # it holds nothing but links
  for archive, path in _unpack(paths, os.fspath(dl_manager.download_dir), dl_manager):
    _link(path, os.path.join(joined, archive.folder), archive.name)
  root = find_root(corpus, joined)
  if root is None:
    raise UserError(
      f"the archives of {corpus.name} do not hold {corpus.layout}; get them from {corpus.homepage}"
    )
  return root


def _required(corpus: Corpus) -> list[Archive]:
  """Returns the archives of a data set without those that only document it."""
  return [archive for archive in corpus.archives if not archive.optional]


def _get(
  archive: Archive, manual_dir: str | None, dl_manager: "tfds.download.DownloadManager"
) -> str:
  """Returns the path of a checked archive; downloads it if it is not in the manual folder."""
  path = os.path.join(manual_dir, archive.name) if manual_dir else None
  if path is None or not os.path.exists(path):
    path = os.fspath(dl_manager.download(archive.url))
  _require_published(path, archive)
  return path


def _require_published(path: str, archive: Archive) -> None:
  """Compares a file with its published size and digests."""
  num_bytes = os.path.getsize(path)
  if archive.num_bytes not in (None, num_bytes):
    _refuse(path, archive, f"{num_bytes} bytes, expected {archive.num_bytes}")
  for name, expected in (("md5", archive.md5), ("sha256", archive.sha256)):
    if expected and (digest := digest_of_file(path, name)) != expected:
      _refuse(path, archive, f"its {name} is {digest}, expected {expected}")


def _refuse(path: str, archive: Archive, reason: str) -> NoReturn:
  raise UserError(
    f"{path!r} is not the published {archive.name} ({reason}): perhaps a partial download; "
    f"delete it and get it from {archive.url}"
  )


def _unpack(
  paths: Mapping[Archive, str], download_dir: str, dl_manager: "tfds.download.DownloadManager"
) -> Iterator[tuple[Archive, str]]:
  """Yields (archive, folder or file); of a zip file in volumes only the last volume."""
  for archive, path in paths.items():
    if split_zip.is_volume(archive.name):
      continue
    stem = archive.name.removesuffix("zip")
    earlier = [a for a in paths if split_zip.is_volume(a.name) and a.name.startswith(stem)]
    volumes = [paths[a] for a in sorted(earlier, key=lambda a: a.name)]
    try:
      if volumes:
        folder = os.path.join(download_dir, "extracted", archive.name)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        split_zip.extract([*volumes, path], folder)
      else:
        folder = os.fspath(dl_manager.extract(path))
    except Exception as error:  # the libraries raise anything if an archive is damaged
      raise UserError(
        f"{path!r} cannot be unpacked ({reason_of(error)}): delete it and get it from {archive.url}"
      ) from error
    yield archive, folder


def _link(path: str, folder: str, name: str) -> None:
  """Links a file, or all that a folder holds, into another folder; equal sub-folders are merged."""
  os.makedirs(folder, exist_ok=True)
  if os.path.isdir(path):
    for entry in os.scandir(path):
      inner = os.path.join(folder, entry.name) if entry.is_dir() else folder
      _link(entry.path, inner, entry.name)
  elif not os.path.lexists(os.path.join(folder, name)):  # archives share a LICENSE or a README
    os.symlink(os.path.abspath(path), os.path.join(folder, name))
