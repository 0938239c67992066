"""What several tests need."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

ROOT = pathlib.Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"


def assert_close(actual, desired, atol=0.0, rtol=0.0):
  """Like numpy's, but refuses empty arrays, shapes that only broadcast, and NaN."""
  actual, desired = np.asarray(actual), np.asarray(desired)
  assert actual.size > 0
  assert actual.shape == desired.shape
  np.testing.assert_allclose(actual, desired, atol=atol, rtol=rtol, equal_nan=False)


def shared_data(*parts):
  """Returns a path in the shared real audio, or skips the test where it is absent."""
  folder = pathlib.Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
  path = folder.joinpath(*parts)
  if not path.exists():
    pytest.skip(f"real audio is absent: {os.path.join(*parts)} (set SHARED_DATA)")
  return path.resolve()


def tone(hz, seconds, rate_hz=16_000, level=0.3):
  """A sine, float32."""
  return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype("f")


def write_clips(folder, classes=("high", "low"), clips=6, seconds=1.5, rate_hz=16_000):
  """Writes a folder per class with noisy tones, each class in an octave of its own."""
  rng = np.random.default_rng(0)
  for number, name in enumerate(classes):
    (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(clips):
      wave = tone(300 * 2**number * rng.uniform(1, 1.5), seconds, rate_hz)
      wave += rng.normal(0, 0.01, len(wave)).astype("f")
      soundfile.write(folder / name / f"{index}.wav", wave, rate_hz)
  return folder


def train(*arguments, cwd, check=True, system="cola", **kwargs):
  """Runs `python -m cola.train`, or of another system, in a process of its own."""
  return command(f"{system}.train", *arguments, cwd=cwd, check=check, **kwargs)


def command(module, *arguments, cwd, check=True, env=None, **kwargs):
  """Runs `python -m module` and returns the CompletedProcess, its output as text."""
  result = subprocess.run(
    [sys.executable, "-m", module, *map(str, arguments)],
    cwd=cwd,
    env=environment() | (env or {}),
    capture_output=True,
    text=True,
    **kwargs,
  )
  assert not check or result.returncode == 0, result.stdout + result.stderr
  return result


def environment():
  """The environment of a command under test: the project importable from any folder."""
  paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
  return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def cut_log_mels(front_end, wave, cut="covering"):
  """The log-mel windows `[W, T, F]` of a clip `[n]`, cut by a method of FrontEnd."""
  laid_out, starts = getattr(front_end, cut)(wave[None])
  return front_end(front_end.cut(laid_out, starts)[0])
