"""The campaign `fuzz`: damaged sound files of all formats are read, or refused by our own error."""

import functools
import os
import random
import resource
import tempfile
import time

from benchmarks.lib.fault_tally import Tally, within
from benchmarks.lib.fault_worker import Worker
from benchmarks.lib.own_process import peak_memory_mb

RATE_HZ = 16_000
MAX_PROCESSOR_S = 10.0
_SPACE_BYTES = 16 << 30  # of addresses: what wants more gets a MemoryError, not the machine
WRONG = ("foreign exception", "crash", "hang", "over 10 s", "over memory")


def fuzz(count: int, minutes: float, seed: int, memory_mb: int) -> Tally:
  """Reads damaged files in a child process.

  Args:
    count: number of files.
    minutes: bound of the time.
    seed: of the damages.
    memory_mb: what reading one of them may take.

  Example:
    >>> fuzz(0, minutes=1.0, seed=0, memory_mb=1000).num_tried
    0
  """
  tally, worker = Tally("fuzz", WRONG), Worker(read_damaged, forked=True)
  try:
    for number in within(minutes, count):
      outcome = worker.ask((seed, number, memory_mb))
      tally.add(outcome, f"--seed={seed}, file {number}, {name_of(number)}")
      if outcome.startswith("over memory"):
        worker.close()  # a process remembers the most that it ever took
  finally:
    worker.close()
  return tally


def read_damaged(request: tuple[int, int, int]) -> str:
  """Reads one damaged file, from memory or by its path; returns the outcome.

  Args:
    request: seed, number of the file, bound of the memory in MB.

  Example:
    >>> from benchmarks.lib import own_process
    >>> own_process.call(read_damaged, (0, 0, 1000)) in ("read", "refused")
    True
  """
  from contrastive_audio.errors import UnusableAudio
  from contrastive_audio.sound import reading

  resource.setrlimit(resource.RLIMIT_AS, (_SPACE_BYTES, _SPACE_BYTES))
  seed, number, memory_mb = request
  content, before_mb, started_s = damaged(seed, number), peak_memory_mb(), time.process_time()
  outcome = "read"
  with tempfile.TemporaryDirectory() as folder:
    source: str | memoryview = memoryview(content)
    if number // len(undamaged()) % 2:
      source = os.path.join(folder, f"clip.{name_of(number).rpartition('.')[2]}")
      with open(source, "wb") as file:
        file.write(content)
    try:
      reading.read(source, RATE_HZ)
    except UnusableAudio:
      outcome = "refused"
    except MemoryError:
      outcome = "over memory"
    except Exception as error:
      outcome = f"foreign exception: {type(error).__name__}: {error}"
  if peak_memory_mb() - before_mb > memory_mb:
    outcome = f"over memory: {peak_memory_mb() - before_mb:.0f} MB more"
  if (spent_s := time.process_time() - started_s) > MAX_PROCESSOR_S:
    outcome = f"over 10 s: {spent_s:.1f} s of processor time"
  return outcome


def damaged(seed: int, number: int) -> bytes:
  """Returns the content of a damaged file.

  Args:
    seed: of the campaign.
    number: of the file.

  Example:
    >>> damaged(0, 7) == damaged(0, 7) != damaged(1, 7)
    True
  """
  from benchmarks.lib.mutations import mutate

  return mutate(undamaged()[name_of(number)], random.Random(f"{seed} {number}"))


def name_of(number: int) -> str:
  """Returns the name of the format of a file.

  Example:
    >>> name_of(0) in undamaged()
    True
  """
  names = sorted(undamaged())
  return names[number % len(names)]


@functools.cache
def undamaged() -> dict[str, bytes]:
  """Returns a file of each format.

  Example:
    >>> {"wav", "flac", "ogg", "mp3", "m4a", "3gp", "flv", "caf", "aiff"} <= set(undamaged())
    True
  """
  from benchmarks.lib.mutations import make_files

  return make_files()
