"""Ctrl-C and SIGTERM: what is said, and when the work ends."""

import signal
import subprocess
import sys
import threading

import pytest

from contrastive_audio.utils.stopping import StopRequest
from tests.support import environment

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def endings(error):
  """The exit code of a process that ends with an exception."""
  return 130 if isinstance(error, KeyboardInterrupt) else error.code


@pytest.fixture(autouse=True)
def signals_that_are_not_ignored():
  """What nohup or a shell's background runs ignores some, and StopRequest respects that."""
  before = {number: signal.getsignal(number) for number in ALL}
  for number, handler in before.items():
    if handler == signal.SIG_IGN:
      signal.signal(number, signal.SIG_DFL)
  yield
  for number, handler in before.items():
    signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_a_first_signal_is_a_request_and_a_second_one_ends_at_once(number, capsys):
  before = signal.getsignal(number)
  with pytest.raises((KeyboardInterrupt, SystemExit)) as ended, StopRequest() as stop:
    signal.raise_signal(number)
    assert stop.requested
    assert stop.exit_code == CODES[number]
    signal.raise_signal(number)
  assert endings(ended.value) == CODES[number]
  assert signal.getsignal(number) == before
  assert capsys.readouterr().out.startswith("stopping   after this step; a second Ctrl-C or SIGT")


@pytest.mark.parametrize("number", ALL)
def test_in_the_set_up_the_first_signal_ends_at_once(number, capsys):
  with pytest.raises((KeyboardInterrupt, SystemExit)) as ended, StopRequest(in_set_up=True):
    signal.raise_signal(number)
  assert endings(ended.value) == CODES[number]
  assert capsys.readouterr().out == "stopping   the same command goes on from what is saved\n"


def test_after_the_set_up_a_signal_waits_for_the_step():
  with StopRequest(in_set_up=True) as stop:
    stop.leave_set_up()
    signal.raise_signal(signal.SIGTERM)
  assert stop.requested


# A step of a large batch: the process is in C, and Python does not come to its handlers.
BUSY = """
import hashlib, signal
from contrastive_audio.utils.stopping import StopRequest
with StopRequest():
  print("step", flush=True)
  hashlib.pbkdf2_hmac("sha512", b"", b"", 2_000_000_000)
"""


def test_a_signal_is_answered_at_once_while_a_step_is_computed_and_a_second_one_ends_it():
  process = subprocess.Popen(
    [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, env=environment(), text=True
  )
  assert process.stdout.readline() == "step\n"
  process.send_signal(signal.SIGINT)
  assert process.stdout.readline().startswith("stopping   after this step")
  process.send_signal(signal.SIGINT)
  assert process.wait() == 130
  process.stdout.close()


def test_off_the_main_thread_there_are_no_signals_and_no_error():
  seen = []

  def work():
    with StopRequest() as stop:
      seen.append(stop.requested)

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [False]
