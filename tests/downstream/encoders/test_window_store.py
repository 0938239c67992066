"""Windows of long recordings: where they lie, and that each is a clip of its own."""

import dataclasses

import keras
import numpy as np
import pytest

import cola.config
import mixback.config
from contrastive_audio.errors import UserError
from downstream.encoders import embedding_parts, models
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import keras_model, open_model
from downstream.encoders.window_store import WindowStore, cut_windows
from tests.support import assert_close

FRONT_ENDS = {
  "cola": cola.config.Config().front_end(),
  "mixback": dataclasses.replace(mixback.config.Config(), mean=-4.0, std=2.0).front_end(),
}


class MemoryStore:
  """A store of waves in memory that notes the longest piece that is read of them."""

  digest = "waves"

  def __init__(self, waves, sample_rate_hz):
    self._waves = waves
    self.sample_rate_hz, self.num_clips = sample_rate_hz, len(waves)
    self.num_samples = np.array(list(map(len, waves)))
    self.hours = self.num_samples.sum() / sample_rate_hz / 3600
    self.longest = 0

  def keys(self, ids):
    return [f"{clip}.wav" for clip in ids]

  def copy_excerpt(self, clip_id, start, out):
    assert 0 <= start <= start + len(out) <= self.num_samples[clip_id]
    self.longest = max(self.longest, len(out))
    out[:] = self._waves[clip_id][start : start + len(out)]


def noise_store(sample_rate_hz, lengths_s):
  rng = np.random.default_rng(0)
  waves = [rng.normal(0.02, 0.1, round(s * sample_rate_hz)).astype("f") for s in lengths_s]
  waves[0][: len(waves[0]) // 2] *= 0.01  # a quiet half
  return MemoryStore(waves, sample_rate_hz)


def network(front_end):
  keras.utils.set_random_seed(0)
  log_mels = keras.Input([None, front_end.num_mels, 1])
  x = keras.layers.Conv2D(4, 5, 4, activation="relu")(log_mels)
  return keras_model(
    "tiny", "", front_end, keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(x))
  )


@pytest.mark.parametrize("hop", [1, 7, 10, 25])
@pytest.mark.parametrize("length", [1, 9, 10, 11, 17, 30, 101])
def test_windows_are_a_hop_apart_inside_the_clip_and_reach_its_end(length, hop):
  store = MemoryStore([np.zeros(3, "f"), np.zeros(length, "f")], 1)
  windows = WindowStore(store, hop_samples=hop, window_samples=10)
  starts, ends = (times[windows.clips == 1] for times in windows.spans_s(range(windows.num_clips)))
  assert starts[0] == 0
  assert ends[-1] == length
  assert set(ends - starts) == {min(10, length)}
  assert (np.diff(starts)[:-1] == hop).all()
  assert (np.diff(starts) > 0).all()
  assert (np.diff(starts) <= hop).all()
  assert windows.num_samples[windows.clips == 0].tolist() == [3]
  assert windows.keys([0, windows.num_clips - 1]) == ["0.wav", "1.wav"]


@pytest.mark.parametrize("pooling", ["windows", "windows_max", "clip"])
@pytest.mark.parametrize("system", FRONT_ENDS)
def test_a_window_is_embedded_as_a_file_that_is_cut_by_hand(system, pooling, tmp_path):
  front_end = FRONT_ENDS[system].pooled(pooling)
  model, rate_hz = network(front_end), front_end.sample_rate_hz
  store = noise_store(rate_hz, [5.3, 0.4, 2.7])
  windows = cut_windows(store, model, hop_s=0.7, window_s=2.5)
  actual = Embeddings(model, windows, str(tmp_path / "e")).make().of_clips()
  cut = [
    wave[start : start + round(2.5 * rate_hz)]
    for wave, starts_s in zip(store._waves, ([0, 0.7, 1.4, 2.1, 2.8], [0], [0, 0.2]))
    for start in (round(start_s * rate_hz) for start_s in starts_s)
  ]
  desired = np.stack(list(model.embedder.embed(cut)))
  assert_close(actual, desired, atol=1e-5 * np.abs(desired).max())
  assert store.longest == round(2.5 * rate_hz)


def test_the_baseline_has_windows_too_and_another_pooling_of_a_saved_model_counts(tmp_path):
  model = open_model("logmel_stats")
  store = noise_store(16_000, [3.0])
  windows = cut_windows(store, model, hop_s=1)
  assert windows.window_samples == 15_600
  actual = Embeddings(model, windows, str(tmp_path / "e")).make().of_clips()
  desired = [windows.wave(number) for number in range(windows.num_clips)]
  assert_close(actual, np.stack(list(model.embedder.embed(desired))))
  assert windows.spans_s([0, 1, 2, 3])[0].tolist() == [0, 1, 2, 2.025]


@pytest.mark.parametrize("system", FRONT_ENDS)
def test_by_default_a_window_is_one_excerpt_and_windows_lie_end_to_end(system):
  front_end = FRONT_ENDS[system]
  model = network(front_end)
  windows = cut_windows(noise_store(front_end.sample_rate_hz, [5]), model)
  assert windows.hop_samples == windows.window_samples
  (rows,) = model.embedder.embed_windows([windows.wave(1)])
  assert len(rows) == 1
  with pytest.raises(UserError, match="--window_s=0.5: tiny hears 0.9.. s at once"):
    cut_windows(windows.recordings, model, window_s=0.5)
  with pytest.raises(UserError, match="--window_s=121: a window lasts 120 s at most"):
    cut_windows(windows.recordings, model, window_s=121)


def test_a_long_recording_is_several_parts_and_an_interruption_changes_nothing(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(embedding_parts, "PART_S", 4)
  model = network(FRONT_ENDS["cola"])
  windows = cut_windows(noise_store(16_000, [20, 1]), model, hop_s=0.5)
  whole = Embeddings(model, windows, str(tmp_path / "whole")).make()
  assert whole.num_parts > 5
  batches, left = WindowStore.batches, iter(range(3))

  def interrupted(*arguments):
    if next(left, None) is None:
      raise KeyboardInterrupt
    yield from batches(*arguments)

  folder = str(tmp_path / "parts")
  with monkeypatch.context() as patched:
    patched.setattr(WindowStore, "batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
      Embeddings(model, windows, folder).make()
  resumed = Embeddings(model, windows, folder).make()
  assert (resumed.of_clips() == whole.of_clips()).all()
  other = cut_windows(windows.recordings, model, hop_s=0.4)
  with pytest.raises(UserError, match="holds embeddings of another kind \\(clips\\)"):
    Embeddings(model, other, folder)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hop_s", [0.1, 0.3, 0.7])
def test_the_progress_bar_counts_hours_up_to_their_end(hop_s, tmp_path, capsys):
  windows = cut_windows(noise_store(16_000, [4.4, 3.1]), open_model("logmel_stats"), hop_s)
  Embeddings(open_model("logmel_stats"), windows, str(tmp_path / "e")).make()
  assert "0.00/0.00 [" in capsys.readouterr().err  # 7.5 s are 0.002 hours


def test_another_pooling_than_that_of_the_network_is_the_one_that_is_used(tmp_path):
  front_end = FRONT_ENDS["cola"]
  model = network(front_end)
  mean = model.embedder
  largest = models.ClipEmbedder(mean._clip_encoder, "windows_max")
  waves = np.random.default_rng(0).normal(0, 0.1, [2, 40_000]).astype("f")
  assert_close(largest.embed_batch(waves), np.stack(list(largest.embed(waves))), atol=1e-6)
  assert np.abs(largest.embed_batch(waves) - mean.embed_batch(waves)).max() > 1e-3
