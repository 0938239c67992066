"""Clips of hours are embedded piece by piece, with the same result."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import cola.config
import mixback.config
from contrastive_audio.exporting import clip_embedder as module
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.clip_store import StoredClip, stored_clips
from contrastive_audio.frontend.front_end import WINDOWS
from tests.support import assert_close

FRONT_ENDS = {
  "cola": cola.config.Config().front_end(),
  "mixback": dataclasses.replace(mixback.config.Config(), mean=-4.0, std=2.0).front_end(),
}
SECONDS = 9.7


class MemoryStore:
  """A store of waves in memory that notes the longest piece that is read of them."""

  def __init__(self, waves):
    self._waves = waves
    self.num_samples = np.array(list(map(len, waves)))
    self.mean = np.array([wave.mean(dtype=float) for wave in waves], "f")
    self.centred_peak = np.array([abs(wave - m).max() for wave, m in zip(waves, self.mean)], "f")
    self.longest = 0

  def copy_excerpt(self, clip_id, start, out):
    assert 0 <= start <= start + len(out) <= self.num_samples[clip_id]
    self.longest = max(self.longest, len(out))
    out[:] = self._waves[clip_id][start : start + len(out)]


@pytest.fixture(params=FRONT_ENDS)
def front_end(request):
  return FRONT_ENDS[request.param]


@pytest.fixture
def encoder(front_end):
  keras.utils.set_random_seed(0)
  log_mels = keras.Input([None, front_end.num_mels, 1])
  x = keras.layers.Conv2D(4, 5, 4, activation="relu")(log_mels)
  return keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(x))


@pytest.fixture
def store(front_end):
  rng = np.random.default_rng(0)
  lengths = [int(seconds * front_end.sample_rate_hz) for seconds in (0.3, SECONDS, 5.003)]
  return MemoryStore([rng.normal(0.01, 0.1, length).astype("f") for length in lengths])


def embeddings(embedder, store, frames):
  name = "embed_frames" if frames else "embed_windows"
  return list(getattr(embedder, name)(stored_clips(store, range(3))))


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("windows", WINDOWS)
def test_a_long_clip_has_the_same_embeddings_in_pieces(
  front_end, encoder, store, windows, frames, monkeypatch
):
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder, windows))
  desired = embeddings(embedder, store, frames)
  assert store.longest == store.num_samples.max()
  monkeypatch.setattr(module, "WHOLE_SAMPLES", 2 * front_end.num_samples)
  monkeypatch.setattr(module, "WINDOWS_AT_ONCE", 3)
  store.longest = 0
  for actual, whole in zip(embeddings(embedder, store, frames), desired, strict=True):
    assert_close(actual, whole, atol=1e-6 * np.abs(whole).max(), rtol=1e-5)
  assert store.longest <= 3.5 * front_end.num_samples


def test_a_saved_model_reads_in_pieces_too(front_end, encoder, store, tmp_path, monkeypatch):
  export_saved_model(front_end, encoder, str(tmp_path / "model"))
  embedder = ClipEmbedder(tf.saved_model.load(str(tmp_path / "model")))
  desired = [embeddings(embedder, store, frames) for frames in (False, True)]
  monkeypatch.setattr(module, "WHOLE_SAMPLES", 2 * front_end.num_samples)
  for frames in (False, True):
    for actual, whole in zip(embeddings(embedder, store, frames), desired[frames], strict=True):
      assert_close(actual, whole, atol=1e-6 * np.abs(whole).max(), rtol=1e-5)


@pytest.mark.parametrize("frames", [False, True])
def test_windows_of_a_day_lie_where_they_should(front_end, encoder, frames):
  model = ClipEncoder(front_end, encoder)
  length, size = 24 * 3600 * front_end.sample_rate_hz + 17, front_end.num_samples
  starts = (model.frame_starts if frames else model.starts)(length).numpy()
  if frames:
    seconds = (starts + size // 2) / front_end.sample_rate_hz
    assert_close(seconds, 0.05 * np.arange(24 * 3600 * 20 + 1), atol=1 / front_end.sample_rate_hz)
    return
  margin, grid = front_end.layout.mirrored_samples, front_end.layout.grid_samples
  assert starts[0] == -margin
  assert 0 <= length + margin - (starts[-1] + size) < grid
  assert 0 < np.diff(starts).min() <= np.diff(starts).max() <= size


def test_rows_come_a_few_at_a_time_however_long_a_clip_is(front_end, encoder, monkeypatch):
  length = 30 * front_end.sample_rate_hz
  noise = np.random.default_rng(0).normal(0, 0.1, length).astype("f")
  clip = StoredClip(MemoryStore([noise]), 0)
  monkeypatch.setattr(module, "WHOLE_SAMPLES", 0)
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  sizes = [len(rows) for _, rows in embedder.embed_rows([clip], "frames")]
  assert (max(sizes), sum(sizes)) == (64, 601)
  assert clip.store.longest <= 64 * 0.05 * front_end.sample_rate_hz + front_end.num_samples
  (embedding,) = embedder.embed([clip])
  assert_close(embedding, np.mean(next(embedder.embed_windows([clip])), axis=0), atol=1e-5)


def test_a_model_of_an_earlier_version_reads_a_clip_whole(front_end, encoder, store, monkeypatch):
  model = ClipEncoder(front_end, encoder)
  names = ("window_samples", "cut", "cut_frames", "log_mels", "encode")
  earlier = types.SimpleNamespace(**{name: getattr(model, name) for name in names})
  desired = embeddings(ClipEmbedder(model), store, False)
  monkeypatch.setattr(module, "WHOLE_SAMPLES", 0)
  for actual, whole in zip(embeddings(ClipEmbedder(earlier), store, False), desired, strict=True):
    assert_close(actual, whole)
