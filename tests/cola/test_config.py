"""The numbers of the paper, and the recipes that deviate from them."""

import dataclasses

import pytest

from cola import config as cola_config
from cola.config import RECIPES, Config
from contrastive_audio.configuration import configure as configure_class
from contrastive_audio.errors import UserError

FIELDS = {field.name for field in dataclasses.fields(Config)}


def configure(recipe, flag_values, num_clips):
  return configure_class(Config, RECIPES[recipe], flag_values, num_clips)


def test_the_defaults_are_the_paper():
  config = Config()
  assert (config.dataset, config.encoder, config.similarity) == (
    "audioset",
    "efficientnet_b0",
    "bilinear",
  )
  assert (config.batch_size, config.epochs, config.learning_rate) == (1024, 500, 1e-4)
  assert (config.projection_units, config.temperature, config.pooling) == (512, 0.2, "max")
  assert (config.num_mels, config.fmin_hz, config.fmax_hz, config.frames) == (64, 60, 7800, 96)


def test_the_paper_has_no_deviation_and_every_other_one_has_a_reason():
  assert cola_config.RECIPES["paper"] == {}
  assert configure("paper", {}, 10_240) == dataclasses.replace(Config(), steps=5_000)
  for name, recipe in cola_config.RECIPES.items():
    assert set(recipe) <= FIELDS
    for field, deviation in recipe.items():
      assert deviation.reason
      assert deviation.value != getattr(Config(), field), name


def test_epochs_become_steps_and_flags_override_the_recipe():
  config = configure("paper", {"dataset": "x", "steps": None, "unknown": 1}, num_clips=10_240)
  assert (config.steps, config.dataset) == (5_000, "x")
  assert configure("paper", {"steps": 7, "batch_size": 64}, 100).steps == 7
  quick = RECIPES["quick"]["batch_size"].value
  assert configure("quick", {"batch_size": None}, 100).batch_size == quick == 32


def test_small_data_sets_get_the_small_recipe_by_default():
  assert cola_config.default_recipe(400) == "small"
  assert cola_config.default_recipe(2_000_000) == "paper"


@pytest.mark.parametrize(
  ("field", "value"),
  [("similarity", "dot"), ("pooling", "sum"), ("short_clips", "reflect"), ("clip_pooling", "max")],
)
def test_an_unknown_choice_is_refused_with_the_known_ones(field, value):
  with pytest.raises(UserError, match=f"{field}={value!r}: must be one of"):
    Config(**{field: value})


def test_a_recipe_for_small_sets_fits_smaller_ones_and_a_flag_is_taken_as_it_is():
  assert configure("small", {}, 50).batch_size == 50
  assert configure("small", {}, 5000).batch_size == RECIPES["small"]["batch_size"].value
  assert configure("small", {"batch_size": 60}, 50).batch_size == 60
  assert configure("paper", {}, 50).batch_size == 1024


def test_a_schedule_that_ends_at_the_last_step_fixes_the_number_of_steps():
  assert Config().fixed_steps() is None
  assert Config(warm_up=0.1).fixed_steps() == (
    "its learning rate falls to 0 at its last step (warm_up=0.1)"
  )
