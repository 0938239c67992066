"""COLA's own parts against independent values."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola.config import RECIPES, Config
from cola.model import (
  BilinearSimilarity,
  ColaObjective,
  CosineSimilarity,
  build_model,
  make_views,
  projection_head,
)
from contrastive_audio.configuration import configure
from tests.support import GOLDEN, assert_close

LOSSES = np.load(GOLDEN / "losses.npz")


def b0_like(size=1280):
  """A stand-in for an encoder."""
  return keras.Sequential([keras.Input([size]), keras.layers.Identity()])


def bilinear(w):
  layer = BilinearSimilarity()
  layer.build(w.shape)
  layer.w.assign(w)
  return layer


def loss_of(similarity, anchors=LOSSES["cola_anchor"]):
  return ColaObjective(similarity)(tf.constant(anchors), tf.constant(LOSSES["cola_positive"]))[0]


def test_bilinear_loss_meets_the_golden_value():
  assert_close(loss_of(bilinear(LOSSES["cola_w"])), LOSSES["cola_bilinear"], atol=1e-5)


def test_cosine_loss_meets_the_golden_value():
  assert_close(loss_of(CosineSimilarity(0.2)), LOSSES["cola_cosine"], atol=1e-5)


def test_a_transposed_weight_or_other_temperature_misses_the_golden_values():
  assert abs(loss_of(bilinear(LOSSES["cola_w"].T)) - LOSSES["cola_bilinear"]) > 1e-3
  assert abs(loss_of(CosineSimilarity(0.21)) - LOSSES["cola_cosine"]) > 1e-3


def test_bilinear_similarity_is_the_formula_of_the_paper():
  rng = np.random.default_rng(0)
  x, w, y = rng.normal(size=[3, 4]), rng.normal(size=[4, 4]), rng.normal(size=[5, 4])
  logits = bilinear(w)(tf.constant(x, tf.float32), tf.constant(y, tf.float32))
  desired = [[x[i] @ w @ y[j] for j in range(5)] for i in range(3)]
  assert_close(logits, desired, atol=1e-5)


def test_cosine_does_not_see_the_length():
  assert_close(
    loss_of(CosineSimilarity(0.2), 100 * LOSSES["cola_anchor"]), LOSSES["cola_cosine"], atol=1e-4
  )


def test_the_bilinear_weight_starts_with_the_published_deviation():
  layer = BilinearSimilarity()
  layer.build((None, 512))
  assert_close(np.std(layer.w), 0.05, rtol=0.02)


def test_a_perfect_match_has_accuracy_one():
  rows = 10 * tf.eye(6)
  loss, accuracy = ColaObjective(CosineSimilarity(0.01))(rows, rows)
  assert_close([loss, accuracy], [0, 1], atol=1e-5)


@pytest.mark.parametrize(
  ("similarity", "layers"),
  [("bilinear", ["Dense", "LayerNormalization", "Activation"]), ("cosine", ["Dense"])],
)
def test_the_head_is_that_of_the_paper(similarity, layers):
  head = projection_head(b0_like(), Config(similarity=similarity))
  assert [type(layer).__name__ for layer in head.layers] == layers
  assert head.output_shape == (None, 512)
  assert similarity == "cosine" or head.layers[-1].activation is keras.activations.tanh


@pytest.mark.parametrize("head", ["dense", "mlp"])
def test_the_head_starts_as_in_keras_which_the_published_code_is(head):
  layers = projection_head(b0_like(), Config(head=head)).layers
  for layer in layers:
    if isinstance(layer, keras.layers.Dense):
      limit = np.float32(np.sqrt(6 / sum(layer.kernel.shape)))  # Glorot
      assert 0.97 * limit < np.abs(layer.kernel).max() <= limit
      assert not layer.bias.numpy().any()


def test_the_whole_model_is_seeded_and_complete():
  models = []
  for seed in (0, 0, 1):
    keras.utils.set_random_seed(seed)
    models.append(build_model(Config()))
  first, again, other = ([w.numpy() for w in model.weights] for model in models)
  assert all((a == b).all() for a, b in zip(first, again, strict=True))
  assert any((a != b).any() for a, b in zip(first, other, strict=True))
  trained = 4_006_972 + 1280 * 512 + 512 + 2 * 512 + 512 * 512
  assert sum(np.prod(v.shape) for v in models[0].trainable_variables) == trained


@pytest.mark.parametrize("name", ["bilinear", "cosine"])
def test_with_two_directions_loss_and_accuracy_are_the_means_of_both(name):
  similarity = bilinear(LOSSES["cola_w"]) if name == "bilinear" else CosineSimilarity(0.2)
  rows = [tf.constant(LOSSES[f"cola_{part}"]) for part in ("anchor", "positive")]
  logits = similarity(*rows).numpy().astype(float)
  expected = []
  for one in (logits, logits.T):
    log_softmax = one - np.log(np.exp(one).sum(axis=1, keepdims=True))
    hits = (one.argmax(axis=1) == np.arange(len(one))).mean()
    expected.append([-np.diag(log_softmax).mean(), hits])
  assert_close(ColaObjective(similarity, 2)(*rows), np.mean(expected, axis=0), rtol=1e-5)


SMALL = configure(Config, RECIPES["small"], {"steps": 20, "batch_size": 4}, 100)


def test_the_views_of_the_small_recipe_are_augmented_apart_seeded_and_standardised():
  config = dataclasses.replace(SMALL, mean=-5.0, std=2.0)
  excerpts = np.random.default_rng(0).normal(0, 0.1, [4, 1, 15_600]).astype("f").repeat(2, axis=1)
  views = make_views(config)
  one, again, other = (
    views(excerpts, tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3])
  )
  assert one.shape == (4, 2, 96, 64)
  assert_close(one, again)
  assert np.abs(one - other).max() > 0.1
  assert np.abs(one[:, 0] - one[:, 1]).max(axis=(1, 2)).min() > 0.1
  clean = make_views(dataclasses.replace(config, augment="none"))(excerpts, tf.constant([1, 2]))
  raw = make_views(Config())(excerpts, tf.constant([1, 2]))
  assert_close(clean, (raw.numpy() + 5) / 2, atol=1e-4)


def test_the_model_of_the_small_recipe_learns_to_tell_a_batch_apart():
  config = dataclasses.replace(SMALL, mean=-8.0, std=2.0)
  keras.utils.set_random_seed(0)
  model = build_model(config)
  excerpts = np.random.default_rng(0).normal(0, 0.1, [4, 2, 15_600]).astype("f").cumsum(-1)
  batches = tf.data.Dataset.from_tensors(excerpts).repeat()
  fitted = model.fit(batches, epochs=20, steps_per_epoch=1, shuffle=False, verbose=0)
  losses = fitted.history["loss"]
  assert np.isfinite(losses).all()
  assert np.mean(losses[-5:]) < np.mean(losses[:5])
  assert_close(model.optimizer.learning_rate, 1e-3, atol=1e-9)  # constant
