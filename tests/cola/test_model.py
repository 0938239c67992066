"""COLA's own parts against independent values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola.config import Config
from cola.model import (
  BilinearSimilarity,
  ColaObjective,
  CosineSimilarity,
  build_model,
  projection_head,
)
from tests.support import GOLDEN, assert_close

LOSSES = np.load(GOLDEN / "losses.npz")


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
  head = projection_head(1280, Config(similarity=similarity))
  assert [type(layer).__name__ for layer in head.layers] == layers
  assert head.output_shape == (None, 512)
  assert similarity == "cosine" or head.layers[-1].activation is keras.activations.tanh


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
