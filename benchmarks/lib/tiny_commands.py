"""The tiny commands that campaigns of faults kill, starve and start at once."""

import contextlib
import io
import os
import resource
import subprocess
import sys
import zipfile

import numpy as np
import soundfile

from benchmarks.lib.forked import Forked

RATE_HZ, CLIPS, SECONDS = 16_000, 12, 1.0
STEPS, CHECKPOINT_EVERY = 6, 2
TRAIN, PREPARE = "cola.train", "contrastive_audio.prepare"
Process = Forked | subprocess.Popen


def write_clips(folder: str, count: int = CLIPS) -> str:
  """Writes clips of noise in two classes; returns the folder.

  Args:
    folder: is made.
    count: number of clips.

  Example:
    >>> sorted(os.listdir(write_clips("clips")))
    ['high', 'low']
  """
  for number in range(count):
    parent = os.path.join(folder, ("low", "high")[number % 2])
    os.makedirs(parent, exist_ok=True)
    noise = np.random.default_rng(number).normal(0, 0.1, int(SECONDS * RATE_HZ))
    soundfile.write(os.path.join(parent, f"{number}.wav"), noise, RATE_HZ)
  return folder


def training_flags(clips: str, stores: str, run: str) -> list[str]:
  """Returns the flags of a training of a few seconds.

  Args:
    clips: the data set.
    stores: where it is decoded.
    run: the run folder.

  Example:
    >>> training_flags("clips", "stores", "run")[:3]
    ['--dataset=clips', '--store_dir=stores', '--run=run']
  """
  return [
    *(f"--dataset={clips}", f"--store_dir={stores}", f"--run={run}", "--recipe=small"),
    *(f"--steps={STEPS}", f"--checkpoint_every={CHECKPOINT_EVERY}", "--batch_size=4"),
    *("--encoder=frame_cnn", "--augment=none", "--monitor_every=0", "--deterministic"),
    "--strategy=none",
  ]


def preparing_flags(clips: str, stores: str) -> list[str]:
  """Returns the flags of a preparation.

  Args:
    clips: the data set.
    stores: where it is decoded.

  Example:
    >>> preparing_flags("clips", "stores")
    ['--dataset=clips', '--store_dir=stores', '--sample_rate_hz=16000']
  """
  return [f"--dataset={clips}", f"--store_dir={stores}", f"--sample_rate_hz={RATE_HZ}"]


def start(module: str, flags: list[str], file_bytes: int | None = None) -> Process:
  """Starts a command in a process of its own.

  Args:
    module: of the command.
    flags: of the command.
    file_bytes: no file may grow beyond so many.

  Example:
    >>> end_of(start("platform", []))[0]
    0
  """
  if file_bytes is None:
    return Forked(module, flags)
  limits = (file_bytes, resource.RLIM_INFINITY)
  return subprocess.Popen(  # no fork: its output is a file, and would be limited, too
    [sys.executable, "-m", module, *flags],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    errors="replace",
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
  )


def end_of(process: Process) -> tuple[int, str]:
  """Waits for a command; returns its exit code and what it printed, complaints last.

  Args:
    process: from `start`.

  Example:
    >>> end_of(start("no_such_module", []))[0]
    1
  """
  output = "".join(process.communicate())
  return process.returncode, output


def run_here(module: str, flags: list[str]) -> tuple[int, str]:
  """Runs a command in this process; returns its exit code and what it printed.

  Args:
    module: of the command.
    flags: of the command.

  Raises:
    Exception: a fault of the program.

  Example:
    >>> run_here(PREPARE, ["--worker=7"])[0]
    1
  """
  import importlib

  output, code = io.StringIO(), 0
  run = importlib.import_module(module).run
  try:
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
      run([module, *flags])
  except SystemExit as ended:
    code = int(ended.code or 0)
  return code, output.getvalue()


def weights(run: str) -> dict[str, np.ndarray]:
  """Returns the arrays of a run's encoder by name, read without TensorFlow.

  Args:
    run: the folder of a finished run.
  """
  import h5py

  arrays: dict[str, np.ndarray] = {}

  def keep(name: str, node: object) -> None:
    if isinstance(node, h5py.Dataset):
      arrays[name] = node[()]

  with zipfile.ZipFile(os.path.join(run, "encoder.keras")) as file:
    content = io.BytesIO(file.read("model.weights.h5"))
  with h5py.File(content) as opened:
    opened.visititems(keep)
  return arrays


def same_arrays(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
  """Whether two dictionaries of arrays are equal, bit for bit.

  Example:
    >>> same_arrays({"a": np.zeros(2)}, {"a": np.zeros(2)}), same_arrays({"a": np.zeros(2)}, {})
    (True, False)
  """
  return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def stored(stores: str) -> dict[str, np.ndarray]:
  """Returns key -> wave of the only store in a folder.

  Args:
    stores: value of --store_dir.
  """
  from contrastive_audio.store.store import Store

  (folder,) = [entry.path for entry in os.scandir(stores) if entry.is_dir()]
  store = Store(folder)
  return dict(zip(store.keys(), map(store.wave, range(store.num_clips))))
