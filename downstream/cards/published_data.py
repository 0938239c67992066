"""Whether published data sets are there, before any is opened."""

import glob
import os

from contrastive_audio import datasets
from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.datasets import corpora
from contrastive_audio.datasets.corpora.corpus import Corpus, builder_name, find_root
from contrastive_audio.errors import UserError


def require_dataset(name: str, location: DataLocation) -> None:
  """Raises an error unless a data set is there; quick, decodes and downloads nothing.

  Data sets that tensorflow-datasets can download count as there.

  Args:
    name: as `--dataset` takes it.
    location: where it is.

  Raises:
    UserError: what is missing, and where to get it.

  Example:
    >>> require_dataset("audioset", DataLocation("no/such/folder"))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no audioset in 'no/such/folder': expected ...
  """
  if name in corpora.NAMES:
    require_corpus(corpora.get(name), location)
  datasets.open_local(name, None, location.data_dir, location.manual_dir)


def require_corpus(corpus: Corpus, location: DataLocation) -> None:
  """Raises an error unless a published data set is there; quick, decodes and downloads nothing.

  Args:
    corpus: which.
    location: where it is.

  Raises:
    UserError: where to get it.

  Example:
    >>> require_corpus(corpora.get("musan"), DataLocation("no/such/folder"))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no musan in 'no/such/folder': expected ...
  """
  if _is_there(corpus, location):
    return
  where = f"in {location.data_dir!r}"
  if not location.data_dir:
    where = "without --data_dir=FOLDER, the folder that holds it"
  raise UserError(
    f"no {corpus.name} {where}: expected {corpus.layout}; get it from {corpus.homepage}"
  )


def _is_there(corpus: Corpus, location: DataLocation) -> bool:
  """Whether a published data set lies on disk: unpacked, prepared, or as its archives."""
  data_dir = os.path.expanduser(location.data_dir or "")
  if location.manual_dir or find_root(corpus, data_dir):
    return True
  builder = builder_name(corpus)
  prepared = [f"{builder}/*/dataset_info.json", f"{builder}/*/*/dataset_info.json"]
  archives = [glob.escape(archive.name) for archive in corpus.archives]
  matches = (glob.glob(pattern, root_dir=data_dir) for pattern in prepared + archives)
  return bool(data_dir) and any(matches)
