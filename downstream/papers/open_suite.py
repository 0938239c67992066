"""The open suite: what pre-trains on a pool, and what shows how a training goes on."""

import os
from typing import NamedTuple

from contrastive_audio.errors import UserError
from downstream.cards import pool


class PretrainingData(NamedTuple):
  """What pre-trains, and what its curves are measured on.

  Attributes:
    dataset: as `--dataset` takes it; None: what the suite has.
    monitor: labelled clips, as `--monitor` takes it; None: no curves.

  Example:
    >>> PretrainingData("audioset").monitor is None
    True
  """

  dataset: str | None = None
  monitor: str | None = None


def pretraining_data(suite: str, dataset: str | None, audio_root: str | None) -> PretrainingData:
  """Returns what pre-trains; of a pool, the collections that are no task.

  Args:
    suite: one of SUITES.
    dataset: as the user has named it: in the open suite, a pool or its pool.csv, or another.
    audio_root: folder that holds the pool, if the user has named none.

  Raises:
    UserError: it is no pool, or none was named.

  Example:
    >>> pretraining_data("open", None, None)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --suite=open: pass --audio_root, the folder that holds ...
  """
  if suite != "open":
    return PretrainingData(dataset)
  if not audio_root:
    raise UserError(
      "--suite=open: pass --audio_root, the folder that holds esc10, philharmonia and pool"
    )
  table = os.path.join(audio_root, "pool", pool.TABLE)
  named = (dataset or table).removeprefix("folder:")
  if os.path.exists(inside := os.path.join(os.path.expanduser(named), pool.TABLE)):
    named = inside  # as it is, the folder would train on clips that judge
  if os.path.basename(named) == pool.TABLE:
    dataset = f"folder:{pool.cached_list(named)}"
  return PretrainingData(dataset, f"folder:{pool.cached_list(table, pool.CURVES)}")
