"""What --model may be, and what it must not."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola.config import Config
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.runs import Run
from downstream.encoders import models
from tests.support import assert_close

WAVES = [
  np.random.default_rng(i).normal(0, 0.1, n).astype("f") for i, n in enumerate((900, 40_000))
]


def embed(model):
  return np.stack(list(model.embedder.embed(WAVES)))


def test_a_run_and_its_saved_model_embed_alike(tiny_run):
  run, exported = models.open_model(str(tiny_run)), models.open_model(str(tiny_run / "saved_model"))
  original = Run.open(str(tiny_run))
  desired = list(ClipEmbedder(ClipEncoder(original.front_end(), original.encoder())).embed(WAVES))
  for model in (run, exported):
    assert (model.sample_rate_hz, model.embedding_size) == (16_000, 4)
    assert_close(embed(model), np.stack(desired), atol=1e-5)
  assert exported.encoder is None
  assert run.identity == models.open_model(str(tiny_run)).identity != exported.identity


@pytest.mark.slow
def test_random_weights_depend_on_the_seed_only():
  first, again, other = (models.open_model("random:efficientnet_b0", seed) for seed in (0, 0, 1))
  assert first.identity == again.identity != other.identity
  rows = embed(first)
  assert_close(embed(again), rows)
  assert np.abs(embed(other) - rows).max() > 0.1 * np.abs(rows).max()


def test_the_baseline_has_the_front_end_of_cola():
  ours = keras.saving.serialize_keras_object(models.cola_front_end())["config"]
  desired = keras.saving.serialize_keras_object(Config().front_end())["config"]
  for config in (ours, desired):
    config.pop("name")
    config["log_mel"].pop("name")
  assert ours == desired


def test_random_weights_of_a_run_are_new_weights_in_its_network(tiny_run):
  run, random = models.open_model(str(tiny_run)), models.open_model(f"random:{tiny_run}")
  shapes = [[w.shape for w in model.encoder.weights] for model in (run, random)]
  assert shapes[0] == shapes[1]
  assert np.abs(run.encoder.weights[0] - random.encoder.weights[0]).max() > 0
  assert random.front_end.get_config()["frames"] == run.front_end.get_config()["frames"]


def test_random_weights_of_a_run_that_was_trained_again_with_another_network_are_other_ones(
  tiny_run, tmp_path
):
  folder = shutil.copytree(tiny_run, tmp_path / "run")
  before, again = (models.open_model(f"random:{folder}") for _ in range(2))
  assert before.identity == again.identity
  encoder = keras.models.load_model(folder / "encoder.keras", compile=False)
  inputs = keras.Input([None, 64, 1])
  embedding = encoder(inputs)
  doubled = keras.layers.Concatenate()([embedding, embedding])
  keras.Model(inputs, doubled, name=encoder.name).save(folder / "encoder.keras")
  after = models.open_model(f"random:{folder}")
  assert after.embedding_size == 2 * before.embedding_size
  assert after.identity != before.identity


@pytest.mark.parametrize("prefix", ["", "random:"])
def test_projections_of_another_head_have_another_identity(tiny_run, tmp_path, prefix):
  identities = set()
  for name in ("a", "b"):
    folder = shutil.copytree(tiny_run, tmp_path / name)
    head = keras.models.load_model(folder / "head.keras", compile=False)
    inputs = keras.Input(head.input_shape[1:])
    units = head.output_shape[-1] if name == "a" else 7
    keras.Model(inputs, keras.layers.Dense(units)(inputs)).save(folder / "head.keras")
    identities |= {models.open_model(f"{prefix}{folder}").with_head().identity for _ in range(2)}
  assert len(identities) == 2


def test_log_mel_statistics_are_mean_and_deviation_of_the_whole_clip():
  model = models.open_model("logmel_stats")
  assert (model.sample_rate_hz, model.embedding_size, model.encoder) == (16_000, 128, None)
  wave = np.random.default_rng(0).normal(0, 0.1, 16_000 * 90).astype("f")  # more than one block
  log_mel = Config().log_mel()(wave[None])[0].numpy().astype(float)
  (embedding,) = model.embedder.embed([wave])
  assert_close(embedding, np.concatenate([log_mel.mean(0), log_mel.std(0)]), atol=1e-3)
  (short,) = model.embedder.embed([wave[:10]])
  assert np.isfinite(short).all()
  with pytest.raises(UserError, match="has no --frames"):
    model.embedder.embed_frames([wave])


def saved_model_of_others(folder):
  module = tf.Module()
  module.embed = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
  tf.saved_model.save(module, str(folder))


def saved_model_with_our_names(folder):
  """Everything is there, and nothing of it is what it should be."""
  module = tf.Module()
  for name in ("sample_rate_hz", "embedding_size", "window_samples"):
    setattr(module, name, tf.Variable(3))
  for name in ("cut", "cut_frames", "log_mels", "encode"):
    setattr(module, name, tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])]))
  tf.saved_model.save(module, str(folder))


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("alike", "the SavedModel does not embed .* export it again"),
    ("cut", "the SavedModel cannot be loaded"),
    ("nowhere", "--model=nowhere: there is no such folder; a model is a run folder"),
    ("empty", "the folder holds neither a run"),
    ("others", "the SavedModel lacks sample_rate_hz, .* export it again"),
    ("broken", "the SavedModel cannot be loaded"),
    ("unfinished", "has no encoder.keras yet"),
    ("half", "half/config.json is damaged .* bring it back from a copy"),
    ("random:resnet", "random: is followed by efficientnet_b0, or by a run folder"),
  ],
)
def test_what_is_no_model_is_refused_in_one_line(name, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for folder in ("empty", "broken", "unfinished", "half"):
    (tmp_path / folder).mkdir()
  saved_model_of_others(tmp_path / "others")
  saved_model_with_our_names(tmp_path / "alike")
  shutil.copytree(tmp_path / "alike", tmp_path / "cut")
  shutil.rmtree(tmp_path / "cut" / "variables")
  (tmp_path / "broken" / "saved_model.pb").write_bytes(b"no")
  (tmp_path / "unfinished" / "config.json").write_text(
    json.dumps({"system": "cola", "config": {}, "data": {}, "input": {}, "versions": {}})
  )
  (tmp_path / "half" / "config.json").write_text('{"system"')
  with pytest.raises(UserError, match=message) as caught:
    models.open_model(name)
  assert "\n" not in str(caught.value)
