"""A training that is killed and stopped ends with the same weights as one that is not."""

import signal

import numpy as np
import pytest

from contrastive_audio.runs import Run
from tests.support import (
  assert_close,
  last_checkpoint,
  train,
  wait_for_checkpoint,
  write_clips,
)

# Small enough to be trained four times, bit by bit the same, and long enough for a signal after the
# first checkpoints to come before the last step, however busy the machine is.
CUT = ["--recipe=small", "--batch_size=4", "--steps=40", "--checkpoint_every=2", "--deterministic"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["cola", "mixback"])
def system(request):
  """Which system is trained."""
  return request.param


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twelve clips."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "my clips")
  return folder


def arguments(system, run):
  return [f"--run={system}-{run}", "--dataset=my clips", "--store_dir=stores", *CUT]


def test_killed_and_stopped_and_started_again_it_ends_with_exactly_the_same_weights(
  place, system, processes
):
  train(*arguments(system, "uncut"), cwd=place, system=system)
  checkpoints = place / f"{system}-cut" / "checkpoints"
  options = arguments(system, "cut")
  killed = processes.start(f"{system}.train", *options, cwd=place)
  wait_for_checkpoint(checkpoints, killed)
  killed.send_signal(signal.SIGKILL)
  killed.communicate()
  step = last_checkpoint(checkpoints)
  assert killed.returncode == -signal.SIGKILL
  assert not (place / f"{system}-cut" / "saved_model").exists()
  stopped = processes.start(f"{system}.train", *options, cwd=place)
  wait_for_checkpoint(checkpoints, stopped, after=step)
  stopped.send_signal(signal.SIGTERM)
  output, errors = stopped.communicate()
  assert stopped.returncode == 128 + signal.SIGTERM, errors  # so that `train && export` stops
  assert "Traceback" not in errors
  assert "stopping   after this step; a second Ctrl-C or SIGTERM ends at once\n" in output
  if "stopped    after step" in output:  # unless the signal came during the last step
    assert "the same command resumes from there" in output
  train(*options, cwd=place, system=system)
  runs = [Run.open(str(place / f"{system}-{name}")) for name in ("cut", "uncut")]
  ours, theirs = (run.encoder() for run in runs)
  for one, other in zip(ours.weights, theirs.weights, strict=True):
    np.testing.assert_array_equal(one.numpy(), other.numpy())
  assert_close(*(run.metrics("knn_accuracy") for run in runs))
