"""Checkpoints that are verified before they are used: the newest whole one of two wins."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf
import tqdm

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.training.checkpoint_files import CheckpointFiles

_NUM_KEPT = 2


class Restored(NamedTuple):
  """A checkpoint that has been restored.

  Attributes:
    number: as it was saved.
    notes: what was saved with it.

  Example:
    >>> Restored(5, {}).number
    5
  """

  number: int
  notes: dict[str, Any]


class VerifiedCheckpoints:
  """Saves and restores variables; keeps the last two whole checkpoints.

  Example:
    >>> weight = tf.Variable(1.0)
    >>> checkpoints = VerifiedCheckpoints(tf.train.Checkpoint(weight=weight), "saved", "step")
    >>> checkpoints.restore() is None
    True
    >>> checkpoints.save(5, notes={"loss": 0.5})
    >>> checkpoints.restore()
    Restored(number=5, notes={'loss': 0.5})
  """

  def __init__(self, checkpoint: tf.train.Checkpoint, folder: str | os.PathLike, name: str):
    """Finds the checkpoints of a folder.

    Args:
      checkpoint: of all variables.
      folder: created by the first `save`.
      name: of the checkpoints, before their number.
    """
    self._checkpoint, self._files = checkpoint, CheckpointFiles(folder, name)
    _ = checkpoint.save_counter  # which it makes, and saves, as soon as it is asked for
    self._whole: list[int] = []  # restored or saved in this process

  def restore(self) -> Restored | None:
    """Restores the newest whole checkpoint; says which ones are damaged.

    A checkpoint without checksums, of version 0.1, is restored only if there is no other.

    Returns:
      Its number and notes; None if none has ever been complete.

    Raises:
      UserError: no checkpoint is whole.
    """
    files, problems = self._files, dict[int, str]()
    order = sorted(files.numbers(), key=lambda each: (files.is_sealed(each), each), reverse=True)
    for number in order:
      if problem := files.problem(number) or self._read(number):
        problems[number] = problem
        continue
      for newer in (each for each in order if each > number and each not in problems):
        problems[newer] = files.problem(newer) or "it has no checksums"
      self._report({each: text for each, text in problems.items() if each > number}, number)
      self._whole = [number]
      return Restored(number, files.notes(number))
    if not files.ever_had_one():
      return None
    raise UserError(self._all_damaged(problems))

  def save(self, number: int, notes: Mapping[str, Any] | None = None) -> None:
    """Saves all variables, unless they are saved under this number already.

    Args:
      number: above all earlier ones.
      notes: in JSON types, to be restored with them.

    Raises:
      OSError: the disk refuses; the checkpoints before are kept.
      tf.errors.OpError: the same, as TensorFlow says it.
    """
    if number in self._whole:
      self._files.clear_up()
      return
    unfinished = self._files.unfinished_prefix(number)
    try:
      self._checkpoint.write(unfinished)
      self._files.publish(unfinished, number, notes or {})
    finally:
      self._files.clear_up()
    self._whole = [*self._whole, number][-_NUM_KEPT:]
    self._files.keep(self._whole)

  def _read(self, number: int) -> str | None:
    """Restores a checkpoint; returns what is wrong with it, or None."""
    try:
      self._checkpoint.restore(self._files.prefix(number)).assert_consumed()
    except Exception as error:  # damage without checksums shows itself in any way
      return reason_of(error)
    return None

  def _report(self, problems: Mapping[int, str], number: int) -> None:
    if problems:
      name = self._files.name
      tqdm.tqdm.write(f"damaged    {self._list(problems)}: going on from {name} {number}")

  def _all_damaged(self, problems: Mapping[int, str]) -> str:
    found = self._list(problems) or "there is none any more"
    return (
      f"cannot read any checkpoint in {self._files.folder}: {found}. Nothing was changed: bring "
      "the files back from a copy, or train again in another folder"
    )

  def _list(self, problems: Mapping[int, str]) -> str:
    return ", ".join(
      f"{self._files.prefix(number)} ({problem})" for number, problem in problems.items()
    )
