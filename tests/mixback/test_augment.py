"""Mix-back and each augmentation: golden arrays, ranges, independence, XLA."""

import numpy as np
import pytest
import tensorflow as tf

from audio.errors import UserError
from mixback import augment
from mixback.config import Config
from tests.support import GOLDEN, assert_close

ARRAYS = np.load(GOLDEN / "augment.npz")
SEED = tf.constant([3, 4], tf.int32)
CONFIG = Config()
each_part = pytest.mark.parametrize("name", augment.PARTS)


def patches(count=4, seed=0):
  """Smooth patches, as log-mels are."""
  rng = np.random.default_rng(seed)
  noise = rng.normal(-3, 1, [count, 101, 96])
  return (noise.cumsum(1) / 10 + noise.cumsum(2) / 10).astype("f")


def energies(count=4, seed=0):
  return np.random.default_rng(seed).gamma(0.3, 2.0, [count, 101, 96]).astype("f")


def draw(name, batch, seed=SEED):
  return augment.part(CONFIG, name)(tf.constant(batch), seed).numpy()


def test_mix_back_meets_the_golden_array():
  log_mel = CONFIG.log_mel()
  patch, background = (log_mel.expand(ARRAYS[name][None]) for name in ("patch", "background"))
  mixed = augment.mix_back(patch, background, tf.constant([ARRAYS["lam"]], tf.float32))
  # The array adds the floor of both logarithms to the energies; here silence stays silence.
  error = np.abs(log_mel.compress(mixed)[0] - ARRAYS["mix_back"])
  assert error.mean() < 1e-3
  assert np.median(error) < 1e-5


def test_mix_back_equals_the_formula_of_the_paper():
  x, b, lam = energies(3, 0), energies(3, 1), np.array([0.0, 0.03, 0.9], "f")
  mixed = augment.mix_back(x, b, lam)
  for row in range(3):
    desired = (1 - lam[row]) * x[row] + lam[row] * x[row].sum() / b[row].sum() * b[row]
    assert_close(mixed[row], desired, rtol=1e-4, atol=1e-6)
  assert_close(mixed[0], x[0])
  assert_close(tf.reduce_sum(mixed, [1, 2]), x.sum((1, 2)), rtol=1e-5)  # the energy stays


def test_the_foreground_keeps_at_least_one_minus_lambda_of_the_energy_whatever_the_levels():
  quiet, loud = 1e-8 * energies(1, 0), 1e8 * energies(1, 1)
  mixed = augment.mix_back(quiet, loud, np.array([0.05], "f"))
  assert ((mixed - 0.95 * quiet) >= -1e-14).numpy().all()
  assert_close(tf.reduce_sum(mixed - 0.95 * quiet), 0.05 * quiet.sum(), rtol=1e-3)


def test_silence_in_either_patch_is_finite_and_a_silent_background_adds_nothing():
  x, silence = energies(1), np.zeros([1, 101, 96], "f")
  lam = np.array([0.05], "f")
  assert_close(augment.mix_back(x, silence, lam), 0.95 * x, rtol=1e-6)
  assert_close(augment.mix_back(silence, x, lam), silence)
  assert_close(augment.mix_back(silence, silence, lam), silence)


@pytest.mark.parametrize("clips", [3, 4, 9])
def test_a_clip_is_never_its_own_background_and_its_two_backgrounds_are_different_clips(clips):
  views = tf.constant([[[clip, view] for view in (0, 1)] for clip in range(clips)])
  seen = set()
  for number in range(100):
    picked = augment.pick_backgrounds(views, tf.constant([5, number])).numpy()
    assert picked.shape == (clips, 2, 2)
    first, second = picked[:, 0, 0], picked[:, 1, 0]
    assert ((first != np.arange(clips)) & (second != np.arange(clips)) & (first != second)).all()
    seen |= {(row, *other) for row in range(clips) for other in picked[row].reshape(-1, 2).tolist()}
  assert len(seen) == clips * (clips - 1) * 2  # every other clip, either of its views


def test_resized_crop_meets_the_golden_array():
  box = [tf.constant([value], tf.int32) for value in ARRAYS["crop_top_left_height_width"]]
  cropped = augment.resized_crop(ARRAYS["patch"][None], *box)
  assert_close(cropped[0], ARRAYS["resized_crop"], atol=1e-4)


def test_resized_crop_of_the_whole_patch_changes_nothing():
  batch = patches(2)
  zeros, frames, bands = (tf.fill([2], value) for value in (0, 101, 96))
  assert_close(augment.resized_crop(batch, zeros, zeros, frames, bands), batch, atol=1e-5)


def test_resized_crop_never_sees_what_is_outside_of_it():
  batch = np.zeros([1, 101, 96], "f")
  batch[0, 20:90, 10:80] = 1
  box = [tf.constant([value]) for value in (20, 10, 70, 70)]
  assert_close(augment.resized_crop(batch, *box), np.ones_like(batch), atol=1e-5)


def test_crop_boxes_have_the_area_and_aspect_asked_for_and_lie_inside():
  top, left, height, width = (
    box.numpy() for box in augment._crop_boxes(4000, 101, 96, SEED, 0.8, 4 / 3)
  )
  assert (top >= 0).all()
  assert (left >= 0).all()
  assert (top + height <= 101).all()
  assert (left + width <= 96).all()
  area = height * width / (101 * 96)
  assert area.min() > 0.78
  assert area.max() <= 1
  assert abs(np.corrcoef(top[height < 90], left[height < 90])[0, 1]) < 0.1
  assert ((width / height).min(), (width / height).max()) >= (0.7, 1.1)
  assert top.max() > 8
  assert left.max() > 8


def test_compression_meets_the_golden_array_and_its_range():
  assert_close(
    ARRAYS["patch"] * np.float32(ARRAYS["compander_gain"]), ARRAYS["compander"], atol=1e-6
  )
  batch = patches(400)
  gains = draw("compress", batch)[:, 0, 0] / batch[:, 0, 0]
  assert_close(draw("compress", batch[:3]), batch[:3] * gains[:3, None, None], rtol=1e-5)
  assert_close([gains.min(), gains.mean(), gains.max()], [0.75, 0.875, 1], atol=0.01)


def test_noise_has_a_deviation_of_its_own_for_each_example():
  added = draw("noise", np.zeros([300, 101, 96], "f"))
  stds = added.std(axis=(1, 2))
  assert_close([stds.min(), stds.mean(), stds.max()], [0, 0.005, 0.01], atol=6e-4)
  scaled = added / stds[:, None, None]
  assert abs(scaled.mean()) < 1e-3
  assert_close((scaled**4).mean(), 3.0, atol=0.05)  # kurtosis of a Gaussian
  assert abs(np.corrcoef(scaled[0].ravel(), scaled[1].ravel())[0, 1]) < 0.05
  assert abs(np.corrcoef(scaled[:150].ravel(), scaled[150:].ravel())[0, 1]) < 0.01


def test_specaugment_masks_whole_bands_and_frames_with_the_minimum():
  batch = patches(300)
  masked = draw("specaugment", batch)
  lowest = batch.min((1, 2), keepdims=True)
  changed = masked != batch
  assert (masked[changed] == np.broadcast_to(lowest, batch.shape)[changed]).all()
  hidden = masked == lowest
  frames, bands = hidden.all(axis=2).sum(axis=1), hidden.all(axis=1).sum(axis=1)
  for counts in (frames, bands):  # two masks of 0 to 19 each, which may overlap
    assert counts.max() <= 38
    assert counts.max() > 30
    assert 15 < counts.mean() < 19
  explained = hidden.all(axis=2)[:, :, None] | hidden.all(axis=1)[:, None, :]
  assert (changed <= explained).all()


def test_masks_reach_both_ends():
  masked = draw("specaugment", patches(2000)) != patches(2000)
  assert masked[:, 0].all(axis=1).any()
  assert masked[:, -1].all(axis=1).any()
  assert masked[:, :, 0].all(axis=1).any()
  assert masked[:, :, -1].all(axis=1).any()


@pytest.mark.parametrize(
  ("name", "axis", "top"), [("time_shift", 0, 29), ("frequency_shift", 1, 9)]
)
def test_shifts_roll_forward_by_at_least_one(name, axis, top):
  batch = patches(300)
  shifted, found = draw(name, batch), set()
  for before, after in zip(batch, shifted):
    hits = [s for s in range(1, top + 1) if (np.roll(before, s, axis) == after).all()]
    assert len(hits) == 1
    found |= set(hits)
  assert found == set(range(1, top + 1))


@each_part
def test_batch_mates_get_different_draws_and_do_not_matter(name):
  twins = np.repeat(patches(1), 6, axis=0)
  drawn = draw(name, twins)
  assert len({row.tobytes() for row in drawn}) >= 3
  others = np.concatenate([patches(1), patches(5, seed=1)])
  assert_close(draw(name, others)[0], drawn[0], atol=1e-5)


@each_part
def test_the_seed_decides_alone_eager_mapped_and_compiled(name):
  batch = patches()
  direct = draw(name, batch)
  assert (direct == draw(name, batch)).all()
  assert (direct != draw(name, batch, tf.constant([3, 5]))).any()
  step = augment.part(CONFIG, name)
  mapped = next(iter(tf.data.Dataset.from_tensors(batch).map(lambda x: step(x, SEED))))
  assert_close(mapped, direct, atol=1e-4)
  assert_close(tf.function(step, jit_compile=True)(batch, SEED), direct, atol=1e-4)
  unknown = tf.function(
    step, input_signature=[tf.TensorSpec([None] * 3), tf.TensorSpec([2], "int32")]
  )
  assert_close(unknown(batch, SEED), direct, atol=1e-4)


def test_an_empty_composition_changes_nothing_and_a_full_one_is_its_parts_in_order():
  batch = patches()
  nothing = augment.compose(Config(augment="none"))
  assert nothing(batch, SEED) is batch
  assert augment.parse("noise, rrc") == ["rrc", "noise"]
  assert augment.parse("all") == ["rrc", "compress", "specaugment", "noise"]
  both = augment.compose(Config(augment="compress,rrc"))(batch, SEED)
  fold = augment.randomness.fold
  by_hand = augment.part(CONFIG, "rrc")(batch, fold(SEED, 0))
  assert_close(both, augment.part(CONFIG, "compress")(by_hand, fold(SEED, 1)), atol=1e-6)


def test_an_unknown_augmentation_is_refused_with_the_known_ones():
  with pytest.raises(UserError, match=r"no augmentation is called blur; there are .*rrc, compress"):
    Config(augment="rrc,blur")
