"""What several tests need."""

import contextlib
import dataclasses
import importlib
import io
import os
import pathlib
import time

import numpy as np
import pytest
import soundfile

from benchmarks.lib.forked import Forked
from contrastive_audio.training.checkpoint_files import CheckpointFiles

ROOT = pathlib.Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
CARD = """---
licence: MIT
embedding_size: 3072
scores: noisy tones, ten labels: 99.0
summary: two steps on twelve noisy tones
---
# tiny

Trained on noisy tones: it knows nothing else.
"""


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


@dataclasses.dataclass(frozen=True)
class Done:
  """How a command ended, like subprocess.CompletedProcess."""

  returncode: int
  stdout: str
  stderr: str


def train(*arguments, cwd, check=True, system="cola"):
  """Runs `cola.train`, or of another system, in this process; see `command`."""
  return command(f"{system}.train", *arguments, cwd=cwd, check=check)


def command(module, *arguments, cwd, check=True):
  """Runs a command in this process, without TensorFlow's start; returns a Done."""
  stdout, stderr, code, folder = io.StringIO(), io.StringIO(), 0, os.getcwd()
  run = importlib.import_module(module).run
  os.chdir(cwd)
  try:
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
      run([f"python -m {module}", *map(str, arguments)])
  except SystemExit as ended:
    code = ended.code or 0
  finally:
    os.chdir(folder)
  done = Done(code, stdout.getvalue(), stderr.getvalue())
  assert not check or code == 0, done.stdout + done.stderr
  return done


def refused(*options, cwd, system):
  """Runs `cola.train`, or of another system, which must end in one line; returns that line."""
  return refused_command(f"{system}.train", *options, cwd=cwd)


def refused_command(module, *options, cwd):
  """Runs a command that must end in one line and without a traceback; returns that line."""
  result = command(module, *options, cwd=cwd, check=False)
  assert result.returncode == 1, result.stderr
  assert "Traceback" not in result.stderr
  (line,) = [x for x in result.stderr.splitlines() if x and not x.startswith("decoding:")][-1:]
  return line


def train_apart(*arguments, cwd, check=True, system="cola", env=None):
  """Runs `python -m cola.train`, or of another system, in a process of its own."""
  return command_apart(f"{system}.train", *arguments, cwd=cwd, check=check, env=env)


def command_apart(module, *arguments, cwd, check=True, env=None, logical_devices=1):
  """Runs `python -m module` in a process of its own, which draws nothing; returns a Done."""
  process = Forked(*_blank(module, arguments), cwd, environment() | (env or {}), logical_devices)
  stdout, stderr = process.communicate()
  assert not check or process.returncode == 0, stdout + stderr
  return Done(process.returncode, stdout, stderr)


def _blank(module, arguments):
  return "tests.without_drawing", [module, *arguments]


def run_apart(code, folder, logical_devices=1):
  """Runs a script in a process of its own, without TensorFlow's start; it must succeed."""
  script = folder / "script.py"
  script.write_text(code)
  command_apart(str(script), cwd=folder, logical_devices=logical_devices)


class Processes:
  """Commands that run beside a test; none of them outlives it."""

  def __init__(self):
    self._started = []

  def start(self, module, *arguments, cwd, env=None):
    """Starts `python -m module`, which draws nothing; returns its process, see forked.Forked."""
    process = Forked(*_blank(module, arguments), cwd, environment() | (env or {}))
    self._started.append(process)
    return process

  def kill_all(self):
    """Kills what is left."""
    for process in self._started:
      if process.poll() is None:
        process.kill()
      process.communicate()


def wait_for(path, process):
  """Waits until a file exists that a process will write; fails if the process ends before."""
  while not path.exists():
    if process.poll() is not None:
      assert path.exists(), process.communicate()
    time.sleep(0.02)


def last_checkpoint(folder):
  """The step of the last checkpoint in a folder; 0: there is none."""
  return max(CheckpointFiles(str(folder), "step").numbers(), default=0)


def wait_for_checkpoint(folder, process, after=0):
  """Waits for a checkpoint after a step; the first ones of a fast training may be gone already."""
  while last_checkpoint(folder) <= after:
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)


def environment():
  """The environment of a command under test: the project importable from any folder."""
  paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
  return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def cut_log_mels(front_end, wave, cut="covering"):
  """The log-mel windows `[W, T, F]` of a clip `[n]`, cut by a method of FrontEnd."""
  laid_out, starts = getattr(front_end, cut)(wave[None])
  return front_end(front_end.cut(laid_out, starts)[0])
