"""One process at a time works in a folder, and the others hear which one."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils.locks import HOLDER, FolderLock
from tests.support import environment

# For each line on standard input: makes a folder and works in it, or is refused.
WORKER = """
import os, sys
from contrastive_audio.errors import UserError
from contrastive_audio.utils.locks import FolderLock
assert "tensorflow" not in sys.modules
for folder in map(str.strip, sys.stdin):
  os.makedirs(folder, exist_ok=True)
  try:
    with FolderLock(folder, "is training this run").held():
      print("works", flush=True)
      sys.stdin.readline()
  except UserError as error:
    print(error, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def workers():
  """Three processes."""
  started = [
    subprocess.Popen(
      [sys.executable, "-c", WORKER],
      stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True,
    )
    for _ in range(3)
  ]  # fmt: skip
  yield started
  for worker in started:
    worker.kill()
    worker.communicate()


def tell(worker, text):
  worker.stdin.write(f"{text}\n")
  worker.stdin.flush()


def test_of_three_processes_at_once_one_works_and_two_say_which_one_does(workers, tmp_path):
  for number in range(30):
    for worker in workers:
      tell(worker, tmp_path / str(number))
    answers = [worker.stdout.readline().strip() for worker in workers]
    assert answers.count("works") == 1, answers
    holder = workers[answers.index("works")].pid
    for answer in answers:
      if answer != "works":
        start = "another process is training this run "
        assert answer.startswith(f"{start}(pid {holder}, host {socket.gethostname()}, since 2")
    for worker in workers:
      tell(worker, "next")


def test_a_killed_process_blocks_nobody(workers, tmp_path):
  first, second, _ = workers
  tell(first, tmp_path)
  assert first.stdout.readline() == "works\n"
  first.send_signal(signal.SIGKILL)
  first.wait()
  assert json.loads((tmp_path / HOLDER).read_text())["pid"] == first.pid
  tell(second, tmp_path)
  assert second.stdout.readline() == "works\n"


def test_who_held_it_before_is_not_named(tmp_path, monkeypatch):
  done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
  stale = {"pid": int(done.stdout), "host": socket.gethostname(), "since": "yesterday"}
  lock = FolderLock(tmp_path, "is training this run")
  with lock.held(), lock.held():  # one process may ask twice
    mine = (tmp_path / HOLDER).read_text()
    (tmp_path / HOLDER).write_text(json.dumps(stale))
    holder_speaks = lambda _: (tmp_path / HOLDER).write_text(mine)  # noqa: E731
    monkeypatch.setattr("contrastive_audio.utils.locks.time.sleep", holder_speaks)
    with pytest.raises(UserError, match=rf"run \(pid {os.getpid()}, host"):
      hold(tmp_path)
  hold(tmp_path)
  assert not (tmp_path / HOLDER).exists()


def hold(folder):
  with FolderLock(folder, "is training this run").held():
    pass


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"7", b'{"pid": "x"}', b'{"pid": 1e99}'])
def test_a_damaged_note_of_the_holder_is_no_traceback(tmp_path, monkeypatch, content):
  monkeypatch.setattr("contrastive_audio.utils.locks.time.sleep", lambda _: None)
  with FolderLock(tmp_path, "is training this run").held():
    (tmp_path / HOLDER).write_bytes(content)
    with pytest.raises(UserError, match="another process is training this run"):
      hold(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(UserError, match=r"^cannot lock the folder .*file': [^\n]*$"):
    hold(tmp_path / "file")
