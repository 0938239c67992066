"""Published data sets as tasks: opened once, and what a copy lacks is said, or refused."""

import json

import numpy as np
import pytest
import soundfile

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream.cards import cola, corpus_split_rules, opening, sound_events
from downstream.cards.opening import open_task, require_data
from downstream.cards.task_data import TaskData
from downstream.choices import Condition, TaskChoice
from downstream.classifiers.intervals import Predictions
from downstream.evaluation_files import Result, Setup, write_results
from tests.downstream.cards import fake_corpora


@pytest.mark.parametrize("tells_splits", [True, False])
def test_clips_are_read_once_or_split_by_split(tells_splits, corpora, tmp_path, monkeypatch):
  opened, original = [], opening.datasets.open_source

  def open_source(name, split, *locations):
    source = original(name, split, *locations)
    opened.append(split)
    if not tells_splits:  # as slices of a prepared data set
      source.splits = dict
    return source

  monkeypatch.setattr(opening.datasets, "open_source", open_source)
  location = DataLocation(str(corpora), store_dir=str(tmp_path))
  (split,) = open_task(TaskChoice("fsdnoisy18k"), location, 16_000).splits(0)
  assert [len(part) for part in (split.train, split.validation, split.test)] == [27, 21, 9]
  by_split = [] if tells_splits else ["train", "train_clean", "validation", "test"]
  assert opened == ["all", *by_split]


def test_a_label_that_is_no_class_is_refused(open_card):
  data = open_card("tut_2018")
  with pytest.raises(UserError, match="the label 'bus' .of 'audio/bus.*'. is not one of the 1 c"):
    TaskData(data.task, data.store, data.clips.split_names, ("airport",))


def test_a_split_that_is_not_there_is_said_in_one_line(tmp_path):
  fake_corpora.nsynth(tmp_path)
  (tmp_path / "nsynth" / "nsynth-test").rename(tmp_path / "gone")
  location = DataLocation(str(tmp_path), store_dir=str(tmp_path / "stores"))
  with pytest.raises(UserError, match="no clip with split 'test'; it has train, valid$"):
    open_task(TaskChoice("nsynth_instrument"), location, 16_000)


def test_a_split_without_a_usable_clip_is_said_in_one_line(tmp_path):
  fake_corpora.nsynth(tmp_path)
  for path in (tmp_path / "nsynth" / "nsynth-test" / "audio").iterdir():
    path.write_bytes(b"no sound")
  stores = str(tmp_path / "stores")
  location = DataLocation(str(tmp_path), store_dir=stores, max_bad_fraction=0.9)
  data = open_task(TaskChoice("nsynth_instrument"), location, 16_000)
  with pytest.raises(
    UserError, match="no clip of the split test, which is needed for test: the data set is"
  ):
    data.splits(0)


def test_clips_without_groups_cannot_be_held_out_by_group(open_card):
  data = open_card("fsdnoisy18k")
  rule = corpus_split_rules.WithinClasses(0.2, "")
  with pytest.raises(UserError, match="clips have no group, '.*' among them: clips of one group"):
    rule(data.clips, 0)


@pytest.mark.parametrize(
  ("name", "message"),
  [
    (
      "musan",
      "no musan in '.*': expected musan/{music,speech,noise}.*; get it from https://www.op",
    ),
    (
      "voxceleb_speaker",
      "no voxceleb in '.*': expected wav/idNNNNN/.* get it from https://www.rob",
    ),
    ("esc10", "the task esc10 needs --audio_root"),
  ],
)
def test_a_card_without_its_data_says_where_to_get_it(name, message, tmp_path):
  soundfile.write(tmp_path / "other.wav", np.zeros(10), 16_000)
  location = DataLocation(str(tmp_path))
  with pytest.raises(UserError, match=message) as caught:
    require_data(TaskChoice(name), location)
  assert "\n" not in str(caught.value)
  if name != "esc10":
    with pytest.raises(UserError, match="without --data_dir=FOLDER, the folder that holds it"):
      require_data(TaskChoice(name), DataLocation())


@pytest.mark.parametrize("name", [card.name for card in (*cola.CARDS, *sound_events.CARDS)])
def test_data_that_is_there_is_not_refused(name, corpora):
  require_data(TaskChoice(name), DataLocation(str(corpora)))


def test_what_a_benchmark_lacks_is_said_and_stands_beside_the_score(tmp_path, capsys):
  fake_corpora.esc50(tmp_path)
  audio = tmp_path / "esc50" / "ESC-50-master" / "audio"
  for path in audio.glob("*-3.wav"):  # the ten of a cow
    path.unlink()
  (audio / "1-01-A-0.wav").write_bytes(b"no sound")
  location = DataLocation(str(tmp_path), store_dir=str(tmp_path / "stores"), max_bad_fraction=0.1)
  data = open_task(TaskChoice("esc50"), location, 16_000)
  printed = capsys.readouterr().out
  assert "skipped    1 unusable clip, see " in printed
  assert "missing    10 of 30 listed clips are not there, see " in printed
  assert (data.store.num_clips, data.store.num_skipped, data.store.num_missing) == (19, 1, 10)
  tested = Predictions(np.array([0]), np.eye(2)[:1], np.eye(2)[:1])
  result = Result(100.0, {"fold 1": 100.0}, 8, 1, 0.1, (20.7, 100.0), "1 clip", [tested])
  setup = Setup("kNN", "runs/mine", identity="3f2a", seed=0)
  write_results(str(tmp_path / "out"), setup, data, [(Condition(), result)])
  written = json.loads((tmp_path / "out" / "result.json").read_text())
  assert (written["clips"], written["skipped"], written["missing"]) == (19, 1, 10)


def test_classes_of_a_benchmark_without_a_clip_are_said(corpora, tmp_path, capsys):
  location = DataLocation(str(corpora), store_dir=str(tmp_path))
  open_task(TaskChoice("fsd50k"), location, 16_000)
  assert "missing    fsd50k: 197 of the 200 classes have no clip (" in capsys.readouterr().out
