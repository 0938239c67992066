"""Tasks of the user's own data, and what is refused."""

import csv

import numpy as np
import pytest
import soundfile

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream.cards import opening
from downstream.cards.all_cards import SUITES
from downstream.cards.opening import check_task, open_task
from downstream.choices import TaskChoice
from downstream.papers.measurement import PRETRAINING_TASKS
from tests.support import shared_data, tone


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
  return str(tmp_path_factory.mktemp("stores"))


def open_own(name, stores, metric="accuracy", audio_root=None, **changes):
  choice = TaskChoice(name, metric, audio_root)
  return open_task(choice, DataLocation(store_dir=stores, **changes), 16_000)


def write_csv(folder, rows, columns="file,label,group,split"):
  """Writes a CSV and its clips; a row is a tuple of cells, the first a file name."""
  folder.mkdir(exist_ok=True)
  names = columns.split(",")
  with open(folder / "clips.csv", "w", newline="") as file:
    csv.writer(file).writerows([names, *rows])
  for row in rows:
    soundfile.write(folder / row[0], tone(440, 0.1), 16_000)
  return f"folder:{folder / 'clips.csv'}"


def test_a_folder_is_divided_by_the_seed(clip_folder, stores):
  data = open_own(f"folder:{clip_folder}", stores)
  assert data.class_names == ["high", "low"]
  (split,) = data.splits(0)
  assert (len(split.train), len(split.test)) == (10, 2)
  assert {data.clips.labels[i] for i in split.test} == {"high", "low"}
  assert data.targets()[:, 0].tolist() == [label == "high" for label in data.clips.labels]


def test_splits_that_a_csv_names_are_taken_and_all_its_rows(tmp_path, stores):
  parts = ["train", "test", "validation"]
  rows = [(f"{i}.wav", "ab"[i // 3 % 2], "", parts[i % 3]) for i in range(12)]
  data = open_own(write_csv(tmp_path / "given", rows), stores)
  (split,) = data.splits(0)
  for name, chosen in (
    ("train", split.train),
    ("test", split.test),
    ("validation", split.validation),
  ):
    assert [data.clips.keys[i] for i in chosen] == [row[0] for row in rows if row[3] == name]


def test_folds_that_a_csv_names_are_each_tested(tmp_path, stores):
  rows = [(f"{i}.wav", "ab"[i // 3 % 2], "", f"fold{1 + i % 3}") for i in range(12)]
  data = open_own(write_csv(tmp_path / "folds", rows), stores)
  assert [split.name for split in data.splits(0)] == ["fold fold1", "fold fold2", "fold fold3"]


def test_groups_of_a_csv_are_not_divided(tmp_path, stores):
  rows = [(f"{i}.wav", "ab"[i % 2], f"speaker{i // 4}", "") for i in range(40)]
  data = open_own(write_csv(tmp_path / "groups", rows), stores)
  for seed in range(3):
    (split,) = data.splits(seed)
    groups = [{data.clips.groups[i] for i in part} for part in (split.train, split.test)]
    assert len(groups[1]) == 2
    assert not groups[0] & groups[1]


def test_a_clip_may_have_several_labels(tmp_path, stores):
  rows = [(f"{i}.wav", ["a", "b", "a;b"][i % 3], "", "") for i in range(15)]
  data = open_own(write_csv(tmp_path / "several", rows), stores, metric="mAP")
  assert data.class_names == ["a", "b"]
  assert data.targets()[:3].tolist() == [[1, 0], [0, 1], [1, 1]]
  assert len(data.splits(0)[0].test) == 3
  assert open_own(f"folder:{tmp_path / 'several' / 'clips.csv'}", stores).class_names == [
    "a",
    "a;b",
    "b",
  ]


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    ([("0.wav", "a"), ("1.wav", ""), ("2.wav", "b")], "has no label for 1 of 3 clips, '1.wav' amo"),
    ([("0.wav", "a"), ("1.wav", "a")], "has only one class, 'a': nothing to tell apart"),
    ([(f"{i}.wav", "aab"[i // 2]) for i in range(5)], "the class 'b' has one clip, which cannot "),
    (
      [(f"{i}.wav", "ab"[i // 2], "", f"{1 + i // 2}") for i in range(4)],
      "'a' is tested but nev",
    ),
    ([(f"{i}.wav", "ab"[i % 2], "", "train") for i in range(4)], "a task needs train and test"),
    (
      [
        (f"{i}.wav", "aaabb"[i], "", ("train", "train", "test", "more", "more")[i])
        for i in range(5)
      ],
      "all clips that train are of the class 'a': nothing to tell apart",
    ),
  ],
)
def test_a_task_that_cannot_be_evaluated_is_refused_in_one_line(rows, message, tmp_path, stores):
  columns = "file,label" if len(rows[0]) == 2 else "file,label,group,split"
  name = write_csv(tmp_path / "bad", rows, columns)
  with pytest.raises(UserError, match=message) as caught:
    open_own(name, stores).splits(0)
  assert "\n" not in str(caught.value)


def test_a_card_without_its_folder_says_what_it_needs(stores):
  with pytest.raises(UserError, match="the task esc10 needs --audio_root: the folder .* 'esc10'"):
    open_own("esc10", stores)
  with pytest.raises(UserError, match="unknown data set 'esc11'"):
    open_own("esc11", stores)


COUNTS = {
  "digit": ("speech", 2500, 10, 1, 250),
  "speaker": ("speech", 2500, 5, 1, 250),
  "digit_unseen_speaker": ("speech", 2500, 10, 5, 50),
  "esc10": ("esc10", 400, 10, 5, 80),
  "esc10_fold5": ("esc10", 400, 10, 1, 80),
  "instrument": ("philharmonia", 960, 12, 1, 312),
}


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory):
  return str(tmp_path_factory.mktemp("tfds"))


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_the_small_suite_has_the_official_counts_and_disjoint_splits(name, stores, digits_folder):
  data_set, clips, classes, count, tested = COUNTS[name]
  manual = shared_data("manual")
  if data_set != "speech":
    shared_data(data_set)
  options = {"manual_dir": str(manual), "data_dir": digits_folder, "audio_root": str(manual.parent)}
  data = open_own(name, stores, **options)
  assert (data.store.num_clips, len(data.class_names)) == (clips, classes)
  splits = data.splits(0)
  assert (len(splits), len(splits[0].test)) == (count, tested)
  for split in splits:
    left_out = 450 if name == "digit_unseen_speaker" else 0  # recordings 5 to 49 of its speaker
    assert (
      len({*split.train, *split.test}) == len(split.train) + len(split.test) == clips - left_out
    )
    if name == "digit_unseen_speaker":
      train, test = ({data.clips.groups[i] for i in part} for part in (split.train, split.test))
      assert len(test) == 1
      assert not train & test
  if data_set == "speech":
    tested = [data.clips.keys[i] for split in splits for i in split.test]
    assert all(int(key[:-4].split("_")[2]) < 5 for key in tested)


@pytest.mark.slow
def test_pre_training_on_the_small_suite_hears_no_clip_that_its_tasks_test(stores, digits_folder):
  manual = shared_data("manual")
  options = {"manual_dir": str(manual), "data_dir": digits_folder, "audio_root": str(manual.parent)}
  heard, tested = set(), set()
  for name in PRETRAINING_TASKS["small"]:
    data = open_own(name, stores, **options)
    heard |= {(data.task.dataset, data.clips.keys[i]) for i in data.splits(0)[0].train}
  for name in SUITES["small"]:
    data = open_own(name, stores, **options)
    for split in data.splits(0):
      tested |= {(data.task.dataset, data.clips.keys[i]) for i in split.test}
  assert len(heard) == 3218
  assert len(tested) == 250 + 80 + 312
  assert not heard & tested


def open_as_builder(parts, stores, monkeypatch):
  """Opens a data set that does not tell the split of a clip; parts: split -> its own data set."""

  class Parts:
    split_names = tuple(parts)

    def splits(self):
      return {"of train": "train"}

  opened = []

  def open_source(name, split, *_):
    opened.append(split)
    return Parts() if split is None else original(parts[split])

  original = opening.datasets.open_source
  monkeypatch.setattr(opening.datasets, "open_source", open_source)
  return open_own("builder", stores), opened


def test_splits_of_a_builder_are_opened_one_by_one(clip_folder, stores, monkeypatch):
  parts = dict.fromkeys(("train", "test"), f"folder:{clip_folder}")
  data, opened = open_as_builder(parts, stores, monkeypatch)
  assert opened == [None, "train", "test"]
  (split,) = data.splits(0)
  assert split.train.tolist() == list(range(12))
  assert split.test.tolist() == list(range(12, 24))
  assert np.array_equal(data.store.num_samples[:12], data.store.num_samples[12:])


def test_a_speaker_of_two_splits_of_a_builder_is_one_speaker(tmp_path, stores, monkeypatch):
  rows = [(f"{i}.wav", "ab"[i % 2], "ann" if i < 2 else "ben") for i in range(4)]
  parts = {name: write_csv(tmp_path / name, rows, "file,label,group") for name in ("train", "test")}
  data, _ = open_as_builder(parts, stores, monkeypatch)
  assert data.clips.groups == ["ann", "ann", "ben", "ben"] * 2


@pytest.mark.parametrize(
  ("splits", "is_usable"),
  [
    (["train", "test"], True),
    (["train", "test", "validation"], True),
    (["1", "2"], True),
    (["", ""], True),
    (["train", "eval"], False),
    (["fold1", "fold1"], False),
  ],
)
def test_splits_of_a_csv_are_checked_before_anything_is_decoded(splits, is_usable, tmp_path):
  rows = [(f"{i}.wav", "ab"[i % 2], "", split) for i, split in enumerate(splits * 2)]
  choice = TaskChoice(write_csv(tmp_path / "given", rows))
  for row in rows:
    (tmp_path / "given" / row[0]).write_text("no audio")
  if is_usable:
    check_task(choice, DataLocation())
  else:
    with pytest.raises(UserError, match="the data set has the splits .* a task needs train and te"):
      check_task(choice, DataLocation())


@pytest.mark.parametrize(
  ("labels", "metric", "message"),
  [
    (["a", "a", "a", "a"], "accuracy", "has only one class, 'a': nothing to tell apart"),
    (["a", "a", "b", "a"], "accuracy", "the class 'b' has one clip, which cannot both train and t"),
    (["a", "", "b", "b"], "accuracy", r"has no label for 1 of 4 clips, '1\.wav' among them"),
    (["a;b", "a;b", "a;b", "a"], "mAP", None),
    (["a", "b", "b", "a"], "accuracy", None),
  ],
)
def test_labels_of_a_csv_are_checked_before_anything_is_decoded(labels, metric, message, tmp_path):
  rows = [(f"{number}.wav", label, "", "") for number, label in enumerate(labels)]
  choice = TaskChoice(write_csv(tmp_path / "given", rows), metric)
  for row in rows:
    (tmp_path / "given" / row[0]).write_text("no audio")
  if message is None:
    check_task(choice, DataLocation())
  else:
    with pytest.raises(UserError, match=message):
      check_task(choice, DataLocation())


def test_a_metric_that_a_card_does_not_have_is_refused():
  with pytest.raises(UserError, match="--metric=mAP: the task esc50 has accuracy"):
    check_task(TaskChoice("esc50", "mAP"), DataLocation())
  assert opening.task_of(TaskChoice("fsd50k", "mAP")).metric == "mAP"
