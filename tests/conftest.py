"""Fixtures of all tests."""

import os
import shutil
import tempfile

import pytest

# Before anything of ours is imported: tests never touch the user's cache.
_CACHE = tempfile.mkdtemp(prefix="contrastive-audio-tests-")
os.environ["CONTRASTIVE_AUDIO_CACHE"] = _CACHE

from audio import datasets, preparation  # noqa: E402
from tests import support  # noqa: E402


def pytest_sessionfinish():
  shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
  """Two classes of six clips of 1.5 s."""
  return support.write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def clip_store(clip_folder, tmp_path_factory):
  """The store of clip_folder at 16 kHz."""
  source = datasets.open_source(f"folder:{clip_folder}")
  return preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))
