"""Going on from a preset is compared on small sets, whose trainings hear no clip that judges."""

from pathlib import Path

import pytest

from benchmarks import going_on
from contrastive_audio.errors import UserError
from downstream.cards import pool
from downstream.cards.opening import open_task
from downstream.choices import TaskChoice
from downstream.papers.measurement import LaboratoryRequest
from tests.downstream.cards import fake_pool
from tests.downstream.cards.fake_pool import read
from tests.support import command, write_clips


@pytest.fixture(scope="module")
def audio_root(tmp_path_factory):
  folder = tmp_path_factory.mktemp("root")
  fake_pool.write(folder / "pool")
  write_clips(folder / "philharmonia", ["bassoon", "cello"])
  return folder


@pytest.fixture
def sets(audio_root, tmp_path):
  return going_on.SmallSets(LaboratoryRequest(str(tmp_path), audio_root=str(audio_root)))


def lists(sets, size, seed=0):
  """Returns the files that a training hears, and the rows of the task that judges it."""
  heard = sets.training("effects", size, seed)["dataset"]
  task, _ = sets.task("effects", seed)
  files = [row["file"] for row in read(heard.removeprefix("folder:"))]
  return files, read(task.removeprefix("folder:"))


@pytest.mark.parametrize("size", [10, 100])
def test_a_training_hears_the_labelled_clips_and_none_that_judges(sets, size):
  heard, task = lists(sets, size)
  splits = {row["file"]: row["split"] for row in task}
  assert {splits[file] for file in heard if file in splits} == {"train"}
  assert {file for file, split in splits.items() if split == "train"} <= set(heard)
  assert len(set(heard)) == len(heard)


def test_a_set_is_filled_up_with_effects_that_no_published_encoder_hears(sets, audio_root):
  _, task = lists(sets, 100)
  others = {file for file in lists(sets, 100)[0] if file not in {row["file"] for row in task}}
  rows = {
    str(audio_root / "pool" / row["file"]): row for row in pool.read_pool(audio_root / "pool")
  }
  assert others
  for file in others:
    assert rows[file]["kind"] == "effects"
    assert not pool.may_train(rows[file])
    assert rows[file]["collection"] not in pool.TASKS


def test_an_unknown_row_is_named_before_any_work(capsys):
  with pytest.raises(UserError, match="there is no 'magic'; there are random weights; preset"):
    going_on._chosen("variants", ["magic"], going_on.ROWS)


@pytest.mark.slow
def test_a_training_hears_only_training_clips_of_a_task_from_a_folder_that_is_new(
  audio_root, tmp_path
):
  request = LaboratoryRequest(str(tmp_path / "new" / "lab"), audio_root=str(audio_root))
  sets = going_on.SmallSets(request)
  heard = Path(sets.training("notes", size=5, seed=0)["keys"]).read_text().splitlines()
  data = open_task(TaskChoice("instrument", audio_root=str(audio_root)), request.location, 16_000)
  assert len(set(heard)) == 5
  assert set(heard) <= {data.clips.keys[clip_id] for clip_id in data.splits(0)[0].train}


@pytest.mark.slow
def test_it_goes_on_from_a_run_and_compares(audio_root, cola_run, tmp_path):
  options = [
    f"--init={cola_run}",
    f"--audio_root={audio_root}",
    "--sets=effects",
    "--clips=100",
    "--seeds=0",
  ]
  options += ["--variants=preset", "--variants=going on", "--variants=random weights"]
  options += ["--set=steps=2", "--set=batch_size=8", "--runs_dir=lab", f"--store_dir={tmp_path}"]
  command("benchmarks.going_on", *options, cwd=tmp_path)
  table = (tmp_path / "lab" / "going-on-100.md").read_text()
  for name in ("preset", "going on", "random weights", "effects"):
    assert name in table
