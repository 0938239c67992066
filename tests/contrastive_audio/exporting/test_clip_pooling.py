"""The three ways to make the embedding of a clip, in memory and in every export."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.configuration import CLIP_POOLINGS
from contrastive_audio.errors import UserError
from contrastive_audio.exporting import clip_embedder, whole_clip
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.export import export
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.frontend.whole_clip import whole_log_mels
from tests.contrastive_audio.exporting.exported import (
  RELATIVE,
  make_run,
  onnx,
  onnx_or_skip,
  tflite,
)
from tests.contrastive_audio.exporting.test_long_clips import FRONT_ENDS, MemoryStore
from tests.support import assert_close

SECONDS = (0.0007, 0.3, 0.975, 1.37, 5.003, 9.7)


@pytest.fixture(scope="module", params=FRONT_ENDS)
def front_end(request):
  return FRONT_ENDS[request.param].pooled("clip")


@pytest.fixture(scope="module")
def encoder(front_end):
  """A small network with padding, strides, both poolings and a dense layer after them."""
  keras.utils.set_random_seed(0)
  log_mels = keras.Input([None, front_end.num_mels, 1])
  x = keras.layers.Conv2D(4, 5, padding="same", activation="relu")(log_mels)
  x = keras.layers.MaxPooling2D(4)(x)
  x = keras.layers.Conv2D(4, 3, activation="relu")(x)
  pooled = [keras.layers.GlobalMaxPooling2D()(x), keras.layers.GlobalAveragePooling2D()(x)]
  return keras.Model(log_mels, keras.layers.Dense(6)(keras.layers.Concatenate()(pooled)))


def noise(front_end, seconds, seed=0):
  size = int(seconds * front_end.sample_rate_hz)
  return np.random.default_rng(seed).normal(0.01, 0.1, max(1, size)).astype("f")


def naive(front_end, encoder, wave):
  """The definition: one tensor."""
  log_mels = whole_log_mels(front_end, front_end.lay_out(wave[None]))
  return encoder(log_mels[..., None], training=False)[0].numpy()


@pytest.mark.parametrize("block_frames", [300, 6144])
def test_a_clip_in_blocks_is_the_clip_as_one_tensor(front_end, encoder, block_frames, monkeypatch):
  monkeypatch.setattr(whole_clip, "BLOCK_FRAMES", block_frames)
  waves = [noise(front_end, seconds) for seconds in SECONDS]
  clip_encoder = ClipEncoder(front_end, encoder)
  for wave, embedded in zip(waves, ClipEmbedder(clip_encoder).embed(waves)):
    desired = naive(front_end, encoder, wave)
    assert_close(clip_encoder.embed(wave[None])["embedding"][0], desired, atol=1e-5)
    assert_close(embedded, desired, atol=1e-5)


def test_a_clip_of_one_window_has_the_same_embedding_as_by_windows(front_end, encoder):
  wave = noise(front_end, 0.97)
  (by_windows,) = ClipEmbedder(ClipEncoder(front_end.pooled("windows"), encoder)).embed([wave])
  (whole,) = ClipEmbedder(ClipEncoder(front_end, encoder)).embed([wave])
  assert_close(whole, by_windows, atol=1e-5)


def test_a_long_clip_of_a_store_is_read_in_blocks(front_end, encoder, tmp_path, monkeypatch):
  store = MemoryStore([noise(front_end, seconds) for seconds in (0.3, 19.7, 5.003)])
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  desired = list(embedder.embed(stored_clips(store, range(3))))
  monkeypatch.setattr(whole_clip, "BLOCK_FRAMES", 300)
  monkeypatch.setattr(clip_embedder, "WHOLE_SAMPLES", 2 * front_end.num_samples)
  export_saved_model(front_end, encoder, str(tmp_path / "model"))
  loaded = tf.saved_model.load(str(tmp_path / "model"))
  for model in (ClipEncoder(front_end, encoder), loaded):
    store.longest = 0
    embeddings = ClipEmbedder(model).embed(stored_clips(store, range(3)))
    assert_close(np.stack(list(embeddings)), np.stack(desired), atol=1e-5)
    assert store.longest < 6 * front_end.sample_rate_hz


def test_clips_of_one_length_in_a_row_share_a_batch_and_keep_their_order(front_end, encoder):
  lengths = (2.5, 2.5, 0.3, 0.3, 0.3, 2.5)
  waves = [noise(front_end, seconds, seed) for seed, seconds in enumerate(lengths)]
  clip_encoder = ClipEncoder(front_end, encoder)
  for clips in (waves, stored_clips(MemoryStore(waves), range(len(waves)))):
    numbers, rows = zip(*ClipEmbedder(clip_encoder).embed_rows(clips, "clips"))
    assert [some.tolist() for some in numbers] == [[0, 1], [2, 3, 4], [5]]
    alone = [clip_encoder.embed(wave[None])["embedding"][0] for wave in waves]
    assert_close(np.concatenate(rows), np.stack(alone), atol=1e-5)


def test_a_batch_of_whole_clips_holds_no_more_sound_than_one_of_windows(front_end, encoder):
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  for seconds, most in (
    (0.01, 64),
    (20, 64 * embedder.excerpt_samples // noise(front_end, 20).size),
  ):
    waves = [noise(front_end, seconds)] * 65
    sizes = [len(numbers) for numbers, _ in embedder.embed_rows(waves, "clips")]
    assert max(sizes) == most
    assert sum(sizes) == 65


def test_batch_mates_and_clips_that_are_not_finite_change_nothing(front_end, encoder):
  clip_encoder = ClipEncoder(front_end, encoder)
  waves = np.stack([noise(front_end, 2.5, seed) for seed in range(3)])
  alone = np.stack(list(ClipEmbedder(clip_encoder).embed(waves)))
  assert_close(clip_encoder.embed(waves)["embedding"], alone, atol=1e-5)
  for value in (np.nan, np.inf):
    waves[1, 20_000] = value
    for rows in (
      clip_encoder.embed(waves)["embedding"].numpy(),
      np.stack(list(ClipEmbedder(clip_encoder).embed(waves))),
    ):
      assert np.isnan(rows[1]).all()
      assert_close(rows[::2], alone[::2], atol=1e-5)


def test_silence_has_a_finite_embedding(front_end, encoder):
  silence = np.zeros([1, 3 * front_end.sample_rate_hz], "f")
  (embedding,) = ClipEmbedder(ClipEncoder(front_end, encoder)).embed(silence)
  assert np.isfinite(embedding).all()


def test_the_maximum_over_windows_is_just_that(front_end, encoder):
  clip_encoder = ClipEncoder(front_end.pooled("windows_max"), encoder)
  waves = np.stack([noise(front_end, 5.003, seed) for seed in range(3)])
  desired = [np.max(rows, axis=0) for rows in ClipEmbedder(clip_encoder).embed_windows(waves)]
  assert_close(clip_encoder.embed(waves)["embedding"], np.stack(desired), atol=1e-5)
  assert_close(np.stack(list(ClipEmbedder(clip_encoder).embed(waves))), np.stack(desired))
  waves[1, 20_000] = np.nan
  for rows in (
    clip_encoder.embed(waves)["embedding"].numpy(),
    np.stack(list(ClipEmbedder(clip_encoder).embed(waves))),
  ):
    assert np.isnan(rows[1]).all()
    assert np.isfinite(rows[::2]).all()


def test_frames_are_the_same_with_every_pooling(front_end, encoder):
  wave = noise(front_end, 2)[None]
  frames = {}
  for pooling in CLIP_POOLINGS:
    clip_encoder = ClipEncoder(front_end.pooled(pooling), encoder)
    frames[pooling] = clip_encoder.embed_frames(wave)["embedding"]
    np.testing.assert_array_equal(frames[pooling], frames["windows"])


def test_blocks_of_a_network_with_means_inside_are_clips_of_their_own(monkeypatch):
  front_end = FRONT_ENDS["cola"].pooled("clip")
  log_mels = keras.Input([None, 64, 1])
  x = keras.layers.Conv2D(4, 5, activation="relu")(log_mels)
  x = x * keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
  encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(x))
  wave = noise(front_end, 5)
  frames = whole_log_mels(front_end, wave[None]).shape[1]
  monkeypatch.setattr(whole_clip, "BLOCK_FRAMES", 300)
  first = frames // 2
  hop, size = front_end.log_mel.hop_samples, front_end.log_mel.num_samples
  parts = wave[: size(first)], wave[first * hop :]
  desired = np.max([naive(front_end, encoder, part) for part in parts], axis=0)
  clip_encoder = ClipEncoder(front_end, encoder)
  assert_close(clip_encoder.embed(wave[None])["embedding"][0], desired, rtol=1e-4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("pooling") / "run", "frame_cnn")


@functools.cache
def embed_function(run, pooling, file_format):
  if file_format == "onnx":
    onnx_or_skip()
  endings = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx"}
  path = run.path(f"{pooling}-{file_format}{endings[file_format]}")
  exported = export(run, file_format, path, clip_pooling=pooling)
  assert exported.gives.endswith(f", clip_pooling={pooling}")
  if file_format == "saved_model":
    loaded = tf.saved_model.load(path)
    assert loaded.clip_pooling.numpy().decode() == pooling
    return lambda wave, model=loaded: model.embed(wave)["embedding"]
  model = {"tflite": tflite, "onnx": onnx}[file_format](path)
  return lambda wave: model(wave)["embedding"]


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["clip", "windows_max"])
@pytest.mark.parametrize("file_format", ["saved_model", "tflite", "onnx"])
def test_every_export_has_the_pooling_that_is_asked_for(run, pooling, file_format):
  embed = embed_function(run, pooling, file_format)
  front_end = run.front_end().pooled(pooling)
  embedder = ClipEmbedder(ClipEncoder(front_end, run.encoder()))
  clips = [noise(front_end, seconds) for seconds in (0.0007, 1.37, 70)]
  for wave, desired in zip(clips, embedder.embed(clips)):
    assert_close(np.array(embed(wave[None]))[0], desired, atol=RELATIVE * abs(desired).max())
  batch = np.stack([noise(front_end, 2.5, seed) for seed in range(3)])
  desired = np.array(embed(batch))
  batch[1, 20_000] = np.nan
  found = np.array(embed(batch))
  assert np.isnan(found[1]).all()
  assert_close(found[::2], desired[::2], atol=1e-6)


def test_a_network_that_goes_through_its_frames_in_order_is_refused(tmp_path):
  run = make_run(tmp_path / "run", "crnn")
  with pytest.raises(UserError, match="encoder crnn cannot be run over a whole clip"):
    export(run, "saved_model", clip_pooling="clip")


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["tflite", "onnx"])
def test_a_network_with_means_inside_is_exported_for_whole_clips_too(file_format, tmp_path):
  run = make_run(tmp_path / "run", "efficientnet_b0")
  embed = embed_function(run, "clip", file_format)
  wave = noise(run.front_end(), 3)
  (desired,) = ClipEmbedder(ClipEncoder(run.front_end().pooled("clip"), run.encoder())).embed(
    [wave]
  )
  assert_close(np.array(embed(wave[None]))[0], desired, atol=RELATIVE * abs(desired).max())
