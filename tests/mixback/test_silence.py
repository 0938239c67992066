"""From waves to views: silence is neither mixed in nor mixed with, whatever became of its zeros."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from mixback import silence
from mixback.config import MIX_ENERGIES, Config
from mixback.model import make_views
from tests.support import assert_close

RATE_HZ = 22_050
NUM_SAMPLES = 24_048  # of an excerpt
SEED = tf.constant([1, 2], tf.int32)
PLAIN = {"augment": "none", "mean": 0.0, "std": 1.0, "mix_alpha": 0.5}
each_energy = pytest.mark.parametrize("mix_energy", MIX_ENERGIES)


def noise(seconds, seed=0, level=0.1):
  return np.random.default_rng(seed).normal(0, level, int(seconds * RATE_HZ))


# The mean of "fades" is far from 0: once it is removed, the silence of that clip is a constant.
CLIPS = {
  "long": noise(6),
  "fades": np.concatenate([0.2 + noise(1), np.zeros(5 * RATE_HZ)]),
  "three_seconds": noise(3, 1),
  "half_a_second": noise(0.5, 2),
  "zeros": np.zeros(5 * RATE_HZ),
  "offset": np.full(5 * RATE_HZ, 0.3),
}
SILENT = ("zeros", "offset")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
  folder = tmp_path_factory.mktemp("clips")
  for name, wave in CLIPS.items():
    soundfile.write(folder / f"{name}.wav", wave, RATE_HZ, subtype="FLOAT")
  source = datasets.open_source(f"folder:{folder}")
  return preparation.prepare(source, RATE_HZ, str(tmp_path_factory.mktemp("stores")))


def excerpts_of(store, config, *names, at=0.0):
  """Excerpts `[B, E, N]` of the clips, as a step of training cuts them, from one place on."""
  pairs = config.pairs(store)
  ids = np.array([store.keys().index(f"{name}.wav") for name in names])
  words = np.full([len(names), pairs.excerpts_per_clip], int(at * 2**32), np.uint32)
  return pairs.copy(ids, words)


def views_and_patches(config, excerpts):
  """The views of a batch, and the log-mels of the same excerpts before anything is mixed."""
  patches = config.front_end()(excerpts[:, :2]).numpy()
  return make_views(config)(excerpts, SEED).numpy(), patches


@each_energy
def test_a_clip_too_short_for_backgrounds_of_its_own_stays_as_it_is(store, mix_energy):
  config = Config(**PLAIN, mix="within_clip", mix_energy=mix_energy, batch_size=4)
  names = ["half_a_second", "three_seconds", "zeros", "offset"]
  views, patches = views_and_patches(config, excerpts_of(store, config, *names))
  assert_close(views, patches, atol=1e-6)


@pytest.mark.parametrize("short_clips", ["zeros", "tile", "repeat"])
@each_energy
def test_a_sound_among_silent_clips_stays_as_it_is(store, mix_energy, short_clips):
  config = Config(**PLAIN, mix_energy=mix_energy, batch_size=4, short_clips=short_clips)
  for name in ("long", "half_a_second"):
    views, patches = views_and_patches(config, excerpts_of(store, config, name, *SILENT))
    assert_close(views[0], patches[0], atol=1e-6)


@pytest.mark.parametrize("mix", ["batch", "within_clip"])
def test_a_silent_stretch_of_a_clip_is_silence_although_it_is_not_zero(store, mix):
  config = Config(**PLAIN, mix=mix, batch_size=4)
  excerpts = excerpts_of(store, config, "fades", "long", "zeros", at=0.7)
  assert np.ptp(excerpts[0]) == 0
  assert abs(excerpts[0, 0, 0]) > 0.01
  excerpts[1, :2] = excerpts_of(store, config, "fades", at=0.0)[0, :2]  # a sound
  if mix == "within_clip":
    excerpts[1, 2:] = excerpts[0, 2:]
  views, patches = views_and_patches(config, excerpts)
  assert_close(views, patches, atol=1e-6)


def test_a_silent_view_gets_no_background(store):
  config = Config(**PLAIN, batch_size=4)
  views, patches = views_and_patches(config, excerpts_of(store, config, "long", "fades", *SILENT))
  assert_close(views[2:], patches[2:], atol=1e-6)
  assert views[2:].max() < -7.9  # the floor is 1.1e-8
  assert np.abs(views[:2] - patches[:2]).max() > 0.1  # there were sounds to be mixed


def test_silence_gets_a_background_that_keeps_its_own_energy(store):
  config = Config(**PLAIN, mix_energy="own", batch_size=4)
  views, patches = views_and_patches(config, excerpts_of(store, config, "zeros", "long", "fades"))
  background = np.maximum(*patches[1:, 0])  # one of the two, at most half of its energy
  assert (views[0] > patches[0] + 1).all()
  assert (views[0].mean((1, 2)) < background.mean()).all()


@pytest.mark.parametrize("level", [1.0, 1e-2, 1e-4])
def test_quiet_sounds_are_sounds(level):
  config = Config(**PLAIN, mix="within_clip", batch_size=4)
  excerpts = np.array([[noise(2, seed)[:NUM_SAMPLES] for seed in range(4)]], "f")
  excerpts[:, 2:] *= level
  views, patches = views_and_patches(config, excerpts)
  assert np.abs(views - patches).max() > 0.1
  loud, quiet = (10.0 ** array.astype(float) for array in (patches, views))
  assert_close(quiet.sum((2, 3)), loud.sum((2, 3)), rtol=1e-4)  # the energy stays


@pytest.mark.parametrize("mix", ["batch", "within_clip"])
def test_without_the_energy_adjustment_a_louder_background_adds_its_own_energy(mix):
  """x + lambda (c^2 - 1) x, if the background is the foreground times c; else x itself."""
  wave = noise(2)[:NUM_SAMPLES].astype("f")
  gains = {}
  for factor in (10.0, 0.1):
    rows = [[wave] * 2 + [factor * wave] * 2] * 3
    excerpts = np.array(rows if mix == "within_clip" else [[wave] * 2, *[[factor * wave] * 2] * 2])
    for mix_energy in MIX_ENERGIES:
      config = Config(**PLAIN, mix=mix, mix_energy=mix_energy, batch_size=3)
      views, patches = views_and_patches(config, excerpts.astype("f"))
      change = 10.0 ** (views - patches)[0]
      gains[factor, mix_energy] = change[0, 0, 0]
      assert_close(change, np.full(change.shape, change[0, 0, 0]), rtol=1e-3)
  assert_close([gains[factor, "foreground"] for factor in (10.0, 0.1)], np.ones(2), atol=1e-4)
  lams = [(gains[factor, "own"] - 1) / (factor**2 - 1) for factor in (10.0, 0.1)]
  assert_close(lams[0], lams[1], rtol=1e-3)
  assert 0.01 < lams[0] < 0.5


def test_silence_is_recognised_alone_in_a_batch_compiled_on_the_host_and_in_half_precision(store):
  config = Config(**PLAIN, batch_size=4)
  front_end = config.front_end()
  find = silence.detector(front_end)
  excerpts = tf.concat([excerpts_of(store, config, *CLIPS, at=at) for at in (0.0, 0.9)], 0)

  def decide(waves):
    return find(waves, front_end.energies(waves))

  desired = [name in SILENT for name in CLIPS] + [name in (*SILENT, "fades") for name in CLIPS]
  host = next(iter(tf.data.Dataset.from_tensors(excerpts).map(decide)))
  alone = tf.concat([decide(excerpts[row : row + 1]) for row in range(len(excerpts))], 0)
  halves = [decide(tf.cast(excerpts, kind)) for kind in (tf.float16, tf.bfloat16)]
  compiled = tf.function(decide, jit_compile=True)(excerpts)
  for actual in (decide(excerpts), host, alone, compiled, *halves):
    np.testing.assert_array_equal(actual, np.transpose([desired] * 2))


def test_a_sound_that_no_frame_sees_does_not_count():
  front_end = Config().front_end()
  excerpts = np.full([1, 1, NUM_SAMPLES], 0.01, "f")
  excerpts[..., :694] = -0.3  # before the window of the first frame; the mean of all is 0.001
  assert silence.detector(front_end)(excerpts, front_end.energies(excerpts)).numpy().all()


def test_a_background_that_is_not_finite_is_not_taken_for_silence():
  front_end = Config().front_end()
  excerpts = np.full([1, 1, NUM_SAMPLES], np.nan, "f")
  assert not silence.detector(front_end)(excerpts, front_end.energies(excerpts)).numpy().any()
