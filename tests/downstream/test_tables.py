"""Tables: the papers' numbers, resumed runs, and nothing measured twice."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table as markdown
from downstream import tables, tasks
from downstream.cards import published_scores
from downstream.judging import Condition
from downstream.papers import tables as paper_tables
from downstream.papers.laboratory import Laboratory, Measurement, Pretraining
from tests.downstream.cards import fake_corpora
from tests.support import assert_close, command, write_clips

PLACES = {"data_dir": None, "manual_dir": None, "audio_root": None, "max_bad_fraction": 0.05}
PLACES |= {"store_dir": None, "pretraining_dataset": "nonsense", "pretraining_tasks": None}
VALUES = PLACES | {"suite": "small", "steps": None, "batch_size": None, "epochs": 2}
VALUES |= {"models": ["a=x-{seed}", "b"]}


def test_published_averages_are_those_of_their_columns():
  tasks_of_paper = list(published_scores.PAPER_TASKS)
  for numbers in (
    published_scores.COLA_DOWNSTREAM,
    published_scores.COLA_SIMILARITY,
    published_scores.COLA_BATCH_SIZE,
  ):
    for column in {column for column, _ in numbers}:
      average = np.mean([numbers[column, task] for task in tasks_of_paper])
      assert abs(average - numbers[column, published_scores.AVERAGE]) < 0.1  # cut off in the paper


def test_tables_that_share_a_column_print_the_same_numbers():
  for task in published_scores.PAPER_TASKS:
    frozen = published_scores.COLA_DOWNSTREAM["frozen", task]
    assert frozen == published_scores.COLA_SIMILARITY["bilinear", task]
    assert frozen == published_scores.COLA_BATCH_SIZE["batch_1024", task]


@pytest.mark.parametrize("suite", ["small", "papers"])
@pytest.mark.parametrize("name", paper_tables.MAKERS)
def test_every_table_has_variants_tasks_and_its_own_published_columns(name, suite):
  table = paper_tables.MAKERS[name](VALUES | {"suite": suite})
  assert len(table.variants) >= 2
  assert len({variant.name for variant in table.variants}) == len(table.variants)
  columns, titles = tables._columns(table, None)
  assert len(columns) == len(titles) == len(table.tasks) * len(table.conditions)
  assert set(table.tasks) <= set(tasks.CARDS)
  known = {column for column, _ in table.published}
  assert {v.column for v in table.variants} - {None} <= known or suite == "small"


def test_a_table_of_published_numbers_shows_them_all():
  table = paper_tables.MAKERS["cola_baselines"](VALUES | {"suite": "papers"})
  numbers = tables.known(table, tables._columns(table, None)[0])
  assert np.isfinite(numbers).sum() == len(published_scores.COLA_BASELINES)


def test_tables_share_their_pre_trainings():
  sampling, mix = (paper_tables.MAKERS[f"mixback_{n}"](VALUES) for n in ("sampling", "mix"))
  shared = {v.model for v in sampling.variants} & {v.model for v in mix.variants}
  assert len(shared) == 1


def test_some_variants_of_a_table_can_be_chosen():
  table = paper_tables.MAKERS["mixback_mix"](VALUES)
  assert tables._chosen(table, None) == table
  some = tables._chosen(table, ["other clips", "no mix-back"])
  assert [variant.name for variant in some.variants] == ["no mix-back", "other clips"]
  with pytest.raises(UserError, match="there is no 'x'; there are no mix-back, within the clip, o"):
    tables._chosen(table, ["x"])


def test_mean_and_spread_are_over_seeds_and_the_average_over_tasks():
  scores = np.array([[[50.0, 60.0], [70.0, 90.0]], [[10.0, 10.0], [np.nan, np.nan]]])
  known = np.full([2, 3], np.nan)
  known[0, 2] = 67.2
  results = tables.Results(["a", "b"], ["x", "y"], scores, known)
  assert results.columns == ["x", "y", "average"]
  assert_close(results.mean()[0], [55, 80, 67.5])
  assert_close(results.spread()[0], np.sqrt([50, 200, 112.5]), atol=1e-9)
  assert results.cells()[0][2] == "67.5 ± 10.6 (published 67.2)"
  assert results.cells()[1][1:] == ["", ""]


class CountingLaboratory(Laboratory):
  """Measures without models."""

  def __init__(self, *arguments):
    super().__init__(*arguments)
    self.judged = []

  def _judge(self, measurement, model, seed, state):
    self.judged.append((measurement.task, seed))
    return {"score": 10.0 * len(self.judged), "predictions": []}


def test_what_was_measured_is_not_measured_again_and_what_is_damaged_is(tmp_path, capsys):
  measurement = Measurement("logmel_stats", "linear", "digit", Condition())
  first = CountingLaboratory(str(tmp_path), "small", VALUES)
  assert [first.measure(measurement, seed) for seed in (0, 1)] == [10.0, 20.0]
  again = CountingLaboratory(str(tmp_path), "small", VALUES)
  assert [again.measure(measurement, seed) for seed in (0, 1)] == [10.0, 20.0]
  assert again.judged == []
  other = dataclasses.replace(measurement, condition=Condition(5))
  assert again.measure(other, 0) == 10.0
  capsys.readouterr()
  for path in (tmp_path / "results").iterdir():
    path.write_text(path.read_text()[:40])
  assert again.measure(measurement, 0) == 20.0
  printed = capsys.readouterr().out
  assert printed.startswith("damaged    ")
  assert "measured again" in printed


def test_a_run_that_was_trained_anew_is_measured_anew(tmp_path):
  run = tmp_path / "run"
  run.mkdir()
  (run / "encoder.keras").write_bytes(b"one")
  laboratory = CountingLaboratory(str(tmp_path / "l"), "small", VALUES)
  measurement = Measurement(str(run), "linear", "digit", Condition())
  laboratory.measure(measurement, 0)
  (run / "encoder.keras").write_bytes(b"two")
  laboratory.measure(measurement, 0)
  assert len(laboratory.judged) == 2


def test_a_pre_training_that_fails_is_said_in_one_line(tmp_path, monkeypatch, capfd):
  laboratory = Laboratory(str(tmp_path), "papers", VALUES)
  pretraining = Pretraining("cola", (("recipe", "quick"), ("steps", 1)))
  with pytest.raises(UserError, match="did not end .see above.; what is finished is kept"):
    laboratory.model(pretraining, 0)
  assert "unknown data set 'nonsense'" in capfd.readouterr().err


def test_each_system_pre_trains_on_the_data_of_its_paper_unless_told_otherwise():
  values = VALUES | {"suite": "papers"}
  for given, expected in ((None, ("audioset", "fsdnoisy18k")), ("voxceleb", ("voxceleb",) * 2)):
    for name, dataset in zip(("cola_similarity", "mixback_mix"), expected):
      table = paper_tables.MAKERS[name](values | {"pretraining_dataset": given})
      assert {variant.model.dataset for variant in table.variants} == {dataset}
      assert all(f"-{dataset}-" in variant.model.name(0) for variant in table.variants)
  small = paper_tables.MAKERS["cola_similarity"](VALUES)
  assert small.variants[0].model.name(3) == "cola-quick-100-cosine-3"
  assert Pretraining("cola", (), dataset="folder:/a/b c").name(0) == "cola-folder_a_b_c-0"


def test_the_second_paper_is_judged_as_its_code_does():
  values = VALUES | {"suite": "papers", "pretraining_dataset": None}
  mix = paper_tables.MAKERS["mixback_mix"](values)
  assert mix.tasks == ("fsdnoisy18k_validation", "fsdnoisy18k")
  assert {variant.method for variant in mix.variants} == {"knn_patches"}
  fine = paper_tables.MAKERS["mixback_finetune"](values)
  assert fine.tasks == ("fsdnoisy18k", "fsdnoisy18k_clean")
  assert list(fine.conditions) == [""]


@pytest.fixture
def corpora(tmp_path):
  """A folder with FSDnoisy18k and nothing else."""
  fake_corpora.fsdnoisy18k(tmp_path / "corpora")
  return tmp_path / "corpora"


def papers(corpora, tmp_path, **changes):
  values = VALUES | {"suite": "papers", "data_dir": str(corpora)} | changes
  return CountingLaboratory(str(tmp_path / "papers"), "papers", values)


def test_a_task_without_its_data_is_one_line_and_an_empty_cell(corpora, tmp_path, capsys):
  laboratory = papers(corpora, tmp_path)
  found, missing = (
    Measurement("logmel_stats", "linear", task, Condition()) for task in ("fsdnoisy18k", "musan")
  )
  scores = [laboratory.measure(each, seed) for each in (missing, found) for seed in (0, 1)]
  assert np.isnan(scores[:2]).all()
  assert scores[2:] == [10.0, 20.0]
  (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert "musan: no musan in" in line
  assert "get it from https://www.openslr.org/17" in line
  shutil.rmtree(corpora)  # what was measured before needs no data
  assert papers(corpora, tmp_path).measure(found, 1) == 20.0


def test_a_pre_training_without_its_data_is_one_line_and_empty_cells(corpora, tmp_path, capsys):
  laboratory = papers(corpora, tmp_path, pretraining_dataset="voxceleb")
  for similarity in ("cosine", "bilinear"):
    model = Pretraining("cola", (("similarity", similarity),), dataset="voxceleb")
    measurement = Measurement(model, "linear", "fsdnoisy18k", Condition())
    assert np.isnan(laboratory.measure(measurement, 0))
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith("no data    pre-training of cola: no voxceleb in")


def test_a_task_whose_data_is_not_whole_is_one_line_and_the_rest_is_measured(
  corpora, tmp_path, capsys
):
  for path in (corpora / "fsdnoisy18k" / "FSDnoisy18k.audio_test").iterdir():
    path.unlink()
  values = VALUES | {"data_dir": str(corpora), "store_dir": str(tmp_path / "stores")}
  laboratory = Laboratory(str(tmp_path / "papers"), "papers", values)
  for task, is_whole in (("fsdnoisy18k", False), ("fsdnoisy18k_validation", True)):
    measurement = Measurement("logmel_stats", "linear", task, Condition())
    assert np.isfinite(laboratory.measure(measurement, 0)) == is_whole
  lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert len(lines) == 1
  assert "fsdnoisy18k: no clip of the part test" in lines[0]


def test_lines_are_markdown():
  assert markdown.lines(["a", "bb"], [["x", 1]]) == ["| a | bb |", "| - | -- |", "| x | 1  |"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  """A folder that looks like the audio of two cards: ESC-10 and Philharmonia."""
  folder = tmp_path_factory.mktemp("root")
  write_clips(folder / "philharmonia", clips=6)
  write_clips(folder / "esc10", clips=10, seconds=1)
  for name in ("high", "low"):
    for index in range(10):
      path = folder / "esc10" / name / f"{index}.wav"
      path.rename(path.with_name(f"{1 + index % 5}-{name}{index}-A.wav"))
  return folder


def test_a_table_is_printed_and_written_with_the_published_numbers(tmp_path, capsys):
  table = paper_tables.MAKERS["cola_similarity"](VALUES)
  columns, titles = tables._columns(table, ["esc10_fold5", "instrument"])
  scores = np.array([[[50.0, 52], [60, 62]], [[70, 72], [80, 82]]])
  results = tables.Results(["cosine", "bilinear"], titles, scores, tables.known(table, columns))
  tables.show(table, results, [0, 1], str(tmp_path / "x"), draw_published=False)
  printed = capsys.readouterr().out
  assert "%, mean ± standard deviation of 2 seeds" in printed
  assert (tmp_path / "x.md").read_text() in printed
  with open(tmp_path / "x.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["task"] for row in rows[:3]] == ["esc10_fold5", "instrument", "average"]
  assert rows[2]["published"] == "67.20"
  assert [rows[3][name] for name in ("variant", "mean", "seed_1")] == ["bilinear", "71.00", "72.00"]
  assert (tmp_path / "x.png").exists()


@pytest.mark.slow
def test_a_table_is_trained_measured_interrupted_and_printed(root, tmp_path):
  options = ["--table=mixback_linear", "--seeds=0,1", "--steps=2", "--batch_size=4"]
  options += ['--variants="VGG-like, random weights","VGG-like, pre-trained"']
  options += [f"--audio_root={root}", "--tasks=esc10_fold5,instrument", "--store_dir=stores"]
  options += ["--pretraining_tasks=esc10_fold5,instrument", "--runs_dir=t"]
  first = command("downstream.tables", *options, cwd=tmp_path)
  assert first.stdout.count("pre-train  python -m mixback.train") == 2  # both variants share them
  assert first.stdout.count("measured   ") == 8
  keys = (tmp_path / "t" / "keys-small.txt").read_text().splitlines()
  assert len(keys) == 16 + 8  # folds 1 to 4, and two of three
  assert not [key for key in keys if key.split("/")[1].startswith("5-")]
  results = sorted((tmp_path / "t" / "results").iterdir())
  results[0].unlink()
  again = command("downstream.tables", *options, cwd=tmp_path)
  assert "pre-train  " not in again.stdout
  assert again.stdout.count("measured   ") == 1
  assert again.stdout[again.stdout.index("\nlinear evaluation") :] in first.stdout
  assert (tmp_path / "t" / "mixback_linear-small.csv").exists()
  assert json.loads(results[1].read_text())["result"]["num_test"] == 4


@pytest.mark.slow
def test_the_papers_suite_measures_what_is_there_and_names_what_is_not(tmp_path):
  corpora = tmp_path / "corpora"
  fake_corpora.fsdnoisy18k(corpora, seconds=1.2)
  options = ["--suite=papers", "--seeds=0", "--steps=2", "--batch_size=4", "--runs_dir=t"]
  options += [f"--data_dir={corpora}", "--store_dir=stores"]
  options += ["--table=mixback_mix", "--variants=other clips", "--tasks=musan,fsdnoisy18k"]
  printed = command("downstream.tables", *options, cwd=tmp_path).stdout
  assert printed.count("pre-train  python -m mixback.train") == 1
  assert "--dataset=fsdnoisy18k --data_dir=" in printed
  assert printed.count("measured   knn_patches fsdnoisy18k") == 1
  (line,) = [line for line in printed.splitlines() if line.startswith("no data")]
  assert line.startswith("no data    musan: no musan in ")
  (row,) = [line for line in printed.splitlines() if line.startswith("| other clips")]
  _, music, events, average = [cell.strip() for cell in row.split("|")[1:-1]]
  assert "±" in events
  assert not music + average  # nothing was measured, nothing is published
  assert "comparable fsdnoisy18k: by protocol only" in printed
  config = json.loads(next((tmp_path / "t" / "runs").glob("*/config.json")).read_text())
  assert "fsdnoisy18k" in str(config)


def test_published_numbers_stand_where_nothing_could_be_measured():
  table = paper_tables.MAKERS["cola_baselines"](VALUES | {"suite": "papers"})
  columns, titles = tables._columns(table, ["musan"])
  scores = np.full([len(table.variants), 1, 1], np.nan)
  known = tables.known(table, columns)
  cells = tables.Results([v.name for v in table.variants], titles, scores, known).cells()
  assert cells[[v.name for v in table.variants].index("COLA")] == ["(published 99.1)", ""]
