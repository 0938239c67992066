"""Data sets that are combined must not hold the same clips: each of those would count twice."""

import itertools
from collections.abc import Mapping

from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.errors import UserError


def require_disjoint(sources: Mapping[str, FileSource]) -> None:
  """Raises an error if two data sets hold the same file.

  Two tables with times may list different stretches of one recording.

  Args:
    sources: name, as `--dataset` has it -> the data set.

  Raises:
    UserError: the first file that two of them hold.

  Example:
    >>> from contrastive_audio.datasets.clip_table import Row, to_table
    >>> clips = FileSource("clips", ".", to_table([Row("old/1.wav"), Row("2.wav")]), "two clips")
    >>> old = FileSource("old", "old", to_table([Row("1.wav")]), "one clip")
    >>> require_disjoint({"./clips": clips, "./clips/old": old})
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --dataset=./clips and --dataset=./clips/old both hold ...
  """
  if len(sources) < 2:
    return
  places = {name: set(source.places()) for name, source in sources.items()}
  for (one, first), (other, second) in itertools.combinations(sources.items(), 2):
    both_timed = first.stretches is not None and second.stretches is not None
    if not both_timed and (shared := places[one] & places[other]):
      path, *_ = min(shared, key=repr)
      raise UserError(
        f"--dataset={one} and --dataset={other} both hold {path}: each clip of both would count "
        "twice"
      )
