"""Fixtures of all tests."""

import pytest

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from tests import support


def pytest_collection_modifyitems(items):
  """Long modules come first: short ones then fill what is left to two workers."""
  slow = {item.path for item in items if item.get_closest_marker("slow")}
  # Those beside this file test whole commands.
  items.sort(key=lambda item: (item.path not in slow, item.path.parent != support.ROOT / "tests"))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
  """Two classes of six clips of 1.5 s."""
  return support.write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def clip_store(clip_folder, tmp_path_factory):
  """The store of clip_folder at 16 kHz."""
  source = datasets.open_source(f"folder:{clip_folder}")
  return preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))


@pytest.fixture
def processes():
  """Starts commands beside the test, and kills what is left of them when it ends."""
  started = support.Processes()
  yield started
  started.kill_all()
