"""The campaigns `starts`, `kills` and `disk`: commands at once, killed, and without space.

After each case the command is repeated undisturbed, and has to give the same result.
"""

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.lib import tiny_commands
from benchmarks.lib.fault_tally import Tally, within

AT_ONCE = 3  # commands
WRONG_STARTS = ("failed", "traceback")
WRONG_KILLS = ("other result", "refused", "traceback")
WRONG_DISK = ("other result", "refused", "traceback", "no line")
_SMALLEST_BYTES, _LARGEST_BYTES = 512, 1 << 19  # of a full disk
_MOUNTED_BYTES = 64 << 20  # more than any of the commands takes

_Result = dict[str, np.ndarray]


class _Job:
  """A command in a folder of its own, and its result."""

  def __init__(self, module: str, folder: str, clips: str):
    self.module, self.folder = module, folder
    stores, run = os.path.join(folder, "stores"), os.path.join(folder, "run")
    if module == tiny_commands.PREPARE:
      self._flags = tiny_commands.preparing_flags(clips, stores)
      self.result: Callable[[], _Result] = lambda: tiny_commands.stored(stores)
    else:
      self._flags = tiny_commands.training_flags(clips, stores, run)
      self.result = lambda: tiny_commands.weights(run)

  def start(self, file_bytes: int | None = None) -> tiny_commands.Process:
    return tiny_commands.start(self.module, self._flags, file_bytes)

  def repeat(self, expected: _Result) -> str:
    """Runs the command undisturbed; returns the outcome."""
    code, output = tiny_commands.end_of(self.start())
    if code:
      said = output.strip().splitlines()[-1:]
      return f"{'traceback' if 'Traceback' in output else 'refused'}: {' '.join(said)}"
    same = tiny_commands.same_arrays(self.result(), expected)
    return "same result" if same else "other result"


def start_at_once(folder: str, rounds: int, minutes: float) -> Tally:
  """Starts three trainings of one run at the same time: one trains, the others say so.

  Args:
    folder: where to work, empty.
    rounds: how often.
    minutes: bound of the time.
  """
  clips, tally = tiny_commands.write_clips(f"{folder}/clips"), Tally("starts", WRONG_STARTS)
  for number in within(minutes, rounds):
    job = _Job(tiny_commands.TRAIN, f"{folder}/{number}", clips)
    ends = [tiny_commands.end_of(process) for process in [job.start() for _ in range(AT_ONCE)]]
    tally.add(_of_round(ends), f"round {number}")
    shutil.rmtree(job.folder)
  return tally


def _of_round(ends: list[tuple[int, str]]) -> str:
  """Who comes last may find the run finished: then it has nothing to do, which is no failure."""
  if broken := [output for _, output in ends if "Traceback" in output]:
    return f"traceback: {broken[0].strip().splitlines()[-1]}"
  trained = [code for code, _ in ends if code == 0]
  refused = [output for code, output in ends if code and "another process is training" in output]
  if trained and len(trained) + len(refused) == len(ends):
    return "one trained, the others said so"
  return f"failed: exit codes {[code for code, _ in ends]}"


def kill(folder: str, count: int, minutes: float, seed: int, training: bool = True) -> Tally:
  """Kills preparations and trainings at random times, and repeats them.

  Args:
    folder: where to work, empty.
    count: number of kills.
    minutes: bound of the time.
    seed: of the times.
    training: whether trainings are killed too, in turns.
  """
  tally, draw = Tally("kills", WRONG_KILLS), random.Random(seed)
  modules = [tiny_commands.PREPARE, tiny_commands.TRAIN][: 1 + training]
  clips, expected, seconds = _undisturbed(folder, modules)
  for number in within(minutes, count):
    module = modules[number % len(modules)]
    job, delay_s = _Job(module, f"{folder}/{number}", clips), draw.uniform(0, seconds[module])
    process = job.start()
    time.sleep(delay_s)
    process.kill()
    process.communicate()
    tally.add(job.repeat(expected[module]), f"{module} killed after {delay_s:.3f} s")
    shutil.rmtree(job.folder)
  return tally


def _undisturbed(
  folder: str, modules: list[str]
) -> tuple[str, dict[str, _Result], dict[str, float]]:
  """Returns the clips, and for each command its result and how long it takes."""
  clips, expected, seconds = tiny_commands.write_clips(f"{folder}/clips"), {}, {}
  for module in modules:
    job, started_s = _Job(module, f"{folder}/{module}", clips), time.monotonic()
    code, output = tiny_commands.end_of(job.start())
    if code:
      raise RuntimeError(f"{module} fails undisturbed: {output}")
    expected[module], seconds[module] = job.result(), time.monotonic() - started_s
  return clips, expected, seconds


def fill_disk(folder: str, count: int, minutes: float, seed: int, training: bool = True) -> Tally:
  """Lets the disk run full under preparations and trainings, then repeats them with space.

  Where this process may mount a file system, that is a small one in memory, filled but for some
  bytes; elsewhere no file of the command may grow beyond a size.

  Args:
    folder: where to work, empty.
    count: number of full disks.
    minutes: bound of the time.
    seed: of the sizes.
    training: whether trainings are starved too, in turns.
  """
  tally, draw = Tally("disk", WRONG_DISK), random.Random(seed)
  modules = [tiny_commands.PREPARE, tiny_commands.TRAIN][: 1 + training]
  clips, expected, _ = _undisturbed(folder, modules)
  for number in within(minutes, count):
    module, place = modules[number % len(modules)], f"{folder}/{number}"
    size = int(_SMALLEST_BYTES * (_LARGEST_BYTES / _SMALLEST_BYTES) ** draw.random())
    os.mkdir(place)
    job = _Job(module, place, clips)
    with _little_space(place, size) as limit:
      code, output = tiny_commands.end_of(job.start(limit))
      if limit is None:
        os.remove(os.path.join(place, "filling"))
      outcome = _of_full_disk(code, output) or job.repeat(expected[module])
    tally.add(outcome, f"{module} with {size} bytes")
    shutil.rmtree(place)
  return tally


def _of_full_disk(code: int, output: str) -> str | None:
  """Returns what was wrong while the disk was full; None: nothing, or the space sufficed."""
  if "Traceback" in output:
    return f"traceback: {output.strip().splitlines()[-1]}"
  if code < 0 or (code and "error: " not in output):
    return f"no line: exit code {code}"
  return None


@contextlib.contextmanager
def _little_space(place: str, size: int) -> Iterator[int | None]:
  """Yields a limit for each file, or None if the folder itself has become a full disk."""
  options = f"size={_MOUNTED_BYTES}"
  mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
  if os.geteuid() == 0 and not subprocess.run(mount, capture_output=True).returncode:
    try:
      free = os.statvfs(place)
      with open(os.path.join(place, "filling"), "wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - size)))
      yield None
    finally:
      subprocess.run(["umount", "--lazy", place], check=True, capture_output=True)
  else:
    yield size
