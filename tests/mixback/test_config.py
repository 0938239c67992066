"""The numbers of the paper and its released configuration, and the recipes that deviate."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.configuration import configure
from contrastive_audio.errors import UserError
from contrastive_audio.views import augment
from mixback import config as mixback_config
from mixback.config import RECIPES, Config

FIELDS = {field.name for field in dataclasses.fields(Config)}


def test_the_defaults_are_the_released_configuration():
  config = Config()
  assert (config.dataset, config.encoder, config.positives) == ("fsdnoisy18k", "resnet18", "random")
  assert (config.mix, config.mix_alpha, config.mix_energy) == ("batch", 0.05, "foreground")
  assert config.temperature == 0.2
  assert augment.parse_augment(config.augment) == ["rrc", "compress", "noise"]
  assert (config.learning_rate, config.momentum, config.weight_decay) == (0.03, 0.9, 1e-4)
  assert (config.batch_size, config.epochs) == (128, 500)
  assert (config.first_drop, config.second_drop) == (325 / 500, 425 / 500)
  assert (config.hidden_units, config.projection_units) == (512, 512)
  assert (config.num_mels, config.fmin_hz, config.fmax_hz, config.frames) == (96, 50, 10_500, 101)


def test_the_paper_has_no_deviation_and_every_other_recipe_has_reasons():
  assert RECIPES["paper"] == {}
  assert configure(Config, {}, {}, 15_813) == dataclasses.replace(Config(), steps=500 * 123)
  for name, recipe in RECIPES.items():
    assert set(recipe) <= FIELDS
    for field, deviation in recipe.items():
      assert deviation.reason
      assert deviation.value != getattr(Config(), field), name
  assert configure(Config, RECIPES["all"], {}, 1000).augment == "all"


def test_small_data_sets_get_the_small_recipe_by_default():
  assert mixback_config.default_recipe(400) == "small"
  assert mixback_config.default_recipe(15_813) == "paper"


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("encoder", "vgg"),
    ("positives", "near"),
    ("mix", "all"),
    ("mix_energy", "none"),
    ("short_clips", "cut"),
    ("clip_pooling", "mean"),
  ],
)
def test_an_unknown_choice_is_refused_with_the_known_ones(field, value):
  with pytest.raises(UserError, match=f"{field}={value!r}: must be one of"):
    Config(**{field: value})


def test_backgrounds_need_three_clips_and_alpha_is_a_share():
  with pytest.raises(UserError, match="two other clips"):
    Config(batch_size=2)
  assert Config(batch_size=2, mix="none").batch_size == 2
  with pytest.raises(UserError, match="mix_alpha=1.5: must be 0 to 1"):
    Config(mix_alpha=1.5)


def test_whole_clips_are_refused_for_the_recurrent_network_at_once():
  with pytest.raises(UserError, match="clip_pooling=clip: crnn goes through its frames in order"):
    Config(encoder="crnn", clip_pooling="clip")
  assert (
    Config(encoder="crnn", clip_pooling="windows_max").front_end().clip_pooling == "windows_max"
  )


def test_recipes_and_flags_reach_the_excerpts(clip_store):
  pairs = Config(batch_size=4, positives="separated", separation_frames=7).pairs(clip_store)
  assert (pairs.positives, pairs.separation, pairs.excerpts_per_clip) == ("separated", 7, 2)
  assert Config(batch_size=4, mix="within_clip").pairs(clip_store).excerpts_per_clip == 4


def test_a_schedule_that_depends_on_the_last_step_fixes_the_number_of_steps():
  assert "drops after 65 % and 85 % of its steps" in Config().fixed_steps()
  assert "falls to 0 at its last step (optimizer=adam)" in Config(optimizer="adam").fixed_steps()
  assert Config(first_drop=1.0, second_drop=1.0).fixed_steps() is None


def test_one_of_two_statistics_is_refused_because_both_would_be_measured():
  for value in ({"mean": -2.5, "std": None}, {"mean": None, "std": 1.5}):
    with pytest.raises(UserError, match="mean and std: set both, or neither"):
      Config(**value)
  assert Config(mean=None, std=None).std is None


def test_masks_fit_into_excerpts_and_shifts_move_something():
  fitting = {"frames": 96, "num_mels": 64, "mask_frames_max": 97, "mask_bands_max": 65}
  Config(**fitting, augment="specaugment")
  for name in ("mask_frames_max", "mask_bands_max"):
    wider = fitting | {name: fitting[name] + 1}
    with pytest.raises(UserError, match=f"{name}={fitting[name]} would do"):
      Config(**wider, augment="specaugment")
    Config(**wider, augment="level")  # no mask is drawn
  for name in ("shift_frames_max", "shift_bands_max"):
    with pytest.raises(UserError, match=f"{name}=1: must be at least 2"):
      Config(**{name: 1})


@pytest.mark.parametrize(
  "changes", [{"frames": 201}, {"sample_rate_hz": 16_000, "fmax_hz": 7800.0}]
)
@pytest.mark.parametrize("short_clips", ["repeat", "tile", "zeros"])
def test_a_patch_fits_into_every_clip_that_is_filled_up(changes, short_clips):
  front_end = Config(short_clips=short_clips, **changes).front_end()
  for clip_samples in (1000, front_end.sample_rate_hz, 30_000):
    assert front_end.layout.num_starts(clip_samples) >= 1
    waves = tf.random.stateless_normal([1, clip_samples], [0, 0])
    for laid_out, starts in (front_end.covering(waves), front_end.hopping(waves)):
      windows = front_end.cut(laid_out, starts)
      assert windows.shape[-1] == front_end.num_samples
      assert np.isfinite(windows).all()


def test_patches_as_long_as_the_papers_need_clips_of_a_second():
  assert Config().front_end().layout.shortest_samples == 22_050


def test_the_learning_rate_drops_in_order():
  with pytest.raises(UserError, match="first_drop=1: the first drop of the learning rate comes"):
    Config(first_drop=1.0)
  assert Config(first_drop=0.9, second_drop=1.0).second_drop == 1.0
