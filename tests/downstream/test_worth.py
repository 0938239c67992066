"""worth: every model gets the same clips and labels, and is embedded once; what is said of it."""

import csv
import json
import shutil
import types

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream import comparison
from downstream.cards.opening import open_task
from downstream.choices import Condition, TaskChoice
from downstream.classifiers import logistic
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.comparison_files import Row, verdict
from downstream.comparison_request import ComparisonRequest, compared_models
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import open_model
from downstream.evaluation import evaluate
from tests.support import assert_close, command, refused_command, write_clips

pytestmark = pytest.mark.figures

FEW, ALL = Condition(2), Condition()


@pytest.fixture(scope="module")
def place(tiny_run, tmp_path_factory):
  folder = tmp_path_factory.mktemp("worth")
  write_clips(folder / "clips", clips=10, seconds=0.3)
  shutil.copytree(tiny_run, folder / "mine")
  return folder


def options(*changes):
  return ["--model=mine", "--task=clips", "--store_dir=stores", *changes]


@pytest.fixture(scope="module")
def compared(place):
  """(what the command prints, how often clips were embedded, worth.json)."""
  embedded, make = [], Embeddings._make_parts
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(Embeddings, "_make_parts", lambda *given: embedded.append(1) or make(*given))
    printed = command("downstream.worth", *options("--output=worth"), cwd=place).stdout
  return printed, len(embedded), json.loads((place / "worth" / "worth.json").read_text())


def test_every_model_is_embedded_once_and_scored_as_linear_scores_it(place, compared):
  printed, num_embedded, content = compared
  assert "task       " in printed  # and what to distrust, as linear prints it
  assert num_embedded == 3
  assert content["models"] == ["mine", "random:mine", "logmel_stats"]
  location = DataLocation(store_dir=str(place / "stores"))
  data = open_task(TaskChoice(str(place / "clips")), location, 16_000)
  model = open_model(str(place / "mine"))
  method = cached_linear_method()(data, model)
  for count in (1, None):
    results = [evaluate(method, data, model, Condition(count), seed) for seed in range(3)]
    (row,) = [
      row
      for row in content["results"]
      if row["model"] == "mine" and row["condition"]["labels_per_class"] == count
    ]
    assert_close(row["score"], np.mean([result.score for result in results]), atol=1e-9)


def test_what_is_printed_and_written_agrees(place, compared):
  printed, _, content = compared
  assert "left out   labels_per_class=10: the class 'high' has 8 training clips\n" in printed
  assert f"worth      {content['verdict']}; 3 seeds\n" in printed
  with open(place / "worth" / "worth.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [(row["model"], row["labels"]) for row in rows[:3]] == [
    (name, "1 per class") for name in content["models"]
  ]
  for row in rows:
    low, score, high = (float(row[name]) for name in ("low", "score", "high"))
    assert 0 <= low <= score <= high <= 100
    assert f"{score:.1f} ({low:.1f} to {high:.1f})" in printed
    if row["gain"]:
      assert float(row["gain_low"]) <= float(row["gain"]) <= float(row["gain_high"])
      judged = next(own for own in rows if own["labels"] == row["labels"])
      assert_close(float(judged["score"]) - score, float(row["gain"]), atol=1e-9)
  assert (place / "worth" / "worth.png").stat().st_size > 10_000


def test_a_call_that_is_repeated_fits_only_what_is_missing(place, compared, monkeypatch):
  fit, fitted = logistic.fit, []
  monkeypatch.setattr(logistic, "fit", lambda *given: fitted.append(1) or fit(*given))
  printed = command("downstream.worth", *options("--output=worth"), cwd=place).stdout
  assert not fitted
  assert printed.splitlines()[-8:] == compared[0].splitlines()[-8:]
  command("downstream.worth", *options("--labels_per_class=1,2", "--seeds=0"), cwd=place)
  assert 0 < len(fitted) <= 3 * (2 * 5 + 1)  # two clips of a class are two folds


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (["--labels_per_class=1,10"], "--labels_per_class=10: the class 'high' has 8 training clips"),
    (["--output=worth", "--task=./clips"], "--output=worth holds the comparison of mine on clips"),
  ],
)
def test_a_mistake_is_one_line(place, compared, changes, message):
  line = refused_command("downstream.worth", *options(*changes), cwd=place)
  assert line.startswith(f"error: {message}")


def row(model, condition, gain, margin):
  return Row(model, condition, 90.0 - gain, (0.0, 100.0), gain, (gain - margin, gain + margin))


def test_the_sentence_is_about_the_best_other_model_under_each_condition():
  mine = [Row("mine", condition, 90.0, (0.0, 100.0)) for condition in (FEW, ALL)]
  rows = [
    mine[0],
    row("a", FEW, 9.0, 1.0),
    row("b", FEW, 6.0, 2.0),
    mine[1],
    row("a", ALL, -3.0, 1),
  ]
  assert verdict(rows) == (
    "mine gains 6.0 ± 2.0 points over b with 2 labels for each class; "
    "loses 3.0 ± 1.0 points against a with all labels"
  )
  rows = [mine[0], row("a", FEW, 1.0, 1.5), mine[1], row("a", ALL, 4.0, 1.0)]
  assert verdict(rows) == (
    "mine gains nothing over a with 2 labels for each class (1.0 ± 1.5); "
    "gains 4.0 ± 1.0 points over a with all labels"
  )


@pytest.mark.parametrize("gain", [-0.04, -0.0, 0.04])
def test_a_gain_of_nothing_has_no_minus(capsys, gain):
  rows = [Row("mine", ALL, 90.0, (0.0, 100.0)), row("a", ALL, gain, 0.07)]
  request = ComparisonRequest(("mine", "a"), TaskChoice("esc50"))
  comparison.print_comparison(request, "accuracy", rows)
  printed = capsys.readouterr().out
  assert "-0.0" not in printed
  assert "| gain over a, in points        | +0.0 (" in printed
  assert "mine gains nothing over a with all labels (0.0 ± 0.1); 3 seeds\n" in printed


def test_what_costs_nothing_is_compared_and_no_model_twice(place, monkeypatch):
  monkeypatch.chdir(place)
  free = ("mine", "random:mine", "logmel_stats")
  assert compared_models("mine", ["other", "logmel_stats", "mine"]) == (*free, "other")
  assert compared_models("mine/saved_model", []) == ("mine/saved_model", "logmel_stats")


def test_models_of_other_sample_rates_get_the_same_clips(place, monkeypatch):
  location = DataLocation(store_dir=str(place / "stores"))
  request = ComparisonRequest(("mine", "other"), TaskChoice(str(place / "clips")), location)
  models = [types.SimpleNamespace(sample_rate_hz=rate) for rate in (16_000, 22_050, 16_000)]
  data = comparison._open_for_each_rate(request, models)
  assert [each.store.sample_rate_hz for each in data.values()] == [16_000, 22_050]
  select, opened = open_task, []

  def without_one(*given):
    opened.append(select(*given))
    if len(opened) > 1:
      opened[-1].clips.keys.remove("high/3.wav")
    return opened[-1]

  monkeypatch.setattr(comparison, "open_task", without_one)
  with pytest.raises(UserError, match="the clip 'high/3.wav' can be decoded at one of the sample"):
    comparison._open_for_each_rate(request, models)


def test_stretches_that_end_with_their_recording_are_the_same_at_another_sample_rate(monkeypatch):
  keys = {16_000: ["a.wav#t=0,9.9", "b.wav"], 22_050: ["a.wav#t=0,10", "b.wav"], 8_000: ["a.wav"]}

  def opened(choice, location, rate_hz):
    return types.SimpleNamespace(
      task=types.SimpleNamespace(name="t"), clips=types.SimpleNamespace(keys=keys[rate_hz])
    )

  monkeypatch.setattr(comparison, "open_task", opened)
  request = types.SimpleNamespace(task=None, location=None)
  models = [types.SimpleNamespace(sample_rate_hz=rate_hz) for rate_hz in keys]
  assert set(comparison._open_for_each_rate(request, models[:2])) == {16_000, 22_050}
  with pytest.raises(UserError, match="at one of the sample rates 16000, 8000 Hz only"):
    comparison._open_for_each_rate(request, [models[0], models[2]])
