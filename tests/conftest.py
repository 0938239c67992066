"""Fixtures of all tests."""

import shutil

import pytest

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from contrastive_audio.utils import presets as preset_folders
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


@pytest.fixture(scope="session")
def cola_run(clip_folder, tmp_path_factory):
  """The folder of a run that COLA has trained for two steps, by the recipe `small`."""
  place = tmp_path_factory.mktemp("trained")
  options = ["--recipe=small", "--batch_size=4", "--steps=2", "--store_dir=stores"]
  support.train(f"--dataset={clip_folder}", "--run=run", *options, cwd=place)
  return place / "run"


@pytest.fixture
def presets(cola_run, tmp_path, monkeypatch):
  """The folder of all presets, with one that is called `tiny`."""
  folder = tmp_path / "presets"
  (folder / "tiny").mkdir(parents=True)
  for name in ("config.json", "encoder.keras", "head.keras"):
    shutil.copy(cola_run / name, folder / "tiny")
  (folder / "tiny" / "card.md").write_text(support.CARD)
  monkeypatch.setattr(preset_folders, "FOLDER", str(folder))
  return folder


@pytest.fixture
def processes():
  """Starts commands beside the test, and kills what is left of them when it ends."""
  started = support.Processes()
  yield started
  started.kill_all()
