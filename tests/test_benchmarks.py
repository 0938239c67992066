"""What the benchmarks compare is what they say."""

import csv

import numpy as np
import pytest
import soundfile

import cola.config
import mixback.config
from benchmarks import foreign, labels, recipes
from contrastive_audio.configuration import configure, parse_settings
from downstream.judging import Condition

SYSTEMS = {"cola": cola.config, "mixback": mixback.config}


def config_of(system, recipe, settings):
  code = SYSTEMS[system]
  given = parse_settings(code.Config, settings)
  return configure(code.Config, code.RECIPES[recipe], given, num_clips=3000)


@pytest.mark.parametrize("name", [n for n, variant in recipes.VARIANTS.items() if variant])
def test_every_variant_is_a_configuration_and_only_the_recipes_themselves_change_nothing(name):
  system, recipe, settings = recipes.VARIANTS[name]
  whole = config_of(system, "small", [])
  unchanged = config_of(system, recipe, settings) == whole
  assert unchanged == (name in recipes.WHOLE or name.startswith("random weights"))


def test_conditions_are_read_from_texts():
  assert recipes.conditions(["all", "10"]) == [Condition(), Condition(labels_per_class=10)]


def test_every_training_of_few_labels_takes_as_many_steps():
  for task, clips in labels.TASKS.items():
    for condition in labels.CONDITIONS:
      seen = 10 * condition.labels_per_class if condition.labels_per_class else clips
      steps = max(1, int(0.8 * seen) // 64) * labels.epochs_of(task, condition)
      assert 250 <= steps < 250 + 25


@pytest.mark.parametrize("makers", [foreign.synthetic_makers, foreign.foreign_makers])
def test_foreign_sounds_depend_on_nothing_but_their_number(makers, tmp_path, monkeypatch):
  monkeypatch.setattr(foreign, "CLIPS_PER_CLASS", 5)
  paths = [foreign.write(str(tmp_path / name), makers()) for name in ("one", "other")]
  with open(paths[0]) as file:
    rows = list(csv.DictReader(file))
  assert len({row["label"] for row in rows}) == 10
  assert sum(row["split"] == "test" for row in rows) == 30
  for row in rows:
    one, other = (soundfile.read(tmp_path / name / row["file"])[0] for name in ("one", "other"))
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all()
    assert 0 < np.abs(one).max() < 1
