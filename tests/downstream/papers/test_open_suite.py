"""The open suite: a pool pre-trains, what it does not hold judges, at a budget for two cores."""

import dataclasses

import pytest

import cola.config
import mixback.config
from contrastive_audio.errors import UserError
from downstream.cards import pool
from downstream.cards.all_cards import SUITES
from downstream.cards.opening import dataset_of, task_of
from downstream.choices import TaskChoice
from downstream.papers.budgets import RECIPE_BATCH_SIZES, pretraining
from downstream.papers.measurement import LaboratoryRequest
from downstream.papers.open_suite import pretraining_data
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.table import TableRequest
from downstream.papers.tables import MAKERS
from tests.downstream.cards import fake_pool
from tests.support import command


@pytest.fixture(scope="module")
def audio_root(tmp_path_factory):
  root = tmp_path_factory.mktemp("root")
  fake_pool.write(root / "pool")
  return root


@pytest.fixture
def data(audio_root, tmp_path, monkeypatch):
  monkeypatch.setenv("CONTRASTIVE_AUDIO_CACHE", str(tmp_path / "cache"))
  return pretraining_data("open", None, str(audio_root))


def files_of(dataset):
  return {row["file"] for row in fake_pool.read(dataset.removeprefix("folder:"))}


def options_of(name, data, **changes):
  request = TableRequest("open", pretraining_dataset=data.dataset, monitor=data.monitor, **changes)
  return {v.name: dict(v.model.options) for v in MAKERS[name](request).variants}


def test_no_clip_that_judges_or_shows_a_curve_pre_trains(audio_root, data):
  trained = files_of(data.dataset)
  held = fake_pool.LICENCES | fake_pool.NOT_FREE  # licences matter to weights that are published
  assert len(trained) == 8 * len(held)
  assert not trained & files_of(data.monitor)
  for name in set(SUITES["open"]) & set(pool.TASKS):
    choice = TaskChoice(name, audio_root=str(audio_root))
    judged = files_of(dataset_of(task_of(choice), choice))
    assert judged
    assert not judged & (trained | files_of(data.monitor))


def test_curves_are_measured_on_a_collection_that_judges_nothing():
  assert pool.CURVES in pool.DEVELOPMENT
  assert not set(SUITES["open"]) & set(pool.DEVELOPMENT)


def test_a_data_set_of_the_users_pre_trains_as_it_is(audio_root, data):
  mine = pretraining_data("open", "folder:/my/sounds", str(audio_root))
  assert mine == ("folder:/my/sounds", data.monitor)
  named = pretraining_data("open", f"folder:{audio_root}/pool/pool.csv", str(audio_root))
  assert named == data
  whole = pretraining_data("open", f"folder:{audio_root}/pool", str(audio_root))
  assert whole == data  # and not all sounds in the folder, some of which judge
  assert pretraining_data("papers", "esc50", None) == ("esc50", None)
  with pytest.raises(UserError, match=r"no pool\.csv in it"):
    pretraining_data("open", None, "no/such/folder")


def test_batch_sizes_at_equal_clips_take_fewer_steps_the_larger_they_are(data):
  options = options_of("cola_batch_clips", data, steps=160)
  clips = {o["steps"] * o["batch_size"] for o in options.values()}
  assert clips == {160 * 64}
  assert [o["monitor_every"] for o in options.values()] == [26, 6, 1]
  equal = options_of("cola_batch_size", data, steps=160)
  assert {o["steps"] for o in equal.values()} == {160}


@pytest.mark.usefixtures("answers_in_this_process")
def test_microbatches_rename_the_runs_whose_batch_they_divide_and_no_others(data, tmp_path):
  runs = Pretrainings(LaboratoryRequest(str(tmp_path / "t"), "open"))

  def names(**changes):
    request = TableRequest("open", pretraining_dataset=data.dataset, **changes)
    variants = MAKERS["cola_batch_size"](request).variants
    return [runs.name_of(variant.model, seed=0) for variant in variants]

  whole, parts = names(), names(microbatch=64)
  assert [a == b for a, b in zip(whole, parts)] == [True, False, False]  # 64, 256, 1024


@pytest.mark.parametrize(("suite", "recipe"), [("small", "quick"), ("papers", "paper")])
@pytest.mark.parametrize("config", [cola.config, mixback.config], ids=["cola", "mixback"])
def test_microbatches_are_compared_with_the_batches_of_the_recipes(config, suite, recipe):
  settings = {name: deviation.value for name, deviation in config.RECIPES[recipe].items()}
  system = config.__name__.partition(".")[0]
  batch_size = settings.get("batch_size", config.Config().batch_size)
  assert RECIPE_BATCH_SIZES[suite][system] == batch_size
  request = TableRequest(suite, microbatch=batch_size)
  assert "microbatch" not in dict(pretraining(system, request, {}).options)
  parts = pretraining(system, dataclasses.replace(request, microbatch=batch_size // 2), {})
  assert dict(parts.options)["microbatch"] == batch_size // 2


@pytest.mark.slow
@pytest.mark.usefixtures("trainings_in_this_process")
def test_an_ablation_is_trained_and_judged_on_what_the_pool_leaves_out(audio_root, tmp_path):
  options = ["--table=mixback_temperature", "--suite=open", f"--audio_root={audio_root}"]
  options += ["--variants=temperature 0.5", "--seeds=0", "--steps=2", "--batch_size=4"]
  options += ["--tasks=modsounds", "--runs_dir=t", "--store_dir=stores"]
  printed = command("downstream.tables", *options, cwd=tmp_path).stdout
  assert printed.count("pre-train  python -m mixback.train --recipe=paper") == 1
  assert printed.count("measured   knn_patches modsounds") == 1
  row = fake_pool.read(tmp_path / "t" / "mixback_temperature-open.csv")[0]
  assert (row["variant"], row["task"]) == ("temperature 0.5", "modsounds")
  assert float(row["mean"]) > 0
