"""Fixtures of the tests of embeddings on disk."""

import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from downstream.encoders import models
from tests.support import tone


@pytest.fixture(scope="module")
def model(tiny_run):
  return models.open_model(str(tiny_run))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
  """A folder with clips of 0.05 to 7 s and two bad files."""
  folder = tmp_path_factory.mktemp("mixed")
  for number, seconds in enumerate([0.05, 3, 0.7, 7, 1, 2.5]):
    soundfile.write(folder / f"{number}.wav", tone(300 + 100 * number, seconds, 22_050), 22_050)
  (folder / "bad.wav").write_text("no audio")
  (folder / "empty.wav").write_bytes(b"")
  return folder


@pytest.fixture(scope="module")
def store(mixed, tmp_path_factory):
  source = datasets.open_source(f"folder:{mixed}")
  stores = str(tmp_path_factory.mktemp("stores"))
  return preparation.prepare(source, 16_000, stores, max_bad_fraction=1.0)
