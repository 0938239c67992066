"""What a published data set is, as it lies on disk once its archives are unpacked."""

import dataclasses
import glob
import os
from collections.abc import Callable, Mapping

import pyarrow as pa

from audio.datasets import builders, files, tfds
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
    folder: in the folder of the data set, where it is to be unpacked; empty: there.
    optional: whether nothing in it is read: documentation.
  """

  name: str
  url: str
  md5: str | None = None
  sha256: str | None = None
  num_bytes: int | None = None
  folder: str = ""
  optional: bool = False


@dataclasses.dataclass(frozen=True)
class Contents:
  """What was found on disk.

  Attributes:
    table: the clips, a pyarrow table (files.SCHEMA), all parts together, in their final order.
    classes: see source.ClipSource.
    several_labels: see source.ClipSource.
    missing: clips that lists name and that are not there, a pyarrow table (files.MISSING_SCHEMA).
    remarks: what a person should know of this copy, for the summary.
  """

  table: pa.Table
  classes: tuple[str, ...] = ()
  several_labels: bool = False
  missing: pa.Table = dataclasses.field(default_factory=lambda: files.missing_table(()))
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
  unions: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
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
  split = split or ("train" if "train" in corpus.split_names else "all")
  source = tfds.open_builder(
    corpus.builder, split, data_dir, archives, _is_ours(corpus), corpus.unions
  )
  source.name = corpus.name
  return source


def find(corpus, data_dir):
  """Returns the folder with the unpacked files of a data set, or None."""
  if not data_dir or not os.path.isdir(data_dir):
    return None
  below = dict.fromkeys([corpus.name, _builder_name(corpus)])  # esc10 is a part of esc50
  candidates = [*(os.path.join(data_dir, name) for name in below), data_dir]
  found = (corpus.find(folder) for folder in candidates if os.path.isdir(folder))
  return next(filter(None, found), None)


def holding(*relative_paths, enough=all):
  """Returns a Corpus.find: the first folder, among the given and its children, that holds them.

  Args:
    relative_paths: of files and folders of the layout.
    enough: `all` or `any` of them.
  """

  def search(folder):
    children = (entry.path for entry in sorted(os.scandir(folder), key=lambda e: e.name))
    for candidate in [folder, *filter(os.path.isdir, children)]:
      if enough(os.path.exists(os.path.join(candidate, path)) for path in relative_paths):
        return candidate
    return None

  return search


def _open_files(corpus, root, split):
  contents, what = corpus.read(root), f"{corpus.name} in {root}"
  chosen = files.Parts(contents.table, corpus.unions).choose(split, what)
  table = files.of_parts(contents.table, chosen)
  missing = files.of_parts(contents.missing, chosen)["key"].to_pylist()
  remarks = list(contents.remarks)
  if missing:
    remarks.insert(0, f"{len(missing)} of {len(missing) + table.num_rows} listed are not there")
  part = f", {'+'.join(chosen)}" if chosen else ""
  summary = "; ".join([f"{table.num_rows} clips{part} of {what}", *remarks])
  source = files.FilesSource(corpus.name, root, table, summary)
  source.split_names, source.unions = corpus.split_names, corpus.unions
  source.classes, source.several_labels = contents.classes, contents.several_labels
  source.missing = missing
  return source


def _is_ours(corpus):
  return _builder_name(corpus) in builders.NAMES


def _builder_name(corpus):
  """Name of its builder without configuration and version; without a builder its own name."""
  return (corpus.builder or corpus.name).split("/")[0].split(":")[0]


def _has_archives(corpus, folder):
  names = [archive.name for archive in corpus.archives]
  return bool(folder) and any(os.path.exists(os.path.join(folder, name)) for name in names)


def _may_prepare(corpus, data_dir):
  """Whether tensorflow-datasets may write here: its own folder, a new one, or that of archives."""
  if not os.path.isdir(data_dir) or not os.listdir(data_dir):
    return True
  prepared = os.path.join(glob.escape(data_dir), _builder_name(corpus), "**", "dataset_info.json")
  is_library = os.path.isdir(os.path.join(data_dir, "downloads"))
  return _has_archives(corpus, data_dir) or is_library or bool(glob.glob(prepared, recursive=True))


def _not_there(corpus, data_dir):
  where = f"in {data_dir!r}" if data_dir else "without --data_dir=FOLDER, the folder that holds it"
  archives = ", ".join(archive.name for archive in corpus.archives)
  unpacked = f", or its archives ({archives}) in --manual_dir=FOLDER" if corpus.builder else ""
  return (
    f"no {corpus.name} {where}: expected {corpus.layout}{unpacked}; get it from {corpus.homepage}"
  )
