"""A name -> clips with keys, labels and groups: one interface to every source of audio.

Which names there are, and which module implements them:

  synthetic        sound events generated from a seed, the default (synthetic.py)
  folder:PATH      a folder of audio files, or a table of them (folder.py); PATH alone will do
  labels:PATH      a folder of label files of Raven or Audacity, beside their recordings
  audioset ...     a published data set, in the layouts people have on disk (published.py, corpora/)
  spoken_digit ... any audio builder of tensorflow-datasets (tfds.py); builders/ holds ours

What these are made of:

  source           the interface of them all: a numbered list of clips
  splits           which splits there are, and the clips of some of them
  file_source      audio in files -> clips: files, members of archives, or pieces of either
  file_tree        files below a folder, in a fixed order
  archive_members  recordings in archives, read in place
  unpacking        what is packed in an archive, unpacked within bounds
  clip_list        a table that lists clips -> clips
  clip_table       clips as rows of an Arrow table
  compact_columns  rows -> columns, without a Python object for each cell
  timed_source     a table with times -> recordings, and stretches of them
  timed_rows       rows of tables with times: which labels a stretch has
  stretches        stretches of recordings, listed or left unlabelled
  label_list       label files of Raven and Audacity -> stretches
  annotations/     reads and writes these files
  library_names    which data sets tensorflow-datasets has
  tfds_features    which features of a builder hold audio, label, group and key

What can be imported from here:

  open_source      a name -> a ClipSource
  open_local       the same for data sets on disk; needs neither TensorFlow nor preparation
  require_name     says in time what is missing, or that nobody knows a name
  full_name        a name as `--dataset` takes it -> the name that identifies the data
  ClipSource       a numbered list of clips; one subclass for each kind of source
  Clip             one clip, not decoded yet: key, label, group
  LABEL_SEPARATOR  between the labels of a clip that has several
"""

import difflib
import os
import re
from collections.abc import Collection

from contrastive_audio.datasets import corpora, library_names
from contrastive_audio.datasets.source import LABEL_SEPARATOR, Clip, ClipSource
from contrastive_audio.errors import UserError
from contrastive_audio.utils import quiet

__all__ = [
  "LABEL_SEPARATOR",
  "Clip",
  "ClipSource",
  "full_name",
  "open_local",
  "open_source",
  "require_name",
]

_FOLDER, _LABELS = "folder:", "labels:"
_SYNTHETIC = "synthetic"
_FILE_NAME = re.compile(r"\.[A-Za-z0-9]{2,7}$")  # "calls.wav", but no version: "crema_d:1.0.0"


def open_source(
  name: str,
  split: str | None = None,
  data_dir: str | None = None,
  manual_dir: str | None = None,
  background: str | None = None,
) -> ClipSource:
  """Opens a data set by its name, and prepares it first if necessary.

  Args:
    name: "synthetic", "folder:PATH", a path, one of corpora.NAMES, or the name of an audio builder
      of tensorflow-datasets.
    split: a split of the data set, or of the table's `split` column; None: "train" if there is one,
      else all clips.
    data_dir: folder that holds the data set, or where prepared data sets are kept; None: the
      source's own default.
    manual_dir: folder of archives that were downloaded by hand.
    background: class of what a table with times leaves unlabelled; None: that is not used.

  Returns:
    The clips.

  Raises:
    UserError: unknown name, missing folder, no audio in it, no such split.

  Example:
    >>> open_source("no_such_data_set")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: unknown data set 'no_such_data_set'. ...
  """
  source = open_local(name, split, data_dir, manual_dir, background)
  if source is not None:
    return source
  if name == _SYNTHETIC:
    from contrastive_audio.datasets import synthetic

    return synthetic.open_synthetic(data_dir)
  if name in corpora.NAMES:
    from contrastive_audio.datasets import published

    return published.open_prepared(corpora.get(name), split, data_dir, manual_dir)
  with quiet.native_stderr():  # TensorFlow's start-up messages
    from contrastive_audio.datasets import tfds
  return tfds.open_builder(name, split, data_dir, manual_dir)


def open_local(
  name: str,
  split: str | None = None,
  data_dir: str | None = None,
  manual_dir: str | None = None,
  background: str | None = None,
) -> ClipSource | None:
  """Opens a data set whose files lie on disk, without TensorFlow; returns None for all others.

  Args:
    name: see `open_source`.
    split: see `open_source`.
    data_dir: see `open_source`.
    manual_dir: see `open_source`.
    background: see `open_source`.

  Raises:
    UserError: missing folder, no audio in it, no such split; a published data set that is not
      there, or a name that nobody knows.

  Example:
    >>> open_local("spoken_digit") is None  # tensorflow-datasets has it
    True
  """
  name = full_name(name)
  if name.startswith((_FOLDER, _LABELS)):
    from contrastive_audio.datasets import folder

    kind, _, path = name.partition(":")
    opened = folder.open_label_folder if f"{kind}:" == _LABELS else folder.open_folder
    return opened(path, split, background)
  if background is not None:
    raise UserError(f"--background={background}: {name} has no table with times")
  if name in corpora.NAMES:
    from contrastive_audio.datasets import published

    require_name(name, data_dir, manual_dir)
    return published.open_unpacked(corpora.get(name), split, data_dir)
  require_name(name, data_dir, manual_dir)
  if name == _SYNTHETIC and split is not None:
    raise UserError(f"--split={split}: {name} has no splits")
  return None


def require_name(name: str, data_dir: str | None = None, manual_dir: str | None = None) -> None:
  """Raises an error unless a data set other than a folder is known and, if published, there; quick.

  Args:
    name: see `open_source`.
    data_dir: see `open_source`.
    manual_dir: see `open_source`.

  Raises:
    UserError: what is missing, and where to get it; or a name that nobody knows.

  Example:
    >>> require_name("spoken_digits")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: unknown data set 'spoken_digits'. Did you mean ...
  """
  if name in corpora.NAMES:
    from contrastive_audio.datasets import published

    published.require_there(corpora.get(name), data_dir, manual_dir)
  elif name != _SYNTHETIC and not library_names.is_in_library(name):
    if _FILE_NAME.search(name):
      raise UserError(f"no such file: {name!r}")
    raise UserError(_unknown(name, library_names.library_names()))


def full_name(name: str) -> str:
  """Returns the name that identifies a data set: "folder:PATH" for a path.

  A known name means the data set, even if a folder has the same name; "./musan" means the folder.

  Args:
    name: as `--dataset` takes it.

  Example:
    >>> full_name("./clips"), full_name("musan"), full_name("folder:clips")
    ('folder:./clips', 'musan', 'folder:clips')
  """
  if name == _SYNTHETIC or name in corpora.NAMES or name.startswith((_FOLDER, _LABELS)):
    return name
  is_path = name.startswith((".", "~", os.sep)) or os.path.exists(name)
  return _FOLDER + name if is_path else name


def _unknown(name: str, builders: Collection[str]) -> str:
  """Suggests this project's names before those of tensorflow-datasets."""
  similar: list[str] = []
  for names in ([_SYNTHETIC, *corpora.NAMES], builders):
    similar = similar or difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.6)
  guess = f" Did you mean {' or '.join(similar)}?" if similar else ""
  known = f"'synthetic', {', '.join(corpora.NAMES)}"
  return (
    f"unknown data set {name!r}.{guess} For audio of your own, write the path of its folder, file "
    f"or table, such as ./NAME; otherwise {known}, or another audio data set of "
    "tensorflow-datasets, such as spoken_digit or crema_d"
  )
