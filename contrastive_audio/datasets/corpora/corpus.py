"""What a published data set is, as it lies on disk once its archives are unpacked."""

import dataclasses
import os
from collections.abc import Callable, Mapping

import pyarrow as pa

from contrastive_audio.datasets import file_source


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
  missing: pa.Table = dataclasses.field(default_factory=lambda: file_source.missing_table(()))
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


def find(corpus, data_dir):
  """Returns the folder with the unpacked files of a data set, or None."""
  if not data_dir or not os.path.isdir(data_dir):
    return None
  below = dict.fromkeys([corpus.name, builder_name(corpus)])  # esc10 is a part of esc50
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


def builder_name(corpus: Corpus) -> str:
  """Returns the name of its builder without configuration and version; without one its own name.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> builder_name(corpora.get("voxceleb")), builder_name(corpora.get("audioset"))
    ('voxceleb', 'audioset')
  """
  return (corpus.builder or corpus.name).split("/")[0].split(":")[0]
