"""Published data sets: unpacked files, or what tensorflow-datasets prepares from archives.

Only this module knows all three of corpora (what lies on disk), builders (how archives are
prepared) and tfds (what was prepared).
"""

import glob
import os

from contrastive_audio.datasets import builders
from contrastive_audio.datasets.corpora.corpus import Corpus, builder_name, find_root
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.source import ClipSource
from contrastive_audio.datasets.splits import Splits, filter_splits
from contrastive_audio.errors import UserError


def open_unpacked(
  corpus: Corpus, split: str | None = None, data_dir: str | None = None
) -> FileSource | None:
  """Opens the unpacked files of a published data set; returns None if there are none.

  Args:
    corpus: what the data set is.
    split: one of its `split_names`, several joined by "+", or "all"; None: "train" if there is one,
      else all.
    data_dir: its folder, or the folder that holds it.

  Raises:
    UserError: the files are not what they should be, or there is no such split.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> open_unpacked(corpora.get("musan"), data_dir="no/such/folder") is None
    True
  """
  root = find_root(corpus, data_dir and os.path.expanduser(data_dir))
  return _open_files(corpus, root, split) if root else None


def open_prepared(
  corpus: Corpus,
  split: str | None = None,
  data_dir: str | None = None,
  manual_dir: str | None = None,
) -> ClipSource:
  """Opens a published data set that tensorflow-datasets prepares from its archives.

  Args:
    corpus: what the data set is.
    split: see `open_unpacked`.
    data_dir: where tensorflow-datasets keeps prepared data sets; the archives may lie there, too.
    manual_dir: folder of its archives.

  Raises:
    UserError: it is not there, or its archives are not what they should be.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> open_prepared(corpora.get("audioset"), data_dir="no/such/folder")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no audioset in 'no/such/folder': expected ...
  """
  require_there(corpus, data_dir, manual_dir)
  data_dir = data_dir and os.path.expanduser(data_dir)
  if corpus.builder is None:
    raise UserError(_not_found(corpus, data_dir))
  from contrastive_audio.datasets import tfds  # late: it imports TensorFlow

  source = tfds.open_builder(
    name=corpus.builder,
    split=split or ("train" if "train" in corpus.split_names else "all"),
    data_dir=data_dir,
    manual_dir=manual_dir or (data_dir if _has_archives(corpus, data_dir) else None),
    is_ours=builder_name(corpus) in builders.NAMES,
    unions=corpus.unions,
  )
  source.name = corpus.name
  return source


def require_there(
  corpus: Corpus, data_dir: str | None = None, manual_dir: str | None = None
) -> None:
  """Raises an error unless a data set is unpacked or prepared, or there is a place to prepare it.

  Without folders, nothing is downloaded into the user's home.

  Args:
    corpus: what the data set is.
    data_dir: see `open_prepared`.
    manual_dir: see `open_prepared`.

  Raises:
    UserError: it is not there, and what to do.

  Example:
    >>> from contrastive_audio.datasets import corpora
    >>> require_there(corpora.get("speech_commands_v2"))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no speech_commands_v2 without --data_dir=FOLDER, ...
  """
  data_dir = data_dir and os.path.expanduser(data_dir)
  if find_root(corpus, data_dir):
    return
  if data_dir:
    is_there = _may_prepare(corpus, data_dir)
  else:
    home = os.environ.get("TFDS_DATA_DIR") or os.path.join("~", "tensorflow_datasets")
    is_there = _is_prepared(corpus, os.path.expanduser(home))
  if corpus.builder is None or not (manual_dir or is_there):
    raise UserError(_not_found(corpus, data_dir))


def _open_files(corpus: Corpus, root: str, split: str | None) -> FileSource:
  contents, dataset = corpus.read(root), f"{corpus.name} in {root}"
  chosen = Splits(contents.table, corpus.unions).choose(split, dataset)
  table = filter_splits(contents.table, chosen)
  missing = filter_splits(contents.missing, chosen)["key"].to_pylist()
  remarks = list(contents.remarks)
  if missing:
    num_listed = len(missing) + table.num_rows
    remarks.insert(0, f"{len(missing)} of {num_listed} listed clips are missing")
  split_text = f", {'+'.join(chosen)}" if chosen else ""
  summary = "; ".join([f"{table.num_rows} clips{split_text} of {dataset}", *remarks])
  source = FileSource(corpus.name, root, table, summary)
  source.split_names = corpus.split_names
  source.unions = corpus.unions
  source.classes = contents.classes
  source.missing = missing
  return source


def _has_archives(corpus: Corpus, folder: str | None) -> bool:
  if not folder:
    return False
  return any(os.path.exists(os.path.join(folder, archive.name)) for archive in corpus.archives)


def _may_prepare(corpus: Corpus, data_dir: str) -> bool:
  """Whether tensorflow-datasets may write here: its own folder, a new one, or one of archives."""
  if not os.path.isdir(data_dir) or not os.listdir(data_dir):
    return True
  is_library = os.path.isdir(os.path.join(data_dir, "downloads"))
  return _has_archives(corpus, data_dir) or is_library or _is_prepared(corpus, data_dir)


def _is_prepared(corpus: Corpus, data_dir: str) -> bool:
  if corpus.builder is None:
    return False
  prepared = os.path.join(glob.escape(data_dir), builder_name(corpus), "**", "dataset_info.json")
  return bool(glob.glob(prepared, recursive=True))


def _not_found(corpus: Corpus, data_dir: str | None) -> str:
  where = f"in {data_dir!r}" if data_dir else "without --data_dir=FOLDER, the folder that holds it"
  archives = ", ".join(archive.name for archive in corpus.archives)
  unpacked = f", or its archives ({archives}) in --manual_dir=FOLDER" if corpus.builder else ""
  return (
    f"no {corpus.name} {where}: expected {corpus.layout}{unpacked}; get it from {corpus.homepage}"
  )
