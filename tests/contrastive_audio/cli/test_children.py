"""A command and its child: a signal to the one stops the other, which can save before it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from contrastive_audio.cli.children import STOP_SIGNALS, interrupted_by_signals
from contrastive_audio.cli.main import run_main
from tests.support import environment, wait_for

# Says that it runs, and on SIGTERM that it saves; like a training, a second signal interrupts it.
# Without any signal it ends when the test does.
CHILD = """
import pathlib, signal, time
from contrastive_audio.cli.main import run_main

def main(_):
  signals = []
  signal.signal(signal.SIGTERM, lambda *_: signals.append("SIGTERM"))
  signal.signal(signal.SIGINT, lambda *_: signals.append("SIGINT"))
  pathlib.Path("running").touch()
  go_on = pathlib.Path("go on")
  while not signals and not go_on.exists():
    time.sleep(0.02)
  pathlib.Path("saving").touch()
  while len(signals) < 2 and not go_on.exists():
    time.sleep(0.02)
  pathlib.Path("saved").write_text(" ".join(signals))

run_main(main, lambda: None, "", [])
"""
NOT_BY_NOHUP = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
PARENT = """
import signal
from contrastive_audio.cli.children import run_child
from contrastive_audio.cli.main import run_main
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
run_main(lambda _: print("code", run_child("child")), lambda: None, "", [])
"""


@pytest.fixture
def parent(tmp_path):
  """A command whose child runs, in a session of its own; and its folder."""
  (tmp_path / "child.py").write_text(CHILD)
  process = subprocess.Popen(
    [sys.executable, "-c", f"{NOT_BY_NOHUP}{PARENT}"],
    cwd=tmp_path,
    env=environment(),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
  )
  wait_for(tmp_path / "running", process)
  yield process, tmp_path
  (tmp_path / "go on").touch()
  process.kill()
  process.communicate()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_to_the_parent_stops_the_child_once_and_is_waited_for(parent, number):
  process, folder = parent
  os.killpg(process.pid, number)  # as a terminal does: to all processes in the foreground
  wait_for(folder / "saving", process)
  assert process.poll() is None  # it waits
  (folder / "go on").touch()
  printed, errors = process.communicate()
  assert (folder / "saved").read_text() == "SIGTERM"
  assert process.returncode == 128 + number
  assert printed.startswith("stopping   waiting for")
  assert printed.count("\n") == 1
  assert errors == "interrupted; the same command resumes where it stopped\n"


def test_a_second_signal_reaches_the_child_too(parent):
  process, folder = parent
  process.send_signal(signal.SIGTERM)
  wait_for(folder / "saving", process)
  process.send_signal(signal.SIGTERM)
  process.communicate()
  assert (folder / "saved").read_text() == "SIGTERM SIGTERM"
  assert process.returncode == 143


def test_a_child_whose_parent_is_killed_is_asked_to_stop(parent):
  process, folder = parent
  process.kill()
  process.wait()
  (folder / "go on").touch()
  while not (folder / "saved").exists():
    time.sleep(0.02)
  assert (folder / "saved").read_text() == "SIGTERM"


def test_a_child_that_ends_by_itself_gives_its_code_and_a_nohup_is_respected(tmp_path):
  (tmp_path / "child.py").write_text("import os, signal; os.kill(os.getppid(), signal.SIGHUP)\n")
  ignoring = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{PARENT}"
  done = subprocess.run(
    [sys.executable, "-c", ignoring],
    cwd=tmp_path,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stdout) == (0, "code 0\n")


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_block_without_a_child_is_interrupted_and_the_exit_code_is_that_of_the_signal(
  number,
):
  before = signal.getsignal(number)
  signal.signal(number, signal.SIG_DFL)  # what runs in the background ignores SIGINT

  def main(_):
    with interrupted_by_signals():
      signal.raise_signal(number)

  try:
    with pytest.raises(SystemExit) as ended:
      run_main(main, lambda: None, "", [], ["command"])
  finally:
    signal.signal(number, before)
  assert ended.value.code == 128 + number
