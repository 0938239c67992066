"""Messages of native libraries go to a log; what Python code prints still reaches the user."""

import io
import os
import subprocess
import sys

import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils import quiet
from tests.support import ROOT, environment

SCRIPT = """
import os, sys
from contrastive_audio.utils import quiet
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


def test_an_import_changes_nothing_in_the_process():
  code = """
import logging, os, sys
before = dict(os.environ), os.fstat(2).st_ino, logging.getLogger("tensorflow").level
import contrastive_audio, cola, mixback, downstream
from contrastive_audio import read
assert before == (dict(os.environ), os.fstat(2).st_ino, logging.getLogger("tensorflow").level)
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
  result = subprocess.run(
    [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
  )
  assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


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
