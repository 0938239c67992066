"""Pre-trainings: equal ones share a run, different ones never do, whatever their flags."""

import dataclasses
import subprocess

import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream.cards.opening import open_task
from downstream.choices import TaskChoice
from downstream.papers import pretraining_clips
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.pretraining_clips import PretrainingClips
from downstream.papers.pretrainings import Pretrainings, run_name
from tests.support import write_clips

REAL_RUN = subprocess.run


@pytest.fixture(autouse=True)
def _quick_answers(answers_in_this_process):
  """Nearly all tests ask the train commands in this process."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
  """A data set of eight clips."""
  return f"folder:{write_clips(tmp_path_factory.mktemp('clips'), clips=4, seconds=0.1)}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """The runs of a laboratory; nothing is trained."""
  return Pretrainings(LaboratoryRequest(str(tmp_path_factory.mktemp("laboratory"))))


def paper(clips, system="cola", **options):
  return PretrainingChoice(system, (("recipe", "paper"), *options.items()), dataset=clips)


def test_what_is_trained_equally_is_one_run_whatever_its_flags(runs, clips):
  names = [
    runs.name_of(paper(clips, **options), seed=1)
    for options in (
      {},
      {"similarity": "bilinear"},
      {"batch_size": 1024, "similarity": "bilinear"},
      {"set": "batch_size=1024"},
      {"steps": 500},  # 500 epochs of one batch
    )
  ]
  assert len(set(names)) == 1
  default, named = (
    runs.name_of(paper(clips, "mixback", **options), seed=1)
    for options in ({"mix": "batch"}, {"encoder": "resnet18"})
  )
  assert default == named


def test_what_is_trained_differently_is_never_the_same_run(runs, clips, tmp_path):
  others = f"folder:{write_clips(tmp_path / 'others', clips=4, seconds=0.1)}"
  models = [
    paper(clips),
    paper(clips, steps=2048),
    paper(clips, batch_size=2048),
    paper(clips, similarity="cosine"),
    paper(clips, "mixback"),
    paper(others),
    PretrainingChoice("cola", (("recipe", "small"),), dataset=clips),
  ]
  names = [runs.name_of(model, seed) for model in models for seed in (0, 1)]
  assert len(set(names)) == len(names)


def test_runs_of_versions_without_pieces_keep_their_names(runs, clips):
  resolved = runs.resolved(paper(clips), seed=0)
  config = resolved["config"]
  lacking = {name: value for name, value in config.items() if name not in ("piece_s", "active")}
  assert run_name(resolved) == run_name(resolved | {"config": lacking})
  for change in ({"piece_s": 5.0}, {"active": True}):
    assert run_name(resolved | {"config": config | change}) != run_name(resolved)


def test_other_clips_in_the_same_folder_are_another_run(tmp_path):
  folder = write_clips(tmp_path / "clips", clips=4, seconds=0.1)
  request = LaboratoryRequest(str(tmp_path / "laboratory"))
  model = paper(f"folder:{folder}")
  before = Pretrainings(request).name_of(model, 0)
  assert Pretrainings(request).name_of(model, 0) == before
  (folder / "low" / "3.wav").unlink()
  assert Pretrainings(request).name_of(model, 0) != before


@pytest.mark.parametrize("steps", [{"steps": 7}, {"set": "steps=7"}])
def test_random_weights_take_a_training_of_one_step_and_a_name_is_readable(runs, clips, steps):
  options = (("recipe", "quick"), *steps.items())
  model = PretrainingChoice("mixback", options, dataset=clips)
  assert "/runs/mixback-vgg_like-7x8-seed3-" in runs.name_of(model, seed=3)  # of eight clips
  name = runs.name_of(dataclasses.replace(model, random=True), seed=3)
  assert name.startswith("random:")
  assert "/runs/mixback-vgg_like-1x8-seed3-" in name


def test_a_train_command_is_asked_once_for_all_seeds(clips, tmp_path, monkeypatch):
  calls, run = [], REAL_RUN
  monkeypatch.setattr(subprocess, "run", lambda *a, **k: calls.append(a) or run(*a, **k))
  runs = Pretrainings(LaboratoryRequest(str(tmp_path)))
  assert len({runs.name_of(paper(clips), seed) for seed in range(5) for _ in range(2)}) == 5
  assert len(calls) == 1


def test_what_is_wrong_with_a_pre_training_is_said_in_the_words_of_its_command(runs, clips):
  with pytest.raises(
    UserError, match="^mix=batch needs two other clips for each, so batches of three"
  ):
    runs.name_of(paper(clips, "mixback", batch_size=2), 0)
  with pytest.raises(UserError, match="^no such folder: 'nowhere'"):
    runs.name_of(paper("folder:nowhere"), 0)


@pytest.mark.slow
@pytest.mark.parametrize(
  ("folds", "message"),
  [("", "has a split for each seed, so its test"), ("12", "has 2 splits, so its test clips would")],
)
def test_no_task_pre_trains_whose_training_clips_test(tmp_path, monkeypatch, folds, message):
  clips = write_clips(tmp_path / "clips", clips=4, seconds=0.1)
  rows = [
    f"{name}/{i}.wav,{name},{folds[i % 2 :][:1]}" for name in ("high", "low") for i in range(4)
  ]
  (clips / "clips.csv").write_text("\n".join(["file,label,split", *rows]))
  own = TaskChoice(str(clips / "clips.csv"))
  location = DataLocation(store_dir=str(tmp_path / "stores"))
  monkeypatch.setattr(
    pretraining_clips, "open_task", lambda *_: open_task(own, location, sample_rate_hz=16_000)
  )
  request = LaboratoryRequest(str(tmp_path), pretraining_tasks=("musan",))
  with pytest.raises(UserError, match=message):
    PretrainingClips(request).write_keys()
  assert not list(tmp_path.glob("keys-*"))


def test_a_pre_training_that_fails_is_one_line(clips, tmp_path, capfd):
  runs = Pretrainings(LaboratoryRequest(str(tmp_path)))
  with pytest.raises(UserError, match="failed .see above.; finished steps are kept"):
    runs.train(paper(clips), 0)  # 1024 pairs of eight clips
  assert "a batch of 1024 pairs needs as many" in capfd.readouterr().err
