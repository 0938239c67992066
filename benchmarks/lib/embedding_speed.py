"""How long downstream.embed takes for a folder of clips, and its two parts, each in a process."""

import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

import numpy as np
import soundfile

from benchmarks.lib import untrained_runs
from contrastive_audio.errors import UserError

RATE_HZ = 22_050
_LONGEST_S = 600.0
_START_S = 1.0  # of the clip whose embedding is nothing but the start of the command


@dataclasses.dataclass(frozen=True)
class Cost:
  """What a command took.

  Attributes:
    clock_s: time on the clock.
    processor_s: of all processors together, on which other programs have no influence.
    peak_mb: its largest memory.

  Example:
    >>> Cost(5.0, 8.0, 900).without(Cost(1.0, 2.0, 500))
    Cost(clock_s=4.0, processor_s=6.0, peak_mb=900)
  """

  clock_s: float
  processor_s: float
  peak_mb: int

  def without(self, start: "Cost") -> "Cost":
    """Returns the cost without that of the start of the command."""
    times_s = self.clock_s - start.clock_s, self.processor_s - start.processor_s
    return Cost(*times_s, self.peak_mb)


@dataclasses.dataclass(frozen=True)
class Measured:
  """What was measured, without the start of Python, TensorFlow and the graph.

  Attributes:
    num_clips: in the folder.
    whole: embedding, decoding included.
    decoding: decoding alone.
    embedding: embedding what is decoded already.
  """

  num_clips: int
  whole: Cost
  decoding: Cost
  embedding: Cost

  @property
  def share(self) -> float:
    """The time of the slower part, of the time of the whole; 1: the other one costs nothing.

    Example:
      >>> decoding, embedding, whole = Cost(1.0, 2.0, 9), Cost(4.0, 7.0, 9), Cost(5.0, 9.0, 9)
      >>> Measured(1, whole, decoding, embedding).share
      0.8
    """
    return max(self.decoding.clock_s, self.embedding.clock_s) / self.whole.clock_s

  @property
  def highest_share(self) -> float:
    """The share if both parts overlap, and the processors are never idle; at most 1.

    A part that keeps all processors busy cannot run beside the other one, but before or after it.

    Example:
      >>> decoding, embedding, whole = Cost(1.0, 2.0, 9), Cost(4.0, 7.0, 9), Cost(5.0, 9.0, 9)
      >>> f"{Measured(1, whole, decoding, embedding).highest_share:.2f}"
      '0.78'
    """
    parts = self.decoding.processor_s, self.embedding.processor_s
    return min(1.0, max(parts) / sum(parts))


def measure(model: str, hours: float, frames: bool = False) -> Measured:
  """Embeds a folder as a whole, and in two parts.

  Args:
    model: a run folder, or a preset.
    hours: of audio.
    frames: an embedding every 50 ms.
  """
  rate_hz = untrained_runs.sample_rate_hz(model)
  with tempfile.TemporaryDirectory() as place:
    short, clips = f"{place}/short", f"{place}/clips"
    _write(short, 0, _START_S)
    start, again = (embed(short, f"{place}/one", model, frames) for _ in range(2))
    num_clips = write_clips(clips, 3600 * hours)
    whole, embedding = (embed(clips, f"{place}/all", model, frames) for _ in range(2))
    decoding = _decode(clips, place, rate_hz).without(_decode(short, place, rate_hz))
  return Measured(num_clips, whole.without(start), decoding, embedding.without(again))


def write_clips(folder: str, total_s: float) -> int:
  """Writes clips of mixed lengths, `total_s` seconds in total; returns how many.

  Args:
    folder: is made.
    total_s: of all clips together; the first is ten minutes long, if there are so many.

  Example:
    >>> write_clips("clips", 60.0), len(os.listdir("clips"))
    (1, 1)
  """
  rng = np.random.default_rng(0)
  lengths_s = [min(_LONGEST_S, total_s)]
  while (left_s := total_s - sum(lengths_s)) > 0.5:
    lengths_s.append(min(left_s, float(np.exp(rng.uniform(np.log(0.5), np.log(120))))))
  for number, length_s in enumerate(lengths_s):
    _write(folder, number, length_s)
  return len(lengths_s)


def _write(folder: str, number: int, length_s: float) -> None:
  os.makedirs(folder, exist_ok=True)
  wave = np.random.default_rng(number).normal(0, 0.1, int(length_s * RATE_HZ)).astype("f")
  soundfile.write(os.path.join(folder, f"{number:05d}.wav"), wave, RATE_HZ)


def embed(
  clips: str, stores: str, model: str, frames: bool = False, limit_s: float | None = None
) -> Cost:
  """Runs downstream.embed in a process of its own; returns what it took.

  Args:
    clips: a folder.
    stores: where they are decoded; if they have been, that is not done again.
    model: as of downstream.embed.
    frames: an embedding every 50 ms.
    limit_s: then it is killed; None: never.

  Raises:
    UserError: it fails.
  """
  options = [f"--model={model}", f"--input={clips}", f"--store_dir={stores}"]
  options += [f"--frames={frames}"]
  with tempfile.TemporaryDirectory() as folder:
    return _timed("downstream.embed", [*options, f"--output={folder}/e.npz"], limit_s)


def _decode(clips: str, place: str, rate_hz: int) -> Cost:
  options = [f"--dataset={clips}", f"--store_dir={place}/decoded", f"--sample_rate_hz={rate_hz}"]
  return _timed("contrastive_audio.prepare", options)


def _timed(module: str, options: Sequence[str], limit_s: float | None = None) -> Cost:
  """Runs a command; returns what it took."""
  started_s = time.perf_counter()
  process = subprocess.Popen(
    [sys.executable, "-m", module, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
  )
  timer = threading.Timer(limit_s or threading.TIMEOUT_MAX, process.kill)
  timer.start()
  try:
    assert process.stderr
    with process.stderr as stream:
      complaints = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
  finally:
    timer.cancel()
    process.kill()
  if status:
    lines = complaints.decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    raise UserError(f"{module} ended with code {process.returncode}: {(said or [''])[-1]}")
  clock_s, processor_s = time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime
  return Cost(clock_s, processor_s, usage.ru_maxrss // 1024)
