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
class Measured:
  """What was measured; the times are without the start of Python, TensorFlow and the graph.

  Attributes:
    num_clips: in the folder.
    whole_s: of embedding, decoding included.
    decoding_s: of decoding alone.
    encoding_s: of embedding what is decoded already.
    peak_mb: largest memory of the whole.
  """

  num_clips: int
  whole_s: float
  decoding_s: float
  encoding_s: float
  peak_mb: int

  @property
  def share(self) -> float:
    """The time of the slower part, of the time of the whole; 1: the other one costs nothing.

    Example:
      >>> Measured(1, whole_s=5.0, decoding_s=1.0, encoding_s=4.0, peak_mb=1).share
      0.8
    """
    return max(self.decoding_s, self.encoding_s) / self.whole_s


def measure(model: str, hours: float, frames: bool = False) -> Measured:
  """Embeds a folder as a whole, and in two parts.

  Args:
    model: a run folder, or a preset.
    hours: of audio.
    frames: an embedding every 50 ms.
  """
  with tempfile.TemporaryDirectory() as place:
    rate_hz = untrained_runs.sample_rate_hz(model)
    _write(f"{place}/short", 0, _START_S)
    start_s, _ = embed(f"{place}/short", f"{place}/one", model, frames)
    again_s, _ = embed(f"{place}/short", f"{place}/one", model, frames)
    num_clips = write_clips(f"{place}/clips", 3600 * hours)
    whole_s, peak_mb = embed(f"{place}/clips", f"{place}/all", model, frames)
    encoding_s, _ = embed(f"{place}/clips", f"{place}/all", model, frames)
    decoding_s = _decode(f"{place}/clips", place, rate_hz) - _decode(
      f"{place}/short", place, rate_hz
    )
  return Measured(num_clips, whole_s - start_s, decoding_s, encoding_s - again_s, peak_mb)


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
) -> tuple[float, int]:
  """Runs downstream.embed in a process of its own; returns (seconds, peak memory in MB).

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
  with tempfile.TemporaryDirectory() as folder:
    return _timed("downstream.embed", [*options, f"--output={folder}/e.npz", f"--frames={frames}"],
                  limit_s)  # fmt: skip


def _decode(clips: str, place: str, rate_hz: int) -> float:
  options = [f"--dataset={clips}", f"--store_dir={place}/decoded", f"--sample_rate_hz={rate_hz}"]
  return _timed("contrastive_audio.prepare", options)[0]


def _timed(module: str, options: Sequence[str], limit_s: float | None = None) -> tuple[float, int]:
  """Runs a command; returns (seconds, peak memory in MB)."""
  started_s = time.perf_counter()
  process = subprocess.Popen(
    [sys.executable, "-m", module, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
  )
  timer = threading.Timer(limit_s or threading.TIMEOUT_MAX, process.kill)
  timer.start()
  try:
    complaints = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
  finally:
    timer.cancel()
    process.kill()
  if status:
    lines = complaints.decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    raise UserError(f"{module} ended with code {process.returncode}: {(said or [''])[-1]}")
  return time.perf_counter() - started_s, usage.ru_maxrss // 1024
