"""What a published data set is, as it lies on disk once its archives are unpacked."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from contrastive_audio.datasets.clip_table import to_missing_table
from contrastive_audio.datasets.file_tree import is_hidden
from contrastive_audio.datasets.tfds_features import plain_name


@dataclasses.dataclass(frozen=True)
class Archive:
  """A file that a data set is published in.

  Attributes:
    name: of the file, as it is published.
    url: of the file; empty if one has to ask for it.
    md5: hex digest, if it is published.
    sha256: hex digest, if it is published.
    num_bytes: size, if it is published.
    folder: where to unpack it, relative to the folder of the data set; empty: into that folder.
    optional: whether it is never read, because it holds only documentation.

  Example:
    >>> Archive("musan.tar.gz", "https://www.openslr.org/resources/17/musan.tar.gz").optional
    False
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
  """What a copy of a data set holds.

  Attributes:
    table: the clips of all splits in their final order (clip_table.SCHEMA).
    classes: see source.ClipSource.
    missing: clips that are listed but not there (clip_table.MISSING_SCHEMA).
    remarks: what users should know about this copy, for the summary.

  Example:
    >>> from contrastive_audio.datasets.clip_table import Row, to_table
    >>> Contents(to_table([Row("dog/1.wav", label="dog")]), classes=("cat", "dog")).missing.num_rows
    0
  """

  table: pa.Table
  classes: tuple[str, ...] = ()
  missing: pa.Table = dataclasses.field(default_factory=lambda: to_missing_table(()))
  remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Corpus:
  """A published data set.

  Attributes:
    name: as `--dataset` takes it.
    title: one line: what it is, how large.
    homepage: where to read about it and to get it.
    layout: what its folder holds, human-readable: "musan/{music,speech,noise}/*/*.wav".
    find: folder -> the folder that holds the layout (the same, or one below it), or None.
    read: the folder that `find` returned -> Contents; raises UserError.
    archives: what it is published in.
    sample_rate_hz: of most recordings, as published.
    split_names: splits that can be opened on their own; "train", if there is one, is the default.
    unions: some of these names -> the names in the column `split` that they stand for, for splits
      that contain others: `{"train": ("noisy_small", "noisy_rest")}`.
    builder: the builder of tensorflow-datasets that prepares it from its archives: the library's,
      or ours of the same name; None: there is none.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> corpora.get("fsdnoisy18k").unions
    {'train': ('noisy_small', 'noisy_rest')}
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


def find_root(corpus: Corpus, data_dir: str | None) -> str | None:
  """Returns the folder of the unpacked files of a data set, or None.

  Args:
    corpus: what the data set is.
    data_dir: its folder, or the folder that holds it.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> for name in ("music", "noise", "speech"):
    ...   os.makedirs(f"data/musan/{name}")
    >>> find_root(corpora.get("musan"), "data")
    'data/musan'
  """
  if not data_dir or not os.path.isdir(data_dir):
    return None
  names = dict.fromkeys([corpus.name, builder_name(corpus)])  # esc10 is a subset of esc50
  candidates = [*(os.path.join(data_dir, name) for name in names), data_dir]
  roots = (corpus.find(folder) for folder in candidates if os.path.isdir(folder))
  return next(filter(None, roots), None)


def folder_with(
  relative_paths: Iterable[str], enough: Callable[[Iterable[bool]], bool] = all
) -> Callable[[str], str | None]:
  """Returns a `Corpus.find`: folder -> itself or its first child that holds the given paths.

  Args:
    relative_paths: of files and folders of the layout.
    enough: `all` or `any` of them.

  Example:
    >>> os.makedirs("copy/meta")
    >>> folder_with(["meta"])("."), folder_with(["audio"])(".")
    ('./copy', None)
  """
  paths = tuple(relative_paths)

  def find(folder: str) -> str | None:
    children = (
      os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not is_hidden(name)
    )
    for candidate in [folder, *filter(os.path.isdir, children)]:
      if enough(os.path.exists(os.path.join(candidate, path)) for path in paths):
        return candidate
    return None

  return find


def builder_name(corpus: Corpus) -> str:
  """Returns the plain name of a data set's builder; without a builder, the name of the data set.

  Args:
    corpus: what the data set is.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> builder_name(corpora.get("esc10")), builder_name(corpora.get("audioset"))
    ('esc50', 'audioset')
  """
  return plain_name(corpus.builder or corpus.name)
