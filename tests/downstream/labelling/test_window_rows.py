"""Embeddings of windows: the same in memory and from disk, and of any stretch as of a file."""

import numpy as np
import pytest
import soundfile

from contrastive_audio.datasets import open_source
from contrastive_audio.store.preparation import prepare
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import open_model
from downstream.labelling import window_rows
from downstream.labelling.places import Place, WindowPlaces
from downstream.labelling.window_rows import WindowRows
from tests.support import assert_close


@pytest.fixture(params=["in memory", "on disk"])
def make_rows(request, material, monkeypatch):
  monkeypatch.setattr(window_rows, "_SAMPLE", 10)
  if request.param == "on disk":
    monkeypatch.setattr(window_rows, "_LARGEST_BYTES", 0)
  return lambda seed=3: WindowRows(open_model("logmel_stats"), material.windows, seed)


def test_some_windows_stand_for_all_in_their_order_and_all_are_scored(make_rows, material):
  rows = make_rows()
  everything = Embeddings(open_model("logmel_stats"), material.windows).make().of_windows()[1]
  assert len(rows.sample) == 10
  assert (np.diff(rows.sample) > 0).all()
  assert_close(rows.sampled, everything[rows.sample])
  assert_close(rows.centre, everything[rows.sample].mean(axis=0), atol=1e-5)
  assert_close(rows.scan(lambda block: block[:, 5:7]), everything[:, 5:7])
  assert make_rows().sample.tolist() == rows.sample.tolist() != make_rows(seed=4).sample.tolist()


def test_windows_and_other_stretches_are_embedded_as_files_of_them_are(
  make_rows, material, tmp_path
):
  places = [WindowPlaces(material.windows)[5], Place(2, 100, 17_000)]
  (tmp_path / "audio").mkdir()
  for number, place in enumerate(places):
    wave = material.store.wave(place.clip)[place.first : place.end]
    soundfile.write(tmp_path / "audio" / f"{number}.wav", wave, 16_000, subtype="FLOAT")
  store = prepare(open_source(f"folder:{tmp_path / 'audio'}"), 16_000, str(tmp_path / "stores"))
  desired = Embeddings(open_model("logmel_stats"), store, str(tmp_path / "parts")).make().of_clips()
  rows = make_rows()
  for _ in range(2):  # what is known is not embedded again, and is the same
    assert_close(rows.of([*places, places[0]]), desired[[0, 1, 0]], atol=0.01)
