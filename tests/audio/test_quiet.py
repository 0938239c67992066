"""What C libraries say goes to a log, what we and Python say reaches the user."""

import io
import os
import subprocess
import sys

import pytest

from audio import quiet
from audio.errors import UserError
from tests.support import ROOT, environment

SCRIPT = """
import os, sys
from audio import quiet
with quiet.native_stderr("log.txt") as terminal:
  os.write(2, b"from C\\n")
  print("progress", file=terminal)
print("after", file=sys.stderr)
"""


def test_native_messages_are_logged_and_progress_is_shown(tmp_path):
  result = subprocess.run(
    [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment(), capture_output=True, text=True
  )
  assert result.stderr == "progress\nafter\n"
  assert (tmp_path / "log.txt").read_text() == "from C\n"


def test_importing_prints_nothing():
  code = "import audio, tensorflow as tf; tf.zeros([1]).numpy()"
  result = subprocess.run(
    [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
  )
  assert (result.stdout, result.stderr) == ("", "")


def test_another_backend_is_refused_in_words():
  code = "import keras; keras.backend.backend = lambda: 'jax'; import audio"
  result = subprocess.run(
    [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
  )
  assert "Keras runs on the backend 'jax'; this package needs 'tensorflow'" in result.stderr


@pytest.mark.parametrize(("error", "shown"), [(OSError, True), (UserError, False)])
def test_the_cause_of_a_failure_is_not_hidden(capfd, error, shown):
  with pytest.raises(error), quiet.native_stderr():
    os.write(2, b"the cause\n")
    raise error("failed")
  assert ("the cause" in capfd.readouterr().err) == shown


def test_a_notebook_keeps_its_own_stream(monkeypatch):
  monkeypatch.setattr(sys, "stderr", io.StringIO())
  with quiet.native_stderr() as terminal:
    assert terminal is sys.stderr
