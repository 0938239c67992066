"""Configurations: settings of fields that have no flag of their own, and the number of steps."""

import dataclasses

import pytest

import cola.config
import mixback.config
from cola.config import Config
from contrastive_audio.configuration import configure, parse_settings
from contrastive_audio.errors import UserError
from contrastive_audio.views.system_config import SystemConfig


def test_values_get_the_type_of_the_field():
  texts = ["short_clips=tile", "masks=1", "learning_rate=1", "deterministic=True", "mean=-3.5"]
  expected = {"short_clips": "tile", "masks": 1, "learning_rate": 1.0, "deterministic": True}
  assert parse_settings(Config, texts) == expected | {"mean": -3.5}
  assert isinstance(parse_settings(Config, texts)["learning_rate"], float)
  assert parse_settings(Config, ["augment=level,fader"]) == {"augment": "level,fader"}


@pytest.mark.parametrize("batch_size", [256, 2048])
def test_an_epoch_is_a_pass_over_all_clips_or_as_many_steps_as_it_is_told(batch_size):
  settings = {"epochs": 500, "batch_size": batch_size}
  passes = configure(Config, {}, settings, num_clips=20_480)
  assert passes.steps == 500 * 20_480 // batch_size
  told = configure(Config, {}, settings | {"epoch_steps": 1000}, num_clips=20_480)
  assert told.steps == 500_000


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("mask=1", "--set=mask=1: there is no field 'mask'; did you mean mask"),
    ("masks", "--set=masks: write --set=masks=VALUE"),
    ("masks=many", r"'many' is not a whole number \(default: 2\)"),
    ("masks=1.5", r"'1.5' is not a whole number \(default: 2\)"),
    ("masks=True", r"'True' is not a whole number \(default: 2\)"),
    ("learning_rate=fast", r"'fast' is not a number \(default: 0.0001\)"),
    ("deterministic=1", r"'1' is not a value: True or False \(default: False\)"),
    ("steps=True", r"'True' is not a whole number \(default: None\)"),
  ],
)
def test_a_setting_that_fits_no_field_is_one_line(text, message):
  with pytest.raises(UserError, match=message) as error:
    parse_settings(Config, [text])
  assert "\n" not in str(error.value)


OUT_OF_RANGE = {
  "batch_size": (1, "must be at least 2"),
  "steps": (0, "must be at least 1"),
  "epochs": (0, "must be at least 1"),
  "checkpoint_every": (0, "must be at least 1"),
  "seed": (-1, "must be 0 to "),
  "sample_rate_hz": (0, "must be at least 1"),
  "frame_samples": (0, "must be at least 1"),
  "hop_samples": (-160, "must be at least 1"),
  "fft_samples": (8, "must be at least "),  # the frame
  "num_mels": (0, "must be at least 1"),
  "frames": (0, "must be at least 1"),
  "fmin_hz": (-1.0, "must be 0 to "),
  "fmax_hz": (20_000.0, "must be 0 to "),  # half the sample rate
  "std": (0.0, "must be above 0"),
  "temperature": (0.0, "must be above 0"),
  "learning_rate": (float("nan"), "must be at least 0"),
  "weight_decay": (float("inf"), "must be at least 0"),
  "batchnorm_momentum": (1.5, "must be 0 to 1"),
  "max_bad_fraction": (5.0, "must be 0 to 1"),
  "warm_up": (-0.1, "must be 0 to 1"),
  "projection_units": (0, "must be at least 1"),
  "crop_scale_min": (2.0, "must be 0 to 1"),
  "crop_ratio_max": (0.5, "must be at least 1"),
  "mask_bands_max": (0, "must be at least 1"),
  "shift_frames_max": (0, "must be at least 2"),
  "masks": (-1, "must be at least 0"),
  "noise_std_max": (-0.1, "must be at least 0"),
}


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
@pytest.mark.parametrize("field", OUT_OF_RANGE)
def test_a_number_that_makes_no_sense_is_refused_with_what_is_allowed(config_class, field):
  value, message = OUT_OF_RANGE[field]
  with pytest.raises(UserError, match=f"{field}={value!r}: {message}"):
    config_class(**{field: value})


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
def test_the_lowest_band_lies_below_the_highest(config_class):
  with pytest.raises(UserError, match="fmin_hz=4000: must be below fmax_hz=3000"):
    config_class(fmin_hz=4000.0, fmax_hz=3000.0)


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
def test_xla_and_deterministic_operations_exclude_each_other(config_class):
  assert not config_class().xla
  with pytest.raises(UserError, match="xla and deterministic: what XLA compiles is not"):
    config_class(xla=True, deterministic=True)


@pytest.mark.parametrize(
  ("batch_size", "microbatch", "message"),
  [
    (12, 5, "microbatch=5: batch_size=12 is no multiple of it; 4 or 6 would do"),
    (1024, 100, "64 or 128 would do"),
    (97, 32, "97 would do"),
    (12, 1, "microbatch=1: must be at least 2"),
    (12, -1, "microbatch=-1: must be at least 2"),
  ],
)
def test_microbatches_of_one_size_make_up_a_batch(batch_size, microbatch, message):
  for fitting in (0, 2, batch_size, 5000):
    if fitting != 2 or batch_size % 2 == 0:
      Config(batch_size=batch_size, microbatch=fitting)
  with pytest.raises(UserError, match=message):
    Config(batch_size=batch_size, microbatch=microbatch)


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
def test_networks_of_others_have_a_name_of_two_parts(config_class):
  for name in ("keras:MobileNetV3Small", "mine:build", "my.package:build"):
    assert config_class(encoder=name).encoder == name
  for name in ("vgg", "keras:", ":build", "mine:build()", "a-b:build", "mine:a.b", "a:b:c"):
    with pytest.raises(UserError, match="must be one of .*keras:NAME .*module:function"):
      config_class(encoder=name)


@pytest.mark.parametrize("system", [cola.config, mixback.config])
def test_every_recipe_is_allowed(system):
  for recipe in system.RECIPES.values():
    configure(system.Config, recipe, {}, num_clips=100)


def test_the_number_of_steps_is_known_once_the_number_of_clips_is():
  assert configure(Config, {}, {"batch_size": 10, "epochs": 3}, num_clips=45).num_steps == 12
  assert configure(Config, {}, {"steps": 7}, num_clips=45).num_steps == 7
  with pytest.raises(ValueError, match="`configure` computes it"):
    _ = Config().num_steps


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
def test_systems_have_the_fields_and_methods_that_training_reads(config_class):
  """For type checkers RunConfig announces fields that only systems have."""
  names = {field.name for field in dataclasses.fields(config_class)}
  announced = {"dataset", "sample_rate_hz", "mean", "std", "encoder", "batch_size", "epochs"}
  assert announced <= names
  assert not announced & {field.name for field in dataclasses.fields(SystemConfig)}
  for method in ("log_mel", "front_end", "pairs"):
    assert getattr(config_class, method) is not getattr(SystemConfig, method)


@pytest.mark.parametrize("config_class", [Config, mixback.config.Config])
@pytest.mark.parametrize(
  ("settings", "steps"),
  [({"epochs": 3}, 3 * 100), ({"epoch_steps": 7, "epochs": 2}, 14), ({"steps": 5}, 5)],
)
def test_epochs_that_are_asked_for_replace_the_steps_of_a_recipe(config_class, settings, steps):
  recipes = {Config: cola.config.RECIPES, mixback.config.Config: mixback.config.RECIPES}
  made = configure(config_class, recipes[config_class]["small"], settings, num_clips=6400)
  assert made.steps == steps
  with pytest.raises(UserError, match="steps=5 and epochs=3: leave out one"):
    configure(config_class, {}, {"steps": 5, "epochs": 3}, num_clips=6400)


def test_numbers_that_may_be_missing_have_types_too():
  settings = parse_settings(Config, ["steps=1e3", "mean=-3", "std=2"])
  assert settings == {"steps": 1000, "mean": -3.0, "std": 2.0}
  assert [type(value) for value in settings.values()] == [int, float, float]
  for text in ("steps=2.5", "epoch_steps=1.5", "seed=0.5", "mean=low"):
    with pytest.raises(UserError, match="is not a (whole )?number"):
      parse_settings(Config, [text])
  with pytest.raises(UserError, match="seed=99999999999: must be 0 to "):
    Config(seed=99_999_999_999)
  with pytest.raises(UserError, match="mean=inf: must be"):
    Config(mean=float("inf"), std=1.0)


def test_a_setting_that_is_given_twice_is_refused():
  with pytest.raises(UserError, match="--set=steps=60: steps is given twice"):
    parse_settings(Config, ["steps=50", "steps=60"])


UNUSED = [
  (Config, {}, {"masks": 1}, "masks=1 has no effect: augment=none has no specaugment"),
  (Config, {"augment": "rrc"}, {"pitch_bands_max": 3}, "has no pitch_shift"),
  (Config, {}, {"temperature": 0.1}, "temperature=0.1 has no effect: it is of similarity=cosine"),
  (Config, {}, {"hidden_units": 64}, "it is of head=mlp, and head=dense"),
  (Config, {}, {"encoder_width": 2}, "it is of frame_cnn, and encoder=efficientnet_b0"),
  (Config, {"encoder": "frame_cnn"}, {"pooling": "avg"}, "encoder=frame_cnn does without it"),
  (Config, {"encoder": "keras:MobileNetV3Small"}, {"input_scaling": "none"}, "does without it"),
  (Config, {"encoder": "mine:build"}, {"pooling": "avg"}, "encoder=mine:build does without it"),
  (Config, {"encoder": "mine:build"}, {"batchnorm_momentum": 0.5}, "mine:build does without it"),
  (Config, {"encoder": "frame_cnn"}, {"head_input": "all"}, "it is of head=mlp, and head=dense"),
  (mixback.config.Config, {"mix": "none"}, {"mix_alpha": 0.1}, "mix_alpha=0.1 has no effect: mix="),
  (mixback.config.Config, {}, {"separation_frames": 9}, "it is of positives=separated, not random"),
  (mixback.config.Config, {}, {"warm_up": 0.2}, "it is of optimizer=adam, not sgd"),
  (mixback.config.Config, {"optimizer": "adam"}, {"momentum": 0.5}, "optimizer=sgd, not adam"),
]


@pytest.mark.parametrize(("config_class", "others", "asked", "message"), UNUSED)
def test_what_is_asked_for_and_has_no_effect_is_refused(config_class, others, asked, message):
  config = config_class(**others, **asked)
  config.require_used(others)
  with pytest.raises(UserError, match=message):
    config.require_used([*others, *asked])


@pytest.mark.parametrize("code", [cola.config, mixback.config])
def test_no_recipe_sets_what_has_no_effect(code):
  for recipe in code.RECIPES.values():
    if recipe is not code.RECIPES.get("adapt"):  # its networks are those of the source
      configure(code.Config, recipe, {}, num_clips=100).require_used(recipe)
