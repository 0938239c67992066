"""What a published data set is, as it lies on disk once its archives are unpacked."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa

from audio.datasets import files, tfds
from audio.errors import UserError


@dataclasses.dataclass(frozen=True)
class Archive:
  """A file that a data set is published in.

  Attributes:
    name: of the file, as it is published.
    url: where it is; empty if one has to ask for it.
    md5: hex digest, where it is published.
    sha256: likewise.
    num_bytes: size, where it is published.
  """

  name: str
  url: str
  md5: str | None = None
  sha256: str | None = None
  num_bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class Contents:
  """What was found on disk.

  Attributes:
    table: the clips, a pyarrow table (files.SCHEMA), all parts together, in their final order.
    classes: see source.ClipSource.
    several_labels: see source.ClipSource.
    missing: see source.ClipSource.
    remarks: what a person should know of this copy, for the summary.
  """

  table: pa.Table
  classes: tuple[str, ...] = ()
  several_labels: bool = False
  missing: tuple[str, ...] = ()
  remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Corpus:
  """A published data set.

  Attributes:
    name: as `--dataset` has it.
    title: one line: what it is, how much.
    homepage: where to read about it and to get it.
    layout: what lies in its folder, for people: "musan/{music,speech,noise}/*/*.wav".
    find: folder -> the folder that holds the layout (the same, or one below it), or None.
    read: the found folder -> Contents; raises UserError.
    archives: what it is published in.
    sample_rate_hz: of most recordings, as published.
    split_names: parts that can be opened on their own; "train", where there is one, is the default.
    unions: names among them -> the names in the column `split` that they stand for, for parts that
      are inside others: `{"train": ("noisy_small", "noisy_rest")}`.
    builder: the builder of tensorflow-datasets that prepares it from its archives: the library's,
      or ours of the same name; None: there is none.
  """

  name: str
  title: str
  homepage: str
  layout: str
  find: Callable[[str], str | None]
  read: Callable[[str], Contents]
  sample_rate_hz: int
  archives: tuple[Archive, ...] = ()
  split_names: tuple[str, ...] = ()
  unions: Mapping[str, tuple[str, ...]] = MappingProxyType({})
  builder: str | None = None


def open_corpus(corpus, split=None, data_dir=None, manual_dir=None):
  """Opens a published data set: its unpacked files, or what tensorflow-datasets prepares of it.

  Args:
    corpus: a Corpus.
    split: one of its `split_names`, several joined by "+", "all", or None: "train" where there is
      one, otherwise all.
    data_dir: its folder, or the folder that holds it; or where tensorflow-datasets prepares it.
    manual_dir: folder with its archives.

  Returns:
    A ClipSource.

  Raises:
    UserError: it is not there, or not what it should be.
  """
  data_dir = data_dir and os.path.expanduser(data_dir)
  if root := find(corpus, data_dir):
    return _open_files(corpus, root, split)
  if corpus.builder is None or (data_dir and not manual_dir and not _may_prepare(corpus, data_dir)):
    raise UserError(_not_there(corpus, data_dir))
  archives = manual_dir or (data_dir if _has_archives(corpus, data_dir) else None)
  source = tfds.open_builder(corpus.builder, split, data_dir, archives, ours=_is_ours(corpus))
  source.name = corpus.name
  return source


def find(corpus, data_dir):
  """Returns the folder with the unpacked files of a data set, or None."""
  if not data_dir or not os.path.isdir(data_dir):
    return None
  candidates = [os.path.join(data_dir, corpus.name), data_dir]
  found = (corpus.find(folder) for folder in candidates if os.path.isdir(folder))
  return next(filter(None, found), None)


def holding(*relative_paths):
  """Returns a Corpus.find: the first folder, among the given and its children, that holds all.

  Args:
    relative_paths: of files and folders of the layout.
  """

  def search(folder):
    children = (entry.path for entry in sorted(os.scandir(folder), key=lambda e: e.name))
    for candidate in [folder, *filter(os.path.isdir, children)]:
      if all(os.path.exists(os.path.join(candidate, path)) for path in relative_paths):
        return candidate
    return None

  return search


def _open_files(corpus, root, split):
  contents = corpus.read(root)
  what = f"{corpus.name} in {root}"
  table, chosen = files.select_split(contents.table, split, what, corpus.unions)
  part = f", split {'+'.join(chosen)}" if chosen else ""
  remarks = "".join(f"; {remark}" for remark in contents.remarks)
  summary = f"{table.num_rows} clips{part} of {what}{remarks}"
  source = files.FilesSource(corpus.name, root, table, summary)
  source.split_names, source.unions = corpus.split_names, corpus.unions
  source.classes, source.several_labels = contents.classes, contents.several_labels
  source.missing = contents.missing
  return source


def _is_ours(corpus):
  return corpus.builder == corpus.name and not tfds.has_builder(corpus.builder)


def _has_archives(corpus, folder):
  names = [archive.name for archive in corpus.archives]
  return bool(folder) and any(os.path.exists(os.path.join(folder, name)) for name in names)


def _may_prepare(corpus, data_dir):
  """Whether tensorflow-datasets may write here: a folder of its own, a new one, or the archives'."""
  if not os.path.isdir(data_dir) or not os.listdir(data_dir):
    return True
  builder = corpus.builder.split("/")[0].split(":")[0]
  own = (os.path.join(data_dir, name) for name in ("downloads", builder))
  return _has_archives(corpus, data_dir) or any(map(os.path.isdir, own))


def _not_there(corpus, data_dir):
  where = f"in {data_dir!r}" if data_dir else "without --data_dir=FOLDER, the folder that holds it"
  archives = ", ".join(archive.name for archive in corpus.archives)
  unpacked = f", or its archives ({archives}) in --manual_dir=FOLDER" if corpus.builder else ""
  return (
    f"no {corpus.name} {where}: expected {corpus.layout}{unpacked}; get it from {corpus.homepage}"
  )
