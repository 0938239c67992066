"""The campaigns `store` and `checkpoints`: files of ours are damaged, then used again.

Each case starts from an undamaged copy, in a child process that may crash.
"""

import os
import pickle
import random
import shutil
from collections.abc import Callable

import numpy as np

from benchmarks.lib import tiny_commands
from benchmarks.lib.damage import damages
from benchmarks.lib.fault_tally import Tally, within
from benchmarks.lib.fault_worker import Worker

WRONG_STORE = ("silent", "traceback", "crash", "hang")
WRONG_CHECKPOINTS = ("silent restart", *WRONG_STORE)
_IGNORED = (".lock", ".log", ".csv")  # what is only for people, or empty


def damage_store(folder: str, count: int, minutes: float, seed: int) -> Tally:
  """Damages a store, prepares it again, and compares all clips.

  Args:
    folder: where to work, empty.
    count: number of damages.
    minutes: bound of the time.
    seed: of the damages.
  """
  clips, whole = tiny_commands.write_clips(f"{folder}/clips"), f"{folder}/whole"
  code, output = tiny_commands.run_here(
    tiny_commands.PREPARE, tiny_commands.preparing_flags(clips, whole)
  )
  if code:
    raise RuntimeError(f"no store to damage: {output}")
  with open(f"{folder}/expected", "wb") as file:
    pickle.dump(tiny_commands.stored(whole), file)
  tally = Tally("store", WRONG_STORE)
  return _damage(tally, whole, f"{folder}/damaged", use_store, count, minutes, seed)


def damage_checkpoints(folder: str, count: int, minutes: float, seed: int) -> Tally:
  """Damages the checkpoints of a finished run, and gives the same command again.

  Args:
    folder: where to work, empty.
    count: number of damages.
    minutes: bound of the time.
    seed: of the damages.
  """
  clips, whole = tiny_commands.write_clips(f"{folder}/clips"), f"{folder}/whole"
  flags = tiny_commands.training_flags(clips, f"{folder}/stores", whole)
  code, output = tiny_commands.end_of(tiny_commands.start(tiny_commands.TRAIN, flags))
  if code:
    raise RuntimeError(f"no run to damage: {output}")
  tally = Tally("checkpoints", WRONG_CHECKPOINTS)
  return _damage(tally, whole, f"{folder}/damaged", use_run, count, minutes, seed, "checkpoints")


def _damage(
  tally: Tally,
  whole: str,
  copy: str,
  use: Callable[[str], str],
  count: int,
  minutes: float,
  seed: int,
  below: str = "",
) -> Tally:
  """Damages a copy of a folder, or of a folder below it, again and again, and uses it."""
  worker, draw = Worker(use, limit_s=120, forked=True), random.Random(seed)
  shutil.copytree(whole, copy)
  case = damages(os.path.join(copy, below), draw, _IGNORED)
  try:
    for _ in within(minutes, count):
      shutil.rmtree(copy)
      shutil.copytree(whole, copy)
      damage = next(case)
      damage.do()
      tally.add(worker.ask(copy), damage.name)
  finally:
    worker.close()
  return tally


def use_store(stores: str) -> str:
  """Prepares a damaged store again, and reads it; returns the outcome.

  Args:
    stores: value of --store_dir; the clips and what is expected of them lie beside it.
  """
  from contrastive_audio.errors import UserError

  folder = os.path.dirname(stores)
  with open(f"{folder}/expected", "rb") as file:
    expected = pickle.load(file)
  try:
    flags = tiny_commands.preparing_flags(f"{folder}/clips", stores)
    code, output = tiny_commands.run_here(tiny_commands.PREPARE, flags)
    if code:
      return "refused"
    found = tiny_commands.stored(stores)
  except UserError:
    return "refused"
  except Exception as error:
    return f"traceback: {type(error).__name__}: {error}"
  if not tiny_commands.same_arrays(expected, found):
    return "silent: other clips than before"
  return "rebuilt" if "damaged" in output or "again" in output else "right all the same"


def use_run(run: str) -> str:
  """Trains on in a run with damaged checkpoints; returns the outcome.

  Args:
    run: a copy of a finished run; the clips, and the undamaged run, lie beside it.
  """
  from contrastive_audio.training.checkpoints import Checkpoints

  folder, begun, restore = os.path.dirname(run), [], Checkpoints.restore
  Checkpoints.restore = lambda self: begun.append(restore(self)) or begun[-1]
  try:
    flags = tiny_commands.training_flags(f"{folder}/clips", f"{folder}/stores", run)
    code, _ = tiny_commands.run_here(tiny_commands.TRAIN, flags)
  except Exception as error:
    return f"traceback: {type(error).__name__}: {error}"
  finally:
    Checkpoints.restore = restore
  if code:
    return "refused"
  if begun and begun[-1] == 0:
    return "silent restart: at step 0"
  if not _same_run(run, f"{folder}/whole"):
    return "silent: other weights than before"
  return "newest whole" if not begun or begun[-1] == tiny_commands.STEPS else "previous"


def _same_run(one: str, other: str) -> bool:
  pairs = [tiny_commands.weights(folder) for folder in (one, other)]
  return pairs[0].keys() == pairs[1].keys() and all(
    np.allclose(pairs[0][name], pairs[1][name], atol=1e-5) for name in pairs[0]
  )
