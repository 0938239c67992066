"""Encoders that run over a whole clip in blocks."""

import itertools

import keras
import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from contrastive_audio.networks.over_time import SplitEncoder
from tests.support import assert_close

FRAMES = 1203
EXACT = {"frame_cnn": 64, "resnet18": 40, "vgg_like": 40}  # encoder -> mel bands


def with_statistics(encoder):
  """Random statistics in BatchNorm, so that what is padded with zeros is not zero afterwards."""
  rng = np.random.default_rng(0)
  for layer in encoder.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
      layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.moving_variance.shape))
      layer.beta.assign(rng.normal(0, 0.3, layer.beta.shape))
  return encoder


def log_mels(num_mels, frames=FRAMES):
  return np.random.default_rng(1).normal(0, 1, [2, frames, num_mels]).astype("f")


def in_blocks(split, values, bounds, context):
  state = split.start(len(values))
  for first, end in itertools.pairwise(bounds):
    fed, fed_end = max(0, first - context), min(FRAMES, end + context)
    owned = end - first if end < FRAMES else -1
    state = split.add(state, values[:, fed:fed_end], first - fed, owned)
  return split.finish(state)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("bounds", [[0, FRAMES], [0, 320, 352, 736, FRAMES], [0, 1184, FRAMES]])
def test_blocks_give_the_embedding_of_one_tensor(name, bounds):
  encoder = with_statistics(getattr(encoders, name)(EXACT[name]))
  split, values = SplitEncoder(encoder), log_mels(EXACT[name])
  desired = encoder(values[..., None], training=False).numpy()
  assert split.is_exact
  actual = in_blocks(split, values, bounds, split.context_frames)
  assert_close(actual, desired, atol=1e-5 * abs(desired).max())


def test_less_context_than_the_network_sees_is_not_enough():
  encoder = with_statistics(encoders.resnet18(40))
  split, values = SplitEncoder(encoder), log_mels(40)
  desired = encoder(values[..., None], training=False).numpy()
  actual = in_blocks(split, values, [0, 320, 736, FRAMES], split.context_frames // 2 // 32 * 32)
  assert np.abs(actual - desired).max() > 1e-4 * abs(desired).max()


def test_context_and_stride_are_those_of_the_layers():
  numbers = {name: SplitEncoder(getattr(encoders, name)(EXACT[name])) for name in EXACT}
  assert {name: (split.stride, split.context_frames) for name, split in numbers.items()} == {
    "frame_cnn": (8, 16),  # three convolutions of 3 and poolings of 2: 14 frames after, 7 before
    "resnet18": (32, 224),  # 217 on both sides
    "vgg_like": (8, 24),
  }


def test_a_network_that_averages_over_time_inside_is_no_network_of_blocks():
  encoder = encoders.efficientnet_b0(64)
  split, values = SplitEncoder(encoder), log_mels(64, frames=200)
  assert not split.is_exact
  actual = split.finish(split.add(split.start(2), values, 0, -1))
  assert_close(actual, encoder(values[..., None], training=False), atol=1e-6)


def refusal(encoder):
  with pytest.raises(UserError) as caught:
    SplitEncoder(encoder)
  return str(caught.value)


def test_a_network_that_goes_through_its_frames_in_order_is_refused():
  assert "crnn cannot be run over a whole clip (GRU is no mean," in refusal(encoders.crnn(40))


def test_a_network_of_so_many_frames_is_refused():
  fixed = keras.Input([96, 64, 1])
  encoder = keras.Model(fixed, keras.layers.GlobalMaxPooling2D()(fixed))
  assert "its time axis has a fixed length" in refusal(encoder)


def test_variances_of_many_blocks_do_not_cancel():
  log_mels = keras.Input([None, 2, 1])
  frames = keras.layers.Reshape([-1, 2])(log_mels)
  split = SplitEncoder(keras.Model(log_mels, keras.ops.var(frames, axis=1)))
  values = np.random.default_rng(0).normal(1000, 0.1, [1, 4096, 2]).astype("f")
  state = split.start(1)
  for block in np.split(values, 64, axis=1):
    state = split.add(state, block, 0, -1)
  assert_close(split.finish(state), values.astype("d").var(axis=1), rtol=1e-3)
