"""The tables of the papers: what they compare, on which data, with which published numbers."""

import dataclasses
import json

import numpy as np
import pytest

import cola.config
from contrastive_audio.configuration import parse_settings
from contrastive_audio.errors import UserError
from downstream.cards import published_scores
from downstream.cards.all_cards import CARDS
from downstream.papers.cells import columns_of, published_of
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.table import Table, TableRequest, Variant
from downstream.papers.tables import MAKERS
from downstream.tables import with_caption
from tests.support import command

MODELS = ("a=x-{seed}", "b")


def table_of(name, **changes):
  return MAKERS[name](TableRequest(**({"models": MODELS} | changes)))


@pytest.mark.parametrize("suite", ["small", "papers", "open"])
@pytest.mark.parametrize("name", MAKERS)
def test_what_pre_trains_is_the_users_data_set_if_one_is_named(name, suite):
  table = table_of(name, suite=suite, pretraining_dataset="./mine")
  models = [v.model for v in table.variants if isinstance(v.model, PretrainingChoice)]
  assert {model.dataset for model in models} <= {"./mine"}


@pytest.mark.parametrize("name", MAKERS)
def test_each_variant_can_be_chosen_by_its_name_in_a_list(name):
  table = table_of(name)
  for variant in table.variants:
    parts = [part.strip() for part in variant.name.split(",")]  # as a flag divides them
    assert table.choose(parts).variants == [variant]
  everything = [p.strip() for variant in table.variants for p in variant.name.split(",")]
  assert table.choose(everything).variants == table.variants


@pytest.mark.parametrize("suite", ["small", "papers", "open"])
@pytest.mark.parametrize("name", MAKERS)
def test_every_table_has_variants_tasks_and_its_own_published_columns(name, suite):
  table = table_of(name, suite=suite, pretraining_dataset="nonsense")
  assert len(table.variants) >= 2
  assert len({variant.name for variant in table.variants}) == len(table.variants)
  columns = columns_of(table)
  assert len(columns) == len({column.title for column in columns})
  assert len(columns) == len(table.tasks) * len(table.conditions)
  assert set(table.tasks) <= set(CARDS)
  published = {column for column, _ in table.published}
  assert {v.column for v in table.variants} - {None} <= published or suite != "papers"


def test_a_table_of_published_numbers_shows_them_all():
  table = table_of("cola_baselines", suite="papers")
  numbers = published_of(table, columns_of(table))
  assert np.isfinite(numbers).sum() == len(published_scores.COLA_BASELINES)


@pytest.mark.parametrize(
  ("request_", "length"),
  [
    ({"suite": "papers"}, "epochs"),
    ({"suite": "papers", "epoch_steps": 1000}, "steps"),
    ({"suite": "papers", "steps": 10}, "steps"),
    ({"suite": "small"}, "steps"),
  ],
)
def test_the_table_of_batch_sizes_says_what_its_trainings_have_in_common(request_, length):
  table = table_of("cola_batch_size", **request_)
  assert f"at equal {length}" in table.title
  options = [dict(variant.model.options) for variant in table.variants]
  assert {o.get("epoch_steps") for o in options} == {request_.get("epoch_steps")}


@pytest.mark.parametrize("name", ["cola_downstream", "cola_baselines"])
@pytest.mark.parametrize("suite", ["small", "open", "papers"])
def test_random_weights_are_those_of_the_network_that_colas_rows_have(name, suite):
  models = {v.name: v.model for v in table_of(name, suite=suite, encoder="frame_cnn").variants}
  trained = models["COLA" if name == "cola_baselines" else "COLA, frozen"]
  assert models["random weights"] == dataclasses.replace(trained, random=True)
  assert models.get("supervised", models["random weights"]) == models["random weights"]


def test_batch_sizes_at_equal_clips_have_shorter_epochs_the_larger_they_are():
  rows = table_of("cola_batch_clips", suite="papers", epoch_steps=100).variants
  options = [dict(row.model.options) for row in rows]
  assert [(o["batch_size"], o["epoch_steps"]) for o in options] == [
    *((256, 100), (512, 50), (1024, 25), (2048, 12))
  ]


def test_tables_share_their_pre_trainings():
  sampling, mix = (table_of(f"mixback_{name}") for name in ("sampling", "mix"))
  shared = {v.model for v in sampling.variants} & {v.model for v in mix.variants}
  assert len(shared) == 1


def test_rows_that_differ_in_name_only_share_a_pre_training():
  models = {variant.name: variant.model for variant in table_of("mixback_mix").variants}
  default = models.pop("other clips")
  assert [name for name in models if models[name] == default] == ["other clips with alpha 0.05"]
  assert len(set(models.values())) == len(models) == 8


def test_the_ablation_of_the_background_has_the_papers_three_questions():
  models = {variant.name: variant.model for variant in table_of("mixback_mix").variants}
  options = {name: dict(model.options) for name, model in models.items()}
  assert [o["mix_alpha"] for name, o in options.items() if "alpha" in name] == [
    *(0.02, 0.05, 0.1, 0.2, 0.5)
  ]
  own = options["other clips without energy adjustment"]
  assert own == options["other clips"] | {"mix_energy": "own"}
  assert {o["mix"] for o in options.values()} == {"none", "within_clip", "batch"}


def test_the_row_of_the_views_of_small_has_those_of_the_recipe():
  row = {variant.name: variant.model for variant in table_of("cola_views").variants}
  settings = [value for name, value in row["views of small"].options if name == "set"]
  fields = parse_settings(cola.config.Config, settings)
  small = cola.config.RECIPES["small"]
  assert {name: small[name].value for name in fields} == fields
  masks = {name for name in small if name.startswith("mask")}
  assert set(fields) == {"augment", *masks}


def test_some_variants_of_a_table_can_be_chosen():
  table = table_of("mixback_mix")
  assert table.choose(None) == table
  some = table.choose(["other clips", "no mix-back"])
  assert [variant.name for variant in some.variants] == ["no mix-back", "other clips"]
  with pytest.raises(UserError, match="there is no 'x'; there are no mix-back; within the clip; o"):
    table.choose(["x"])


def test_variants_are_compared_with_the_first_unless_the_table_names_another_that_was_chosen():
  table = table_of("mixback_mix")
  assert table.reference_variant == "no mix-back"
  named = dataclasses.replace(table, reference="other clips")
  assert named.reference_variant == "other clips"
  assert named.choose(["within the clip", "no mix-back"]).reference_variant == "no mix-back"


def test_each_system_pre_trains_on_the_data_of_its_paper_unless_told_otherwise():
  defaults = ("audioset", "fsdnoisy18k")
  for chosen, expected in ((None, defaults), ("voxceleb", ("voxceleb",) * 2)):
    for name, dataset in zip(("cola_similarity", "mixback_mix"), expected):
      table = table_of(name, suite="papers", pretraining_dataset=chosen)
      assert {variant.model.dataset for variant in table.variants} == {dataset}
  assert {variant.model.dataset for variant in table_of("cola_similarity").variants} == {None}


def test_a_budget_replaces_the_steps_of_the_recipe():
  small = table_of("cola_similarity", steps=7, batch_size=4)
  assert small.variants[0].model.options[:3] == (
    ("recipe", "quick"),
    ("steps", 7),
    ("batch_size", 4),
  )
  papers = table_of("cola_similarity", suite="papers")
  assert papers.variants[0].model.options[:1] == (("recipe", "paper"),)


def test_the_second_paper_is_evaluated_as_its_code_does():
  mix = table_of("mixback_mix", suite="papers")
  assert mix.tasks == ("fsdnoisy18k_validation", "fsdnoisy18k")
  assert {variant.method for variant in mix.variants} == {"knn_patches"}
  fine = table_of("mixback_finetune", suite="papers")
  assert fine.tasks == ("fsdnoisy18k", "fsdnoisy18k_clean")
  assert list(fine.conditions) == [""]


@pytest.mark.parametrize("name", ["mixback_linear", "mixback_finetune"])
def test_a_small_encoder_stands_beside_those_of_the_paper_but_not_in_its_own_suite(name):
  papers = {"resnet18", "vgg_like", "crnn"}
  for suite, expected in (("papers", papers), ("open", papers | {"frame_cnn"})):
    variants = table_of(name, suite=suite, pretraining_dataset="musan").variants
    assert {dict(variant.model.options)["encoder"] for variant in variants} == expected


def test_a_suite_of_models_needs_models():
  with pytest.raises(UserError, match="--table=suite needs --models=NAME=MODEL"):
    table_of("suite", models=())
  named, unnamed = table_of("suite").variants
  assert (named.name, named.model, unnamed.name, unnamed.model) == ("a", "x-{seed}", "b", "b")


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--table=cola_batch_size", "--batch_size=20"], "--batch_size: the rows of --table=cola_"),
    (["--table=mixback_linear", "--encoder=crnn"], "--encoder: the rows of --table=mixback_linear"),
    (
      ["--table=cola_views", "--suite=papers", "--pretraining_tasks=digit"],
      "--pretraining_tasks is for --suite=small: --suite=papers pre-trains on",
    ),
    (
      ["--table=cola_views", "--pretraining_tasks=digit", "--pretraining_dataset=mine"],
      "--pretraining_tasks and --pretraining_dataset: only one of them can pre-train",
    ),
    (["--table=cola_views", "--models=a=runs/a"], "--models is for --table=suite: --table=cola_vi"),
    (["--table=suite", "--models=a=runs/a", "--steps=7"], "--steps: --table=suite trains nothing"),
    (["--table=mixback_mix", "--epochs=5"], "--epochs: no row of --table=mixback_mix with --prot"),
    (["--table=cola_views", "--epochs=5"], "--epochs: no row of --table=cola_views with --protoc"),
    (["--table=mixback_mix", "--protocol=cached"], "--protocol: the rows of --table=mixback_mix"),
    (["--table=cola_views", "--name=mine/views"], "--name=mine/views: it is a name in --runs_dir"),
  ],
)
def test_flags_that_would_be_ignored_are_refused(options, message, tmp_path):
  done = command("downstream.tables", *options, "--dry_run", cwd=tmp_path, check=False)
  assert done.stderr.startswith(f"error: {message}")
  assert done.returncode == 1


@pytest.mark.parametrize(
  ("tasks", "message"),
  [
    ("esc10_fold5,instrumnt", "--tasks: there is no 'instrumnt'; python -m downstream.tasks lists"),
    ("digit,digit", "--tasks: digit is named twice"),
  ],
)
def test_tasks_that_are_unknown_or_named_twice_are_refused_at_once(tasks, message, tmp_path):
  options = ["--table=cola_views", f"--tasks={tasks}", "--audio_root=nowhere"]
  done = command("downstream.tables", *options, cwd=tmp_path, check=False)
  assert done.stderr.startswith(f"error: {message}")
  assert (done.returncode, done.stdout) == (1, "")


def test_the_caption_names_the_protocol_of_the_run_that_the_seed_stands_for(tmp_path):
  (tmp_path / "mb-3").mkdir()
  content = {"system": "mixback", "config": {}, "data": {}, "input": {}}
  (tmp_path / "mb-3" / "config.json").write_text(json.dumps(content))
  table = Table("mine", [Variant("mine", str(tmp_path / "mb-{seed}"))], ("musan",))
  request = LaboratoryRequest("l", protocol="paper")
  title = with_caption(table, request, seed=3).title
  assert title == "mine; linear evaluation by mix-back's protocol"
