"""What doctests and tests share: a cache of their own, and a quiet start."""

import os
import shutil
import tempfile

import pytest

# Before anything of ours is imported: tests never touch the user's cache.
_CACHE = tempfile.mkdtemp(prefix="contrastive-audio-tests-")
os.environ["CONTRASTIVE_AUDIO_CACHE"] = _CACHE
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from contrastive_audio.cli.main import start_tensorflow  # noqa: E402

start_tensorflow()


def pytest_sessionfinish():
  shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture(autouse=True)
def _example_folder(request, tmp_path_factory, monkeypatch):
  """Runs each docstring example in an empty folder."""
  if isinstance(request.node, pytest.DoctestItem):
    monkeypatch.chdir(tmp_path_factory.mktemp("example"))
