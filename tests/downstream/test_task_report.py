"""What is printed about a task before it is evaluated, and what its results keep of that."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from contrastive_audio.cli.open_data import DataLocation
from downstream.cards.card import Task
from downstream.cards.opening import open_task
from downstream.cards.split_rules import OwnSplits
from downstream.cards.task_data import TaskData
from downstream.choices import Condition, TaskChoice
from downstream.encoders.models import open_model
from downstream.evaluation import pose
from downstream.task_report import print_task
from tests.support import command

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Sixteen short clips of noise, 0.wav to 15.wav."""
  folder, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(0)
  for number in range(16):
    soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, RATE_HZ // 2), RATE_HZ)
  return folder


@pytest.fixture
def opened(place, capsys):
  """Opens a table as a task; returns its data and what is printed about it."""

  def open_table(header, rows, **choice):
    (place / "rows.csv").write_text("\n".join([header, *rows]) + "\n")
    location = DataLocation(store_dir=str(place / "stores"))
    data = open_task(TaskChoice(str(place / "rows.csv"), **choice), location, RATE_HZ)
    print_task(data, seed=0)
    return data, capsys.readouterr().out

  return open_table


def rows_of(*columns):
  """A row for each clip, of two classes in turn."""
  return [f"{n}.wav,{'ab'[n % 2]},{','.join(cells)}" for n, cells in enumerate(zip(*columns))]


SPLITS = ["train"] * 8 + ["test"] * 8


def test_validation_clips_of_a_table_are_counted_among_those_that_train(opened):
  splits = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
  data, printed = opened("file,label,split", rows_of(splits))
  assert "16 clips, 2 classes, 12 train (4 of them for validation) and 4 test\n" in printed
  (problem,) = pose(data, open_model("logmel_stats"), Condition(), seed=0)
  assert len(problem.final_train) == 12


def test_groups_on_both_sides_of_a_given_split_are_said(opened):
  speakers = [f"speaker {n // 2 % 4}" for n in range(16)]
  header, rows = "file,label,group,split", rows_of(speakers, SPLITS)
  data, printed = opened(header, rows)
  told = "groups     4 of 4 groups with test clips have training clips, too: the score says nothing"
  assert told in printed
  assert data.divided_groups(seed=0) == (4, 4)
  moved = [row.replace("speaker 3,train", "speaker 4,train") for row in rows]
  data, printed = opened(header, moved)
  assert "3 of 4 groups with test clips have training clips, too: the score may be too" in printed
  folds = [row.replace("train", "fold1").replace("test", "fold2") for row in rows]
  assert told in opened(header, folds)[1]


def test_groups_that_validate_and_then_train_are_on_both_sides(opened):
  speakers = ["x"] * 6 + ["y", "y"] + ["z"] * 6 + ["y", "y"]
  splits = ["train"] * 6 + ["validation"] * 2 + ["test"] * 8
  data, _ = opened("file,label,group,split", rows_of(speakers, splits))
  assert data.divided_groups(seed=0) == (1, 2)


@pytest.mark.parametrize(
  ("groups", "splits"),
  [
    (["ann"] * 8 + ["bob"] * 8, SPLITS),
    (["ab"[n % 2] for n in range(16)], SPLITS),  # they are the classes
    ([""] * 16, SPLITS),
    ([f"speaker {n // 4}" for n in range(16)], [""] * 16),  # drawn by groups
  ],
)
def test_nothing_is_said_of_groups_on_one_side_of_classes_and_of_none(opened, groups, splits):
  data, printed = opened("file,label,group,split", rows_of(groups, splits))
  assert "groups " not in printed
  assert data.divided_groups(seed=0)[0] == 0


def test_a_recording_on_both_sides_of_a_table_with_times_is_said_and_noted(place):
  rows = [
    f"{n}.wav,{start},{start + 0.1},{label},{split}"
    for n in range(2)
    for start, label, split in ((0, "a", "train"), (0.2, "b", "train"), (0.4, "a", "test"))
  ]
  lines = ["file,start_s,end_s,label,split", *rows, "3.wav,0,0.2,b,test"]
  (place / "timed.csv").write_text("\n".join(lines))
  options = ["--model=logmel_stats", "--task=timed.csv", "--store_dir=stores", "--output=out"]
  printed = command("downstream.knn", *options, cwd=place).stdout
  assert "groups     2 of 3 groups with test clips have training clips, too: the s" in printed
  assert json.loads((place / "out" / "result.json").read_text())["divided_groups"] == 2


def test_a_card_says_itself_which_groups_it_divides_and_groups_may_be_what_is_predicted(opened):
  speakers = [f"speaker {n // 2 % 4}" for n in range(16)]
  data, _ = opened("file,label,group,split", rows_of(speakers, SPLITS))
  for card in (Task("mine", "mine", OwnSplits("halves")), Task("mine", "mine", label="group")):
    assert TaskData(card, data.store, SPLITS).divided_groups(seed=0)[0] == 0


def test_copies_of_training_clips_under_other_names_are_counted_among_the_test_clips(place):
  for number in (0, 1):
    shutil.copy(place / f"{number}.wav", place / f"copy-of-{number}.wav")
  rows = [*rows_of(SPLITS), "copy-of-0.wav,a,test", "copy-of-1.wav,b,train"]
  (place / "copies.csv").write_text("\n".join(["file,label,split", *rows]))
  options = ["--model=logmel_stats", "--task=copies.csv", "--store_dir=stores", "--output=copies"]
  printed = command("downstream.knn", *options, cwd=place).stdout
  assert "copies     2 clips are copies of others (first: copy-of-0.wav = 0.wav)\n" in printed
  assert "overlap    1 of 9 test clips share sound with training clips" in printed
  assert json.loads((place / "copies" / "result.json").read_text())["overlapping"] == 1


def printed_of_stretches(place, rows):
  """What downstream.knn prints of a table with times."""
  (place / "stretches.csv").write_text("\n".join(["file,start_s,end_s,label,split", *rows]))
  options = ["--model=logmel_stats", "--task=stretches.csv", "--store_dir=stores"]
  return command("downstream.knn", *options, cwd=place).stdout


def test_a_stretch_of_a_copy_shares_sound_with_the_same_stretch_alone(place):
  shutil.copy(place / "0.wav", place / "other.wav")
  rows = [f"0.wav,{start},{start + 0.1},{'ab'[n % 2]},train" for n, start in enumerate((0, 0.2))]
  rows += ["other.wav,0,0.1,a,test", "other.wav,0.3,0.4,b,test", "1.wav,0,0.1,a,test"]
  printed = printed_of_stretches(place, rows)
  assert "copies     1 recording is a copy of another (other.wav = 0.wav)\n" in printed
  assert "overlap    1 of 3 test clips share sound with training clips" in printed


def test_stretches_of_validation_clips_that_then_train_are_shared_too(place):
  rows = [f"0.wav,{start},{start + 0.1},{'ab'[n % 2]},train" for n, start in enumerate((0, 0.2))]
  rows += ["1.wav,0,0.2,a,validation", "1.wav,0.15,0.35,b,test", "2.wav,0,0.1,a,test"]
  printed = printed_of_stretches(place, rows)
  assert "overlap    1 of 2 test clips share sound with training clips" in printed
