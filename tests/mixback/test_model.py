"""mix-back's views, NT-Xent, head, schedule and whole model."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixback.config import ENCODERS, Config
from mixback.model import NTXent, build_model, learning_rate, make_views, mix, projection_head
from tests.support import GOLDEN, assert_close

LOSSES = np.load(GOLDEN / "losses.npz")
SEED = tf.constant([1, 2], tf.int32)


def excerpts(clips=4, number=2, seed=0):
  return np.random.default_rng(seed).normal(0, 0.1, [clips, number, 24_048]).astype("f")


def mix_sounds(config, energies):
  """Mixes energies none of which is silent."""
  return mix(config, tf.constant(energies), np.zeros(energies.shape[:2], bool), SEED).numpy()


def unit_rows(count, size, seed=0):
  rows = np.random.default_rng(seed).normal(size=[count, size])
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f")


def test_nt_xent_meets_the_golden_value():
  pair = (tf.constant(LOSSES[name]) for name in ("nt_xent_z1", "nt_xent_z2"))
  assert_close(NTXent(0.2)(*pair)[0], LOSSES["nt_xent"], atol=1e-5)


@pytest.mark.parametrize(("pairs", "temperature"), [(2, 0.2), (5, 0.07), (9, 1.0)])
def test_nt_xent_equals_four_naive_loops(pairs, temperature):
  z1, z2 = unit_rows(pairs, 6, 0), unit_rows(pairs, 6, 1)
  z = np.concatenate([z1, z2]).astype(float)
  total, hits = 0.0, 0
  for i in range(2 * pairs):
    j = (i + pairs) % (2 * pairs)
    similarities = {k: float(z[i] @ z[k]) for k in range(2 * pairs) if k != i}
    bottom = sum(np.exp(s / temperature) for s in similarities.values())
    total -= np.log(np.exp(similarities[j] / temperature) / bottom)
    hits += max(similarities, key=similarities.get) == j
  desired = [total / (2 * pairs), hits / (2 * pairs)]
  assert_close(NTXent(temperature)(tf.constant(z1), tf.constant(z2)), desired, atol=1e-5)


def test_nt_xent_of_equal_projections_is_the_logarithm_of_the_number_of_others():
  rows = tf.ones([4, 3]) / np.sqrt(3)
  assert_close(NTXent(0.2)(rows, rows)[0], np.log(7), atol=1e-5)


@pytest.mark.parametrize("temperature", [1e-4, 1e-3, 1e3])
def test_nt_xent_and_its_gradient_are_finite_at_any_temperature(temperature):
  z1, z2 = tf.constant(unit_rows(8, 4, 0)), tf.constant(unit_rows(8, 4, 1))
  with tf.GradientTape() as tape:
    tape.watch(z1)
    loss, _ = NTXent(temperature)(z1, z2)
  assert np.isfinite(loss)
  assert np.isfinite(tape.gradient(loss, z1)).all()


def test_without_mix_and_augmentation_a_view_is_the_standardised_log_mel():
  config = Config(mix="none", augment="none", mean=-4.0, std=2.0)
  views = make_views(config)(excerpts(), SEED)
  assert views.shape == (4, 2, 101, 96)
  log_mels = config.front_end().log_mel.compress(config.front_end().energies(excerpts()))
  assert_close(views, (log_mels + 4) / 2, atol=1e-5)


def test_lambda_zero_changes_nothing():
  config = Config(mix_alpha=0.0)
  energies = config.front_end().energies(excerpts())
  assert_close(mix_sounds(config, energies), energies)


def test_the_two_views_of_a_clip_share_lambda_and_batch_mates_do_not():
  config = Config(mix_alpha=0.5)
  # Clip c fills band c only, so that what is left in band c tells lambda.
  energies = np.zeros([6, 2, 101, 96], "f")
  for clip in range(6):
    energies[clip, :, :, clip] = 1 + clip
  mixed = mix_sounds(config, energies)
  kept = np.array([mixed[c, :, 0, c] / (1 + c) for c in range(6)])  # 1 - lambda
  assert_close(kept[:, 0], kept[:, 1], atol=1e-6)
  assert len(np.unique(kept[:, 0].round(4))) == 6
  assert kept.min() >= 0.5
  others = mixed.sum(axis=2).argsort(axis=2)[:, :, -2]  # the band of the background
  assert (others[:, 0] != others[:, 1]).all()
  assert_close(mixed.sum(axis=(2, 3)), energies.sum(axis=(2, 3)), rtol=1e-5)


def test_within_clip_takes_the_backgrounds_of_the_same_clip():
  config = Config(mix="within_clip", mix_alpha=0.5)
  energies = np.random.default_rng(0).gamma(1, 1, [3, 4, 101, 96]).astype("f")
  energies[:, :2, :, 48:] = 0  # so that what is left in the lower bands tells lambda
  energies[:, 2:, :, :48] = 0
  mixed = mix_sounds(config, energies)
  kept = mixed[:, :, :1, :1] / energies[:, :2, :1, :1]  # 1 - lambda
  ratio = energies[:, :2].sum((2, 3)) / energies[:, 2:].sum((2, 3))
  background = ratio[:, :, None, None] * energies[:, 2:]
  assert_close(mixed, kept * energies[:, :2] + (1 - kept) * background, rtol=1e-4)
  assert kept.max() < 1


@pytest.mark.slow
def test_views_depend_on_the_seed_and_compile_to_the_same():
  views = make_views(Config(augment="all"))
  direct = views(excerpts(), SEED)
  assert_close(views(excerpts(), SEED), direct)
  assert np.abs(views(excerpts(), tf.constant([1, 3])) - direct).max() > 0.1
  assert_close(
    tf.function(views, autograph=False, jit_compile=True)(excerpts(), SEED), direct, atol=1e-3
  )
  mapped = tf.data.Dataset.from_tensors(excerpts()).map(lambda x: views(x, SEED))
  assert_close(next(iter(mapped)), direct, atol=1e-3)


def test_the_two_views_of_a_clip_are_augmented_apart():
  twice = np.repeat(excerpts(4, 1), 2, axis=1)
  for name in ("rrc", "compress", "noise", "specaugment", "time_shift"):
    views = make_views(Config(mix="none", augment=name))(twice, SEED).numpy()
    assert all((pair[0] != pair[1]).any() for pair in views), name


@pytest.mark.parametrize(("size", "parameters"), [(512, 526_336), (64, 296_960)])
def test_the_head_has_the_published_size_and_unit_length(size, parameters):
  encoder = keras.Sequential([keras.Input([size]), keras.layers.Identity()])
  head = projection_head(encoder, Config())
  assert sum(np.prod(v.shape) for v in head.trainable_variables) == parameters
  projections = head(unit_rows(5, size), training=True)
  assert_close(tf.norm(projections, axis=1), np.ones(5), atol=1e-5)


def test_the_head_starts_as_the_published_one_does_in_pytorch():
  keras.utils.set_random_seed(0)
  encoder = keras.Sequential([keras.Input([64]), keras.layers.Identity()])
  head = projection_head(encoder, Config())
  layers = [layer for layer in head.layers if isinstance(layer, keras.layers.Dense)]
  for layer, inputs in zip(layers, (64, 512), strict=True):
    for weights in layer.get_weights():  # kernel and bias
      assert 0.97 * inputs**-0.5 < np.abs(weights).max() <= inputs**-0.5


def test_the_rate_drops_after_65_and_85_percent_of_the_steps():
  schedule = learning_rate(Config(steps=500))
  rates = {step: float(schedule(step)) for step in (0, 324, 325, 424, 425, 499)}
  desired = {0: 0.03, 324: 0.03, 325: 0.003, 424: 0.003, 425: 0.0003, 499: 0.0003}
  assert_close(list(rates.values()), list(desired.values()), rtol=1e-5)


@pytest.mark.parametrize(
  "encoder",
  [n if n == "frame_cnn" else pytest.param(n, marks=pytest.mark.slow) for n in ENCODERS],
)
def test_the_whole_model_is_seeded_and_a_step_changes_every_weight(encoder):
  config = Config(encoder=encoder, batch_size=3, steps=10)
  models = []
  for seed in (0, 0, 1):
    keras.utils.set_random_seed(seed)
    models.append(build_model(config))
  first, again, other = ([w.numpy() for w in model.weights] for model in models)
  assert all((a == b).all() for a, b in zip(first, again, strict=True))
  assert any((a != b).any() for a, b in zip(first, other, strict=True))
  logs = tf.function(models[0].train_step, autograph=False)(excerpts(3))
  assert np.isfinite([float(value) for value in logs.values()]).all()
  for before, weight in zip(first, models[0].weights, strict=True):
    if "seed_generator" not in weight.path:
      assert (before != weight.numpy()).any(), weight.path


def test_batchnorm_sees_the_two_views_one_after_the_other():
  config = dataclasses.replace(Config(encoder="vgg_like", steps=10), mix="none", augment="none")
  waves = excerpts(3)
  waves[:, 1] *= 0.01  # the views differ in level, which statistics over both would mix up
  moving = []
  for separate in (True, False):
    keras.utils.set_random_seed(0)
    model = build_model(config)
    assert model.separate_passes  # as the published code has it
    model.separate_passes = separate
    model.train_step(tf.constant(waves))
    moving.append(model.encoder.get_layer("conv0_bn").moving_mean.numpy())
    if separate:
      by_hand = np.zeros(32)
      keras.utils.set_random_seed(0)
      convolution = build_model(config).encoder.get_layer("conv0_conv")
      for view in (0, 1):
        log_mels = make_views(config)(waves, SEED)[:, view, ..., None]
        by_hand = 0.9 * by_hand + 0.1 * convolution(log_mels).numpy().mean((0, 1, 2))
      assert_close(moving[0], by_hand, atol=1e-4)
  assert np.abs(moving[0] - moving[1]).max() > 1e-2
