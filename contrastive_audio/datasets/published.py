"""Published data sets: their unpacked files, or what tensorflow-datasets prepares of their archives.

Only this module knows all three of corpora (what lies on disk), builders (how archives are prepared)
and tfds (what was prepared).
"""

import glob
import os

from contrastive_audio.datasets import builders, file_source
from contrastive_audio.datasets.corpora.corpus import Corpus, builder_name, find
from contrastive_audio.datasets.source import ClipSource
from contrastive_audio.errors import UserError


def open_corpus(
  corpus: Corpus,
  split: str | None = None,
  data_dir: str | None = None,
  manual_dir: str | None = None,
) -> ClipSource:
  """Opens a published data set, preparing it from its archives if need be.

  Args:
    corpus: what the data set is.
    split: one of its `split_names`, several joined by "+", "all", or None: "train" where there is
      one, otherwise all.
    data_dir: its folder, or the folder that holds it; or where tensorflow-datasets prepares it.
    manual_dir: folder with its archives.

  Returns:
    A ClipSource.

  Raises:
    UserError: it is not there, or not what it should be.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> open_corpus(corpora.get("musan"), data_dir="no/such/folder")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no musan in 'no/such/folder': expected ...
  """
  data_dir = data_dir and os.path.expanduser(data_dir)
  if source := open_unpacked(corpus, split, data_dir):
    return source
  if corpus.builder is None or (data_dir and not manual_dir and not _may_prepare(corpus, data_dir)):
    raise UserError(_not_there(corpus, data_dir))
  from contrastive_audio.datasets import tfds  # late: it imports TensorFlow

  archives = manual_dir or (data_dir if _has_archives(corpus, data_dir) else None)
  split = split or ("train" if "train" in corpus.split_names else "all")
  is_ours = builder_name(corpus) in builders.NAMES
  source = tfds.open_builder(corpus.builder, split, data_dir, archives, is_ours, corpus.unions)
  source.name = corpus.name
  return source


def open_unpacked(
  corpus: Corpus, split: str | None = None, data_dir: str | None = None
) -> ClipSource | None:
  """Opens the unpacked files of a published data set; None if there are none.

  Args:
    corpus: what the data set is.
    split: see `open_corpus`.
    data_dir: its folder, or the folder that holds it.

  Raises:
    UserError: the files are not what they should be, or there is no such split.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> open_unpacked(corpora.get("musan"), data_dir="no/such/folder") is None
    True
  """
  root = find(corpus, data_dir and os.path.expanduser(data_dir))
  return root and _open_files(corpus, root, split)


def _open_files(corpus, root, split):
  contents, what = corpus.read(root), f"{corpus.name} in {root}"
  chosen = file_source.Splits(contents.table, corpus.unions).choose(split, what)
  table = file_source.of_parts(contents.table, chosen)
  missing = file_source.of_parts(contents.missing, chosen)["key"].to_pylist()
  remarks = list(contents.remarks)
  if missing:
    remarks.insert(0, f"{len(missing)} of {len(missing) + table.num_rows} listed are not there")
  part = f", {'+'.join(chosen)}" if chosen else ""
  summary = "; ".join([f"{table.num_rows} clips{part} of {what}", *remarks])
  source = file_source.FilesSource(corpus.name, root, table, summary)
  source.split_names, source.unions = corpus.split_names, corpus.unions
  source.classes, source.several_labels = contents.classes, contents.several_labels
  source.missing = missing
  return source


def _has_archives(corpus, folder):
  names = [archive.name for archive in corpus.archives]
  return bool(folder) and any(os.path.exists(os.path.join(folder, name)) for name in names)


def _may_prepare(corpus, data_dir):
  """Whether tensorflow-datasets may write here: its own folder, a new one, or one of archives."""
  if not os.path.isdir(data_dir) or not os.listdir(data_dir):
    return True
  prepared = os.path.join(glob.escape(data_dir), builder_name(corpus), "**", "dataset_info.json")
  is_library = os.path.isdir(os.path.join(data_dir, "downloads"))
  return _has_archives(corpus, data_dir) or is_library or bool(glob.glob(prepared, recursive=True))


def _not_there(corpus, data_dir):
  where = f"in {data_dir!r}" if data_dir else "without --data_dir=FOLDER, the folder that holds it"
  archives = ", ".join(archive.name for archive in corpus.archives)
  unpacked = f", or its archives ({archives}) in --manual_dir=FOLDER" if corpus.builder else ""
  return (
    f"no {corpus.name} {where}: expected {corpus.layout}{unpacked}; get it from {corpus.homepage}"
  )
