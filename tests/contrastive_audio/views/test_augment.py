"""Each augmentation: golden arrays, ranges, independence, XLA."""

import numpy as np
import pytest
import tensorflow as tf

import cola.config
from contrastive_audio.errors import UserError
from contrastive_audio.views import augment, crop, stateless_random
from mixback.config import Config
from tests.support import GOLDEN, assert_close

ARRAYS = np.load(GOLDEN / "augment.npz")
SEED = tf.constant([3, 4], tf.int32)
CONFIG = Config()
each_augmentation = pytest.mark.parametrize("name", augment.AUGMENTATIONS)


def patches(count=4, seed=0):
  """Smooth patches, as log-mels are."""
  rng = np.random.default_rng(seed)
  noise = rng.normal(-3, 1, [count, 101, 96])
  return (noise.cumsum(1) / 10 + noise.cumsum(2) / 10).astype("f")


def draw(name, batch, seed=SEED):
  return augment.augmentation(CONFIG, name)(tf.constant(batch), seed).numpy()


def test_resized_crop_meets_the_golden_array():
  box = [tf.constant([value], tf.int32) for value in ARRAYS["crop_top_left_height_width"]]
  cropped = crop.resized_crop(ARRAYS["patch"][None], *box)
  assert_close(cropped[0], ARRAYS["resized_crop"], atol=1e-4)


def test_resized_crop_of_the_whole_patch_changes_nothing():
  batch = patches(2)
  zeros, frames, bands = (tf.fill([2], value) for value in (0, 101, 96))
  assert_close(crop.resized_crop(batch, zeros, zeros, frames, bands), batch, atol=1e-5)


def test_resized_crop_never_sees_what_is_outside_of_it():
  batch = np.zeros([1, 101, 96], "f")
  batch[0, 20:90, 10:80] = 1
  box = [tf.constant([value]) for value in (20, 10, 70, 70)]
  assert_close(crop.resized_crop(batch, *box), np.ones_like(batch), atol=1e-5)


def test_a_crop_box_is_the_first_draw_that_fits_or_the_whole_patch():
  count, ratio_max = 300, 2.0
  seeds = stateless_random.split(SEED, 4)
  size = [count, crop.CROP_ATTEMPTS]
  areas = 101 * 96 * stateless_random.uniform(size, seeds[0], 0.9, 1.0).numpy()
  limit = np.log(ratio_max)
  ratios = np.exp(stateless_random.uniform(size, seeds[1], -limit, limit).numpy())
  expected = []
  for draws in zip(np.sqrt(areas / ratios).round(), np.sqrt(areas * ratios).round()):
    fitting = [(height, width) for height, width in zip(*draws) if height <= 101 and width <= 96]
    expected.append([*fitting, (101, 96)][0])
  _, _, height, width = crop._crop_boxes(count, 101, 96, SEED, 0.9, ratio_max)
  np.testing.assert_array_equal(np.stack([height, width], 1), expected)
  assert 10 < expected.count((101, 96)) < count / 2  # of some, no draw fits


def test_crop_boxes_have_the_area_and_aspect_asked_for_and_lie_inside():
  top, left, height, width = (
    box.numpy() for box in crop._crop_boxes(4000, 101, 96, SEED, 0.8, 4 / 3)
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
  shifted, shifts = draw(name, batch), set()
  for before, after in zip(batch, shifted):
    hits = [s for s in range(1, top + 1) if (np.roll(before, s, axis) == after).all()]
    assert len(hits) == 1
    shifts |= set(hits)
  assert shifts == set(range(1, top + 1))


def test_a_pitch_shift_moves_bands_up_or_down_and_repeats_the_edge():
  batch = patches(300)
  shifted, shifts = draw("pitch_shift", batch), []
  num_bands = batch.shape[2]
  for before, after in zip(batch, shifted):
    sources = [np.clip(np.arange(num_bands) - s, 0, num_bands - 1) for s in range(-5, 6)]
    (hit,) = [s for s, source in zip(range(-5, 6), sources) if (before[:, source] == after).all()]
    shifts.append(hit)
  assert set(shifts) == set(range(-5, 6))
  assert abs(np.mean(shifts)) < 1  # deviation 3.2 / sqrt(300) = 0.18


@each_augmentation
def test_batch_mates_get_different_draws_and_do_not_matter(name):
  twins = np.repeat(patches(1), 6, axis=0)
  drawn = draw(name, twins)
  assert len({row.tobytes() for row in drawn}) >= 3
  others = np.concatenate([patches(1), patches(5, seed=1)])
  assert_close(draw(name, others)[0], drawn[0], atol=1e-5)


@each_augmentation
def test_the_seed_decides_alone_eager_mapped_and_compiled(name):
  batch = patches()
  direct = draw(name, batch)
  assert (direct == draw(name, batch)).all()
  assert (direct != draw(name, batch, tf.constant([3, 5]))).any()
  step = augment.augmentation(CONFIG, name)
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
  assert augment.parse_augment("noise, rrc") == ["rrc", "noise"]
  assert augment.parse_augment("all") == ["rrc", "compress", "specaugment", "noise"]
  both = augment.compose(Config(augment="compress,rrc"))(batch, SEED)
  fold = augment.stateless_random.fold
  by_hand = augment.augmentation(CONFIG, "rrc")(batch, fold(SEED, 0))
  assert_close(both, augment.augmentation(CONFIG, "compress")(by_hand, fold(SEED, 1)), atol=1e-6)


def test_an_unknown_augmentation_is_refused_with_the_known_ones():
  with pytest.raises(UserError, match=r"no augmentation is called blur; there are .*rrc, compress"):
    Config(augment="rrc,blur")


@pytest.mark.parametrize(
  "config", [CONFIG, cola.config.Config()], ids=["log10 power", "ln magnitude"]
)
def test_a_decibel_is_that_of_the_wave_whatever_the_logarithm(config):
  log_mel = config.log_mel()
  wave = np.random.default_rng(0).normal(0, 0.1, [1, 30_000]).astype("f")
  louder = log_mel(wave * np.float32(10 ** (6 / 20))) - log_mel(wave)
  assert_close(louder, np.full(louder.shape, 6 * log_mel.decibel), atol=1e-3)


def gains_db(name, count=400):
  """What an augmentation adds, in dB of the wave."""
  return draw(name, np.zeros([count, 101, 96], "f")) / CONFIG.log_mel().decibel


def test_the_level_moves_the_whole_patch_within_its_range():
  gains = gains_db("level")
  assert_close(gains, np.broadcast_to(gains[:, :1, :1], gains.shape))
  assert_close([gains.min(), gains.mean(), gains.max()], [-13, 0, 13], atol=1.2)
  assert gains.min() >= -13
  assert gains.max() <= 13


def test_the_fader_goes_straight_from_one_level_to_another():
  gains = gains_db("fader")
  assert_close(gains, np.broadcast_to(gains[:, :, :1], gains.shape), atol=1e-5)
  assert_close(np.diff(gains[:, :, 0], n=2, axis=1), np.zeros([400, 99]), atol=1e-4)
  for end in (0, -1):
    assert_close([gains[:, end].min(), gains[:, end].max()], [-9, 9], atol=0.3)
  assert abs(np.corrcoef(gains[:, 0, 0], gains[:, -1, 0])[0, 1]) < 0.15


def test_the_equaliser_is_the_same_in_all_frames_and_straight_between_its_knots():
  gains = gains_db("equalise")
  assert_close(gains, np.broadcast_to(gains[:, :1], gains.shape), atol=1e-5)
  bends = np.abs(np.diff(gains[:, 0], n=2, axis=1)) > 1e-3
  assert bends.any(axis=0).sum() <= 2 * 4  # around each of the four inner knots
  assert_close([gains[:, 0, 0].std(), gains[:, 0, -1].std()], [4.5, 4.5], rtol=0.15)


def test_masks_may_be_filled_with_the_mean():
  batch = patches(20)
  masked = augment.augmentation(Config(mask_fill="mean"), "specaugment")(batch, SEED).numpy()
  changed = masked != batch
  expected = np.broadcast_to(batch.mean((1, 2), keepdims=True), batch.shape)
  assert changed.any()
  assert_close(masked[changed], expected[changed], rtol=1e-5)
  with pytest.raises(UserError, match="mask_fill='zero': must be one of minimum, mean"):
    Config(mask_fill="zero")
