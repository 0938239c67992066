"""Checkpoints under damage: the newest whole one wins, and nothing wrong is ever restored."""

import functools
import os

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.training.checkpoint_files import CheckpointFiles
from contrastive_audio.training.verified_checkpoints import VerifiedCheckpoints
from tests import failing_disk

VALUES = {10: np.arange(6.0), 12: -np.arange(6.0)}


def checkpoints_of(folder):
  """A variable of the value of step 0, and its checkpoints in a folder."""
  variable = tf.Variable(np.full(6, 7.0))
  return variable, VerifiedCheckpoints(tf.train.Checkpoint(weight=variable), folder, "step")


def save(folder, steps=(10, 12)):
  variable, checkpoints = checkpoints_of(folder)
  checkpoints.restore()
  for step in steps:
    variable.assign(VALUES[step])
    checkpoints.save(step, {"window": {"loss": [step / 7]}})


def restore(folder):
  """Restores in another process, as it were; returns the step, whose values it has compared."""
  variable, checkpoints = checkpoints_of(folder)
  restored = checkpoints.restore()
  if restored is None:
    return 0
  np.testing.assert_array_equal(variable.numpy(), VALUES[restored.number])
  assert restored.notes == {"window": {"loss": [restored.number / 7]}}
  return restored.number


@pytest.fixture
def saved(tmp_path):
  """A folder with the checkpoints 10 and 12."""
  save(tmp_path)
  return tmp_path


def flips(path):
  """Yields once for each byte of a file, which is another one then."""
  whole = path.read_bytes()
  for place in range(len(whole)):
    changed = bytearray(whole)
    changed[place] ^= 1 << place % 8
    path.write_bytes(changed)
    yield
  path.write_bytes(whole)


DATA = "data-00000-of-00001"


@pytest.mark.parametrize(("damaged", "left"), [(12, 10), (10, 12)])
@pytest.mark.parametrize("ending", ["index", DATA, "seal"])
def test_every_flipped_byte_is_found_and_the_other_checkpoint_restored(
  saved, damaged, left, ending, capsys
):
  files, path = CheckpointFiles(saved, "step"), saved / f"step-{damaged}.{ending}"
  num_flips = sum(
    files.problem(damaged) == f"step-{damaged}.{ending} is damaged" for _ in flips(path)
  )
  assert num_flips == path.stat().st_size > 50
  next(flips(path))
  assert restore(saved) == left
  line = f"step-12 (step-12.{ending} is damaged): going on from step 10\n"
  assert capsys.readouterr().out.endswith(line if damaged == 12 else "")


def test_the_pointer_matters_to_nobody_but_tensorflow(saved):
  assert tf.train.latest_checkpoint(saved) == str(saved / "step-12")
  for _ in flips(saved / "checkpoint"):
    pass
  for content in (bytes(200), b"", b"\xff\x01"):
    (saved / "checkpoint").write_bytes(content)
    assert restore(saved) == 12
  os.remove(saved / "checkpoint")
  assert restore(saved) == 12
  assert len(list(saved.glob("step-1?.*"))) == 6


DAMAGES = {
  "cut": lambda path: os.truncate(path, os.path.getsize(path) // 2),
  "emptied": lambda path: os.truncate(path, 0),
  "removed": os.remove,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ending", ["index", DATA, "seal"])
def test_a_cut_or_lost_file_is_one_line_and_if_all_are_an_error_not_a_new_beginning(
  saved, ending, damage, capsys
):
  DAMAGES[damage](saved / f"step-12.{ending}")
  assert restore(saved) == 10
  assert len(capsys.readouterr().out.splitlines()) == 1
  DAMAGES[damage](saved / f"step-10.{ending}")
  before = {path.name: path.read_bytes() for path in saved.iterdir()}
  if (ending, damage) == ("seal", "removed"):  # as version 0.1 wrote them
    return
  with pytest.raises(UserError, match=r"^cannot read any checkpoint in [^\n]*in another folder$"):
    restore(saved)
  assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def without_seals(folder):
  for path in folder.glob("*.seal"):
    os.remove(path)


def test_checkpoints_without_seal_are_restored_and_their_damage_is_found_too(saved):
  """Version 0.1 wrote no seals; TensorFlow's own checksums then have to do."""
  without_seals(saved)
  variable, checkpoints = checkpoints_of(saved)
  assert checkpoints.restore() == (12, {})
  for ending in ("index", DATA):
    for number, _ in enumerate(flips(saved / f"step-12.{ending}")):
      if number % 7:
        continue
      step, _ = checkpoints.restore()
      np.testing.assert_array_equal(variable.numpy(), VALUES[step])


def test_the_last_two_whole_checkpoints_are_kept(saved):
  VALUES.update({15: np.ones(6), 11: np.zeros(6)})
  next(flips(saved / "step-12.index"))
  variable, checkpoints = checkpoints_of(saved)
  checkpoints.restore()
  for step in (11, 15):
    variable.assign(VALUES[step])
    checkpoints.save(step, {"window": {"loss": [step / 7]}})
    kept = sorted(path.stem for path in saved.glob("*.index"))
    assert kept == (["step-10", "step-11", "step-12"] if step == 11 else ["step-11", "step-15"])
  assert restore(saved) == 15


def test_a_kill_or_a_full_disk_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
  folder = tmp_path / "run"

  def go_on():
    assert restore(folder) in (10, 12)
    save(folder, [12])
    return restore(folder), sorted(path.name for path in folder.iterdir())

  endings = ("index", DATA, "seal")
  names = sorted(f"step-{step}.{ending}" for step in (10, 12) for ending in endings)

  def check(result):
    assert result == (12, ["checkpoint", *names])

  prepare = functools.partial(save, folder, [10])
  assert failing_disk.check_that_it_goes_on(folder, go_on, check, prepare) > 12


def test_a_first_checkpoint_that_never_was_complete_is_no_damage(tmp_path):
  save(tmp_path, [12])
  os.remove(tmp_path / "step-12.index")
  os.remove(tmp_path / "checkpoint")
  assert restore(tmp_path) == 0
