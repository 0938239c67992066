"""A name -> clips with keys, labels and groups: one interface for every source of audio.

Data sets by their names, and where they are implemented:

  synthetic        sound events made from a seed, the default (synthetic.py)
  folder:PATH      a folder of audio files, or a CSV that lists them (folder.py)
  audioset ...     a published data set, from the layouts that people have on disk (corpora)
  spoken_digit ... any audio builder of tensorflow-datasets (tfds.py)

To import from here:

  open_source      a name -> a ClipSource
  ClipSource       a numbered list of clips; one subclass for each kind of source
  Clip             one clip, not decoded yet: key, label, group
  LABEL_SEPARATOR  between the labels of a clip that has several
"""

import difflib
import os

from audio.datasets import corpora
from audio.datasets.source import LABEL_SEPARATOR, Clip, ClipSource
from audio.errors import UserError

__all__ = ["LABEL_SEPARATOR", "Clip", "ClipSource", "open_source"]


def open_source(name, split=None, data_dir=None, manual_dir=None):
  """Opens a data set by the name that `--dataset` takes.

  Args:
    name: "synthetic", "folder:PATH", one of corpora.NAMES, or the name of an audio builder of
      tensorflow-datasets.
    split: which part: a split of the builder or of the CSV's `split` column. None: "train" where
      the data set has one, otherwise everything.
    data_dir: folder that holds the data set, or where prepared data sets are kept; None: the
      source's own default.
    manual_dir: folder with archives that were downloaded by hand.

  Returns:
    A ClipSource.

  Raises:
    UserError: unknown name, missing folder, nothing in it.
  """
  if name == "synthetic":
    from audio.datasets import synthetic

    return synthetic.open_synthetic(data_dir)
  if name.startswith("folder:"):
    from audio.datasets import folder

    return folder.open_folder(name.removeprefix("folder:"), split)
  if name in corpora.NAMES:
    from audio.datasets.corpora import corpus

    return corpus.open_corpus(corpora.get(name), split, data_dir, manual_dir)
  from audio.datasets import tfds

  if not tfds.has_builder(name):
    raise UserError(_unknown(name, ["synthetic", *corpora.NAMES, *tfds.audio_builders()]))
  return tfds.open_builder(name, split, data_dir, manual_dir)


def _unknown(name, known):
  if os.path.exists(name):
    return f"{name!r} is no data set, but there is such a path: write folder:{name}"
  near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
  guess = f" Did you mean {' or '.join(near)}?" if near else ""
  return (
    f"unknown data set {name!r}.{guess} For audio files of your own use --dataset=folder:PATH; "
    f"otherwise 'synthetic', {', '.join(corpora.NAMES)}, or another audio data set of "
    "tensorflow-datasets, such as spoken_digit or crema_d"
  )
