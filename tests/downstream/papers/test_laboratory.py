"""The laboratory: nothing is measured twice, and missing data is reported once."""

import dataclasses
import shutil

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream.choices import Condition
from downstream.evaluation_files import Result
from downstream.papers.laboratory import Laboratory
from downstream.papers.measurement import LaboratoryRequest, Measurement, Pretraining
from tests.downstream.cards import fake_corpora


class CountingLaboratory(Laboratory):
  """Measures without models."""

  def __init__(self, request):
    super().__init__(request)
    self.evaluated = []

  def _evaluate(self, measurement, name, seed, state):
    self.evaluated.append((measurement.task, seed))
    return Result(10.0 * len(self.evaluated), {}, num_train=1, num_test=1, seconds=0.1)


def small(folder):
  return CountingLaboratory(LaboratoryRequest(str(folder), epochs=2))


def test_what_was_measured_is_not_measured_again_and_what_is_damaged_is(tmp_path, capsys):
  measurement = Measurement("logmel_stats", "linear", "digit")
  first = small(tmp_path)
  assert [first.measure(measurement, seed) for seed in (0, 1)] == [10.0, 20.0]
  again = small(tmp_path)
  assert [again.measure(measurement, seed) for seed in (0, 1)] == [10.0, 20.0]
  assert again.evaluated == []
  other = dataclasses.replace(measurement, condition=Condition(5))
  assert again.measure(other, 0) == 10.0
  capsys.readouterr()
  for path in (tmp_path / "results").iterdir():
    path.write_text(path.read_text()[:40])
  assert again.measure(measurement, 0) == 20.0
  printed = capsys.readouterr().out
  assert printed.startswith("damaged    ")
  assert "measured again" in printed


def test_a_run_that_was_trained_again_is_measured_again(tmp_path):
  run = tmp_path / "run"
  run.mkdir()
  (run / "encoder.keras").write_bytes(b"one")
  laboratory = small(tmp_path / "l")
  measurement = Measurement(str(run), "linear", "digit")
  laboratory.measure(measurement, 0)
  (run / "encoder.keras").write_bytes(b"two")
  laboratory.measure(measurement, 0)
  assert len(laboratory.evaluated) == 2


@pytest.mark.parametrize("change", [{"protocol": "paper"}, {"epochs": 3}])
def test_a_number_of_another_protocol_is_another_number(tmp_path, change):
  measurement = Measurement("random:efficientnet_b0", "finetune", "digit")
  small(tmp_path).measure(measurement, 0)
  other = CountingLaboratory(dataclasses.replace(small(tmp_path)._request, **change))
  other.measure(measurement, 0)
  assert len(other.evaluated) == 1


@pytest.mark.slow
def test_a_pre_training_that_fails_is_one_line(tmp_path, capfd):
  laboratory = Laboratory(
    LaboratoryRequest(str(tmp_path), suite="papers", pretraining_dataset="nonsense")
  )
  pretraining = Pretraining("cola", (("recipe", "quick"), ("steps", 1)))
  with pytest.raises(UserError, match="failed .see above.; finished steps are kept"):
    laboratory.model(pretraining, 0)
  assert "unknown data set 'nonsense'" in capfd.readouterr().err


@pytest.fixture
def corpora(tmp_path):
  """A folder with FSDnoisy18k and nothing else."""
  fake_corpora.fsdnoisy18k(tmp_path / "corpora")
  return tmp_path / "corpora"


def request_of(corpora, tmp_path, **changes):
  location = DataLocation(data_dir=str(corpora), store_dir=str(tmp_path / "stores"))
  folder = str(tmp_path / "papers")
  return LaboratoryRequest(folder, suite="papers", location=location, epochs=2, **changes)


def test_a_task_without_its_data_is_one_line_and_an_empty_cell(corpora, tmp_path, capsys):
  laboratory = CountingLaboratory(request_of(corpora, tmp_path))
  present, missing = (
    Measurement("logmel_stats", "linear", task) for task in ("fsdnoisy18k", "musan")
  )
  scores = [laboratory.measure(each, seed) for each in (missing, present) for seed in (0, 1)]
  assert np.isnan(scores[:2]).all()
  assert scores[2:] == [10.0, 20.0]
  (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert "musan: no musan in" in line
  assert "get it from https://www.openslr.org/17" in line
  shutil.rmtree(corpora)  # what was measured before needs no data
  assert CountingLaboratory(request_of(corpora, tmp_path)).measure(present, 1) == 20.0


def test_a_pre_training_without_its_data_is_one_line_and_empty_cells(corpora, tmp_path, capsys):
  request = request_of(corpora, tmp_path, pretraining_dataset="voxceleb")
  laboratory = CountingLaboratory(request)
  for similarity in ("cosine", "bilinear"):
    model = Pretraining("cola", (("similarity", similarity),), dataset="voxceleb")
    measurement = Measurement(model, "linear", "fsdnoisy18k")
    assert np.isnan(laboratory.measure(measurement, 0))
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith("no data    pre-training of cola: no voxceleb in")


def test_a_task_whose_data_is_incomplete_is_one_line_and_the_rest_is_measured(
  corpora, tmp_path, capsys
):
  for path in (corpora / "fsdnoisy18k" / "FSDnoisy18k.audio_test").iterdir():
    path.unlink()
  laboratory = Laboratory(request_of(corpora, tmp_path))
  for task, is_complete in (("fsdnoisy18k", False), ("fsdnoisy18k_validation", True)):
    measurement = Measurement("logmel_stats", "linear", task)
    assert np.isfinite(laboratory.measure(measurement, 0)) == is_complete
  lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert len(lines) == 1
  assert "fsdnoisy18k: no clip of the split test" in lines[0]
