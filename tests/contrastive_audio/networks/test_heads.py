"""The projection head sees what it may see of an embedding, and starts as it is told to."""

import keras
import numpy as np

from contrastive_audio.networks import encoders, heads
from contrastive_audio.networks.pytorch_defaults import pytorch_dense
from tests.support import assert_close


def test_of_frame_cnn_the_head_sees_the_last_units_only():
  encoder = encoders.frame_cnn(64)
  head = heads.mlp(encoder, 16, 32, 0.9)
  embedding = np.random.default_rng(0).normal(size=[4, 3072]).astype("f")
  changed = embedding.copy()
  changed[:, :2048] += 1
  assert_close(head(changed), head(embedding))
  changed[:, 2048:] += 1
  assert np.abs(head(changed) - head(embedding)).max() > 0.01


def test_a_head_that_sees_all_depends_on_every_part_of_the_embedding():
  head = heads.mlp(encoders.frame_cnn(64), 16, 32, 0.9, head_input="all")
  embedding = np.random.default_rng(0).normal(size=[4, 3072]).astype("f")
  for start in range(0, 3072, 512):
    changed = embedding.copy()
    changed[:, start : start + 512] += 1
    assert np.abs(head(changed) - head(embedding)).max() > 0.01


def test_of_other_encoders_it_sees_everything():
  encoder = encoders.vgg_like(64)
  head = heads.mlp(encoder, 16, 32, 0.9)
  embedding = np.zeros([2, 512], "f")
  changed = np.eye(1, 512, dtype="f") + embedding
  assert np.abs(head(changed) - head(embedding)).max() > 1e-4


def dense_layers(make_dense, seed=0):
  keras.utils.set_random_seed(seed)
  head = heads.mlp(encoders.frame_cnn(64), 128, 512, 0.9, make_dense)
  return [layer for layer in head.layers if isinstance(layer, keras.layers.Dense)]


def test_a_pytorch_head_starts_uniform_in_one_over_the_root_of_its_inputs():
  for layer, inputs in zip(dense_layers(pytorch_dense), (1024, 512), strict=True):
    kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
    assert kernel.shape[0] == inputs  # of the 3072 units of the embedding the head sees the last
    limit = inputs**-0.5
    for weights, tolerance in ((kernel, 0.01), (bias, 0.15)):
      assert 0.97 * limit < np.abs(weights).max() <= limit
      assert_close(weights.std(), limit / np.sqrt(3), rtol=tolerance)
      assert abs(weights.mean()) < 0.15 * limit
    lower, upper = (np.abs(kernel) < limit / 2).mean(), (np.abs(kernel) > limit / 2).mean()
    assert_close(lower, upper, atol=0.01)  # uniform: a normal one would have more in the middle
    assert not (kernel == bias).any()  # drawn apart


def test_the_seed_decides_how_a_head_starts():
  first, again, other = (
    [weights for layer in dense_layers(pytorch_dense, seed) for weights in layer.get_weights()]
    for seed in (0, 0, 1)
  )
  assert all((a == b).all() for a, b in zip(first, again, strict=True))
  assert all((a != b).any() for a, b in zip(first, other, strict=True))


def test_a_keras_head_starts_with_glorots_kernels_and_a_bias_of_zeros():
  for layer in dense_layers(heads.keras_dense):
    limit = np.sqrt(6 / sum(layer.kernel.shape))
    assert 0.97 * limit < np.abs(layer.kernel).max() <= limit
    assert not layer.bias.numpy().any()
