"""Embeddings: one front end from training to SavedModel, clips of any length."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixback.config
from contrastive_audio.exporting import clip_encoder as module
from contrastive_audio.exporting.clip_embedder import ClipEmbedder, frame_times_s
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.sound import reading
from contrastive_audio.utils import exchange
from tests import tiny
from tests.support import assert_close, shared_data

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def model():
  built = tiny.build(tiny.config())
  step = tf.function(built.train_step, autograph=False)
  for number in range(3):  # so that BatchNorm has something to say
    step(np.random.default_rng(number).normal(0, 0.1, [4, 2, 15_600]).astype("f"))
  return built


@pytest.fixture(scope="module")
def front_end():
  return tiny.config().front_end()


@pytest.fixture(scope="module")
def clip_encoder(model, front_end):
  return ClipEncoder(front_end, model.encoder)


def noise(seconds, seed=0):
  return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE_HZ)).astype("f")


def by_hand(front_end, encoder, wave):
  """The definition: windows that cover the clip evenly, each by itself, the mean of embeddings."""
  size = front_end.num_samples
  missing = max(0, size - len(wave))
  wave = np.pad(wave, (missing // 2, missing - missing // 2))
  end, last = len(wave) - size, -(-len(wave) // size) - 1
  embeddings = []
  for index in range(last + 1):
    start = (index * end + last // 2) // max(1, last)  # to the nearest sample
    excerpt = wave[start : start + size]
    excerpt = excerpt / max(np.linalg.norm(excerpt), 1e-9)
    embeddings.append(encoder(front_end.log_mel(excerpt[None])[..., None], training=False)[0])
  return np.mean(embeddings, axis=0)


@pytest.mark.parametrize("seconds", [0.0001, 0.1, 0.975, 1, 10, 60.03])
def test_embed_is_the_mean_over_windows_for_any_length(clip_encoder, model, front_end, seconds):
  wave = noise(seconds)
  embedded = clip_encoder.embed(wave[None])["embedding"][0]
  assert_close(embedded, by_hand(front_end, model.encoder, wave), atol=1e-4)


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_how_many_windows_are_encoded_at_once_does_not_matter(
  clip_encoder, model, front_end, at_once, monkeypatch
):
  waves = np.stack([noise(10, seed) for seed in range(2)])
  desired = clip_encoder.embed(waves)["embedding"]
  monkeypatch.setattr(module, "WINDOWS_AT_ONCE", at_once)
  other = ClipEncoder(front_end, model.encoder)
  assert_close(other.embed(waves)["embedding"], desired, atol=1e-5)


def test_clips_of_mixed_lengths_share_batches_and_come_back_in_order(
  clip_encoder, model, front_end
):
  waves = [noise(seconds, i) for i, seconds in enumerate([0.1, 70, 1, 2.5, 130, 0.97, 0.98])]
  desired = [clip_encoder.embed(wave[None])["embedding"][0] for wave in waves]
  embedded = list(ClipEmbedder(ClipEncoder(front_end, model.encoder)).embed(iter(waves)))
  assert_close(np.stack(embedded), np.stack(desired), atol=1e-5)
  assert list(ClipEmbedder(ClipEncoder(front_end, model.encoder)).embed([])) == []


def test_frames_come_every_50_ms_up_to_the_end(clip_encoder):
  result = clip_encoder.embed_frames(noise(1.234)[None])
  assert_close(result["time_ms"], np.arange(25)[None] * 50, atol=1e-2)
  assert result["embedding"].shape == (1, 25, 4)


def test_a_frame_is_the_window_around_its_time(clip_encoder, model, front_end):
  wave = noise(3)
  frames = clip_encoder.embed_frames(wave[None])["embedding"][0]
  start = int(1.5 * RATE_HZ) - front_end.num_samples // 2
  excerpt = wave[start : start + front_end.num_samples]
  assert_close(frames[30], by_hand(front_end, model.encoder, excerpt), atol=1e-4)


def test_frames_of_many_clips_are_those_of_each(clip_encoder):
  waves = [noise(seconds, i) for i, seconds in enumerate([0.1, 4, 1.23])]
  together = list(ClipEmbedder(clip_encoder).embed_frames(iter(waves)))
  for wave, frames in zip(waves, together):
    desired = clip_encoder.embed_frames(wave[None])
    assert_close(frames, desired["embedding"][0], atol=1e-5)
    assert_close(frame_times_s(len(frames)), desired["time_ms"][0] / 1000, atol=1e-4)


def test_silence_has_a_finite_embedding(clip_encoder):
  assert np.isfinite(clip_encoder.embed(np.zeros([1, 20_000], "f"))["embedding"]).all()


def spoilt(waves, clip, value):
  """The same clips, a single sample of one of them replaced."""
  waves = np.array(waves)
  waves[clip, 20_000] = value
  return waves


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["embed", "embed_frames"])
def test_one_sample_that_is_not_finite_makes_its_clip_nan_and_no_other(clip_encoder, name, value):
  waves = np.stack([noise(2.5, seed) for seed in range(3)])
  embed = getattr(clip_encoder, name)
  desired = embed(waves)["embedding"].numpy()
  for function in (embed, tf.function(embed)):
    embeddings = function(spoilt(waves, 1, value))["embedding"].numpy()
    assert np.isnan(embeddings[1]).all()
    np.testing.assert_array_equal(embeddings[::2], desired[::2])


@pytest.mark.parametrize("name", ["embed", "embed_frames", "cut", "cut_frames"])
@pytest.mark.parametrize(
  "config", [tiny.config(), mixback.config.Config()], ids=["cola", "mixback"]
)
def test_a_waveform_without_samples_is_refused_and_says_so(model, config, name):
  encoder = ClipEncoder(config.front_end(), model.encoder)
  empty = np.zeros([0] if name.startswith("cut") else [2, 0], "f")
  with pytest.raises(tf.errors.InvalidArgumentError, match="the waveform has no samples"):
    getattr(encoder, name)(empty)


def test_a_batch_without_clips_has_no_embeddings(clip_encoder):
  assert clip_encoder.embed(np.zeros([0, 16_000], "f"))["embedding"].shape == (0, 4)


def test_a_clip_that_is_not_finite_shares_a_batch_and_is_nan_alone(clip_encoder):
  waves = [noise(2.5, seed) for seed in range(3)]
  embedder = ClipEmbedder(clip_encoder)
  for name in ("embed", "embed_windows", "embed_frames"):
    desired = list(getattr(embedder, name)(waves))
    embeddings = list(getattr(embedder, name)(spoilt(waves, 1, np.nan)))
    assert np.isnan(embeddings[1]).all()
    for clip in (0, 2):
      np.testing.assert_array_equal(embeddings[clip], desired[clip])


def test_a_network_of_half_precision_and_the_front_end_of_mixback_keep_nan():
  front_end = mixback.config.Config().front_end()
  half = keras.DTypePolicy("mixed_float16")
  log_mels = keras.Input([None, 96, 1])
  x = keras.layers.Conv2D(4, 3, 4, activation="relu", dtype=half)(log_mels)
  clip_encoder = ClipEncoder(
    front_end, keras.Model(log_mels, keras.layers.GlobalMaxPooling2D(dtype=half)(x))
  )
  waves = np.stack([noise(2.5, seed) for seed in range(2)])
  desired = clip_encoder.embed(waves)["embedding"]
  embeddings = clip_encoder.embed(spoilt(waves, 0, np.nan))["embedding"]
  assert np.isnan(embeddings[0]).all()
  assert_close(embeddings[1], desired[1], atol=1e-6)


ONLY_TENSORFLOW = """
import sys
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load("saved_model")
assert not {"contrastive_audio", "cola", "mixback"} & {name.split(".")[0] for name in sys.modules}
waves = np.load("waves.npz")
results = {name: loaded.signatures["embed"](waveform=tf.constant(wave[None]))["embedding"][0]
           for name, wave in waves.items()}
frames = loaded.embed_frames(tf.constant(waves["1"][None]))
np.savez("results.npz", frames=frames["embedding"], times=frames["time_ms"],
         rate=loaded.sample_rate_hz, size=loaded.embedding_size, **results)
"""


def run_only_tensorflow(folder, waves):
  """Embeds waves in a process that imports TensorFlow and nothing of ours."""
  np.savez(folder / "waves.npz", **waves)
  (folder / "use.py").write_text(ONLY_TENSORFLOW)
  done = subprocess.run([sys.executable, "use.py"], cwd=folder, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  return np.load(folder / "results.npz")


@pytest.mark.slow
def test_the_saved_model_needs_only_tensorflow_and_agrees(model, front_end, tmp_path):
  export_saved_model(front_end, model.encoder, str(tmp_path / "saved_model"))
  loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
  waves = {str(seconds): noise(seconds) for seconds in (0.1, 1, 60)}
  results = run_only_tensorflow(tmp_path, waves)
  for name, wave in waves.items():
    (desired,) = ClipEmbedder(ClipEncoder(front_end, model.encoder)).embed([wave])
    assert_close(results[name], desired, atol=1e-5)
    assert_close(next(ClipEmbedder(loaded).embed([wave])), desired, atol=1e-5)
  assert (results["rate"], results["size"]) == (16_000, 4)
  assert results["frames"].shape == (1, 21, 4)
  assert_close(results["times"][0, :3], [0, 50, 100], atol=1e-3)


def test_real_audio_agrees_from_tf_data_to_saved_model(model, front_end, tmp_path):
  paths = sorted(shared_data("esc10").rglob("*.ogg"))[:3]
  waves = [reading.read(path, RATE_HZ) for path in paths]
  export_saved_model(front_end, model.encoder, str(tmp_path / "saved_model"))
  loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
  for wave in waves:
    saved = loaded.embed(wave[None])["embedding"][0]
    laid_out = tf.data.Dataset.from_tensors(wave[None]).map(front_end.covering)
    mapped = laid_out.map(front_end.cut).map(front_end)
    log_mels = next(iter(mapped))[0][..., None]
    assert_close(saved, by_hand(front_end, model.encoder, wave), atol=1e-4)
    assert_close(saved, tf.reduce_mean(model.encoder(log_mels), 0), atol=1e-4)


def test_gradients_through_a_saved_model_are_those_through_front_end_and_encoder(
  model, front_end, tmp_path
):
  export_saved_model(front_end, model.encoder, str(tmp_path / "saved_model"))
  loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
  wave = tf.constant(noise(0.975)[None])  # a single window

  def by_layers(wave):
    return model.encoder(front_end(wave)[..., None], training=False)

  def gradients(embed, variables):
    with tf.GradientTape() as tape:
      tape.watch([wave, *variables])
      loss = tf.reduce_sum(embed(wave) ** 2)
    return tape.gradient(loss, [wave, *variables])

  ours = gradients(lambda wave: loaded.embed(wave)["embedding"], loaded.encoder_variables)
  theirs = gradients(by_layers, [variable.value for variable in model.encoder.variables])
  assert [each is None for each in ours] == [each is None for each in theirs]  # seeds have none
  used = [pair for pair in zip(ours, theirs) if pair[0] is not None]
  assert len(used) > len(model.encoder.trainable_variables)  # and the wave
  for one, other in used:
    assert np.abs(other).max() > 0
    assert_close(one, other, atol=1e-4 * np.abs(other).max())


def test_exporting_again_replaces_the_old_model_whole(model, front_end, tmp_path):
  folder = tmp_path / "saved_model"
  folder.mkdir()
  (folder / "stale").touch()
  export_saved_model(front_end, model.encoder, str(folder))
  assert not (folder / "stale").exists()
  assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]


def test_a_killed_export_leaves_the_old_model_and_the_next_removes_what_it_left(
  model, front_end, tmp_path, monkeypatch
):
  folder, contents = tmp_path / "saved_model", iter(["old", "new", "newest"])

  def save(module, path, signatures):
    os.mkdir(path)
    (pathlib.Path(path) / "saved_model.pb").write_text(next(contents))

  def killed(*names, **options):
    raise SystemExit(9)

  monkeypatch.setattr(tf.saved_model, "save", save)
  export_saved_model(front_end, model.encoder, str(folder))
  with monkeypatch.context() as patches:
    for name in ("_put", "_close_workshop"):
      patches.setattr(exchange, name, killed)
    with pytest.raises(SystemExit):
      export_saved_model(front_end, model.encoder, str(folder))
  assert (folder / "saved_model.pb").read_text() == "old"
  (left,) = set(os.listdir(tmp_path)) - {"saved_model"}
  os.remove(tmp_path / left / "lock")  # the kernel would have unlocked it
  os.utime(tmp_path / left, (0, 0))
  export_saved_model(front_end, model.encoder, str(folder))
  assert os.listdir(tmp_path) == ["saved_model"]
  assert (folder / "saved_model.pb").read_text() == "newest"
