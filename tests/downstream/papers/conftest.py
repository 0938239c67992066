"""What tests of tables share."""

import os
import subprocess

import pytest

from tests.support import command


@pytest.fixture
def answers_in_this_process(monkeypatch):
  """Asks train commands for their configurations without starting processes."""

  def run(arguments, **_):
    module, *flags = arguments[2:]
    assert "--print_config" in flags
    return command(module, *flags, cwd=os.getcwd(), check=False)

  monkeypatch.setattr(subprocess, "run", run)
