"""Folders: what is a class, what is a split, and what is neither."""

import os

import pytest

from contrastive_audio import datasets
from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.cli.overlaps import require_disjoint
from contrastive_audio.errors import UserError
from downstream.cards.opening import check_task, open_task
from downstream.choices import TaskChoice
from tests.support import write_clips

HIDDEN = (".ipynb_checkpoints", ".Trash-1000", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs")


def write(folder, *classes, clips=1):
  return write_clips(folder, classes=classes, clips=clips, seconds=0.1)


def opened(folder, split=None):
  source = datasets.open_source(f"folder:{folder}", split)
  return source, [(clip.key, clip.label) for clip in source.clips(0, source.num_clips)]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_folders_are_no_classes_and_hold_no_clips_at_any_depth(tmp_path, hidden):
  write(tmp_path, "a", "b", hidden, f"{hidden}/files", f"a/{hidden}", f"a/deep/{hidden}/deeper")
  (tmp_path / "a" / "._0.wav").write_bytes(b"AppleDouble")
  source, clips = opened(tmp_path)
  assert clips == [("a/0.wav", "a"), ("b/0.wav", "b")]
  assert "(1 other file and 3 hidden folders ignored)" in source.summary


def test_a_folder_of_hidden_clips_says_where_they_are(tmp_path):
  write(tmp_path, ".hidden")
  with pytest.raises(UserError, match=r"no audio in .* \(1 hidden folder\)"):
    opened(tmp_path)


def test_the_root_may_be_hidden_itself(tmp_path):
  assert opened(write(tmp_path / ".cache", "a"))[1] == [("a/0.wav", "a")]


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "TEST"), ("training", "Testing")])
def test_train_and_test_folders_are_splits_and_the_folders_in_them_classes(tmp_path, names):
  train, test = names
  write(tmp_path, f"{train}/a", f"{train}/b/deep", f"{test}/a", f"{test}/b")
  source, clips = opened(tmp_path)
  assert clips == [(f"{train}/a/0.wav", "a"), (f"{train}/b/deep/0.wav", "b")]
  assert "2 classes (a, b)" in source.summary
  assert "split train (left out: 2 of test)" in source.summary
  assert opened(tmp_path, "test")[1] == [(f"{test}/a/0.wav", "a"), (f"{test}/b/0.wav", "b")]
  assert opened(tmp_path, "all")[0].num_clips == 4


@pytest.mark.parametrize("other", ["valid", "VAL", "validation", "dev", "eval", "Evaluation"])
def test_other_splits_are_left_out_of_training_too(tmp_path, other):
  write(tmp_path, "train/a", f"{other}/a")
  assert opened(tmp_path)[1] == [("train/a/0.wav", "a")]


def test_what_lies_beside_train_and_test_is_in_no_class_and_not_trained_on(tmp_path):
  write(tmp_path, "train/a", "test/a", "noise", "")
  source, clips = opened(tmp_path)
  assert clips == [("train/a/0.wav", "a")]
  assert "(left out: 1 of noise, 1 of test, 1 without a split)" in source.summary


def test_a_split_whose_clips_lie_in_no_folder_has_no_labels(tmp_path):
  write(tmp_path, "train/a", "train/b", "test")
  assert opened(tmp_path, "all")[1] == [
    ("test/0.wav", None),
    ("train/a/0.wav", "a"),
    ("train/b/0.wav", "b"),
  ]


def test_a_class_called_train_among_others_is_a_class(tmp_path):
  write(tmp_path, "car", "train")
  assert opened(tmp_path)[1] == [("car/0.wav", "car"), ("train/0.wav", "train")]


def test_a_task_trains_and_tests_on_these_folders_and_says_so(tmp_path, capsys):
  write(tmp_path / "in", "Train/a", "Train/b", "Test/a", "Test/b", clips=2)
  choice, location = TaskChoice(f"folder:{tmp_path / 'in'}"), DataLocation(store_dir=str(tmp_path))
  check_task(choice, location)
  data = open_task(choice, location, 16_000)
  (split,) = data.splits(seed=0)
  assert {data.clips.keys[number].split("/")[0] for number in split.train} == {"Train"}
  assert {data.clips.keys[number].split("/")[0] for number in split.test} == {"Test"}
  assert data.class_names == ["a", "b"]
  assert "2 classes (a, b)" in capsys.readouterr().out


def test_a_task_without_a_test_folder_is_refused_before_anything_is_decoded(tmp_path):
  write(tmp_path, "train/a", "dev/a")
  with pytest.raises(UserError, match="has the splits dev, train: a task needs train and test"):
    check_task(TaskChoice(f"folder:{tmp_path}"), DataLocation())


def test_the_summary_names_the_first_five_classes_and_counts_all(tmp_path):
  write(tmp_path, *"abcdefg")
  assert "7 audio files in 7 classes (a, b, c, d, e, ...) in" in opened(tmp_path)[0].summary


def test_hidden_folders_of_a_published_data_set_are_not_looked_into(tmp_path):
  for name in ("music", "noise", "speech"):
    write(tmp_path, f"musan/{name}/x", f"musan/{name}/.trash", f"musan/{name}/@eaDir")
  source = datasets.open_source("musan", data_dir=str(tmp_path))
  assert source.num_clips == 3


def test_links_to_files_that_are_there_count_once_and_links_to_others_are_clips(tmp_path):
  write_clips(tmp_path / "a", clips=2, seconds=0.1)
  os.symlink(tmp_path / "a" / "low" / "0.wav", tmp_path / "a" / "low" / "again.wav")
  os.mkdir(tmp_path / "farm")
  for name in ("one", "two"):
    os.symlink(tmp_path / "a" / "low" / "1.wav", tmp_path / "farm" / f"{name}.wav")
  source = datasets.open_source(f"folder:{tmp_path / 'a'}")
  assert "; 1 link to files that are there left out" in source.summary
  assert not any("again" in clip.key for clip in source.clips(0, source.num_clips))
  assert source.num_clips == 4
  farm = datasets.open_source(f"folder:{tmp_path / 'farm'}")
  assert [clip.key for clip in farm.clips(0, farm.num_clips)] == ["one.wav"]
  with pytest.raises(UserError, match="both hold .*1.wav"):
    require_disjoint({"a": source, "farm": farm})
