"""Cards of published data sets: what they print, and how they divide small copies of them."""

import numpy as np
import pytest
import soundfile

from contrastive_audio.datasets import corpora
from contrastive_audio.errors import UserError
from downstream import judging, knn, linear, tasks
from downstream.cards import cola, corpus_split_rules, sound_events
from downstream.cards import published_scores as published_numbers
from downstream.encoders import models
from downstream.judging import Condition
from tests.downstream.cards import fake_corpora
from tests.downstream.cards.fake_corpora import labels_of
from tests.support import command

CARDS = {card.name: card for card in (*cola.CARDS, *sound_events.CARDS)}
PLACES = {"manual_dir": None, "audio_root": None, "max_bad_fraction": 0.05, "metric": "accuracy"}
FIELDS = ["task", "source", "data set", "files", "licence", "size", "classes", "predicts", "split"]
FIELDS += ["metric", "published", "comparable"]


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
  """The folder that holds all data sets by name."""
  folder = tmp_path_factory.mktemp("corpora")
  for make in fake_corpora.MAKERS.values():
    make(folder)
  return folder


@pytest.fixture(scope="module")
def open_card(parent, tmp_path_factory):
  stores = str(tmp_path_factory.mktemp("stores"))
  values = PLACES | {"data_dir": str(parent), "store_dir": stores}
  opened = {}

  def open_once(name):
    if name not in opened:
      opened[name] = tasks.open_task(name, 16_000, values)
    return opened[name]

  return open_once


@pytest.mark.parametrize("name", CARDS)
def test_a_card_prints_every_field(name):
  lines = CARDS[name].lines()
  assert list(dict.fromkeys(title for title, _ in lines)) == FIELDS
  assert all(text and "\n" not in text for _, text in lines)
  source = dict(lines)["source"]
  assert CARDS[name].corpus.homepage in source


def test_a_card_is_printed_by_the_command():
  printed = command("downstream.tasks", "--show=voxceleb_speaker", cwd=".").stdout
  assert "published  COLA, linear on frozen: 29.9 % (COLA, ICASSP 2021, Table 1)\n" in printed
  assert "published  M2D, ratio 0.6: 73.1 % (README of nttcslab/m2d)\n" in printed
  assert "a subset that is not public" in printed


def test_the_tasks_of_cola_are_cards_with_its_numbers():
  for name in published_numbers.PAPER_TASKS:
    columns = ("random", "supervised", "frozen", "fine_tuned")
    expected = [published_numbers.COLA_DOWNSTREAM[column, name] for column in columns]
    assert [value for _, value, _ in CARDS[name].published[:4]] == expected


def test_rules_name_parts_that_the_data_sets_have():
  for card in CARDS.values():
    assert set(card.parts) <= set(card.corpus.split_names)
    opened = set((card.opens or "all").split("+")) - {"all"}
    assert opened <= set(card.corpus.split_names)
  assert {card.dataset for card in CARDS.values()} == set(corpora.NAMES)


@pytest.mark.parametrize("name", CARDS)
def test_parts_of_a_card_are_disjoint_and_every_tested_class_is_trained(name, open_card):
  data = open_card(name)
  for split in data.splits(0):
    problem = judging._problem(data, None, split, Condition(), 0, None)
    parts = [problem.train, problem.validation, problem.test]
    assert all(len(part) for part in parts)
    together = np.concatenate(parts)
    assert len(together) == len(set(together.tolist())) <= data.store.num_clips
    assert (data.targets()[problem.train].sum(axis=1) >= 1).all()
    trained = data.targets()[problem.train].any(axis=0)
    assert trained[data.targets()[problem.test].any(axis=0)].all()
    again = next(s for s in data.splits(0) if s.name == split.name)
    assert again.test.tolist() == split.test.tolist()


# Groups: what must not be on both sides; None: the official lists, or clips, divide it.
WHOLE = ("musan", "voxforge_language", "tut_2018", "nsynth_instrument", "voxceleb_speaker", "esc50")


@pytest.mark.parametrize("name", [*WHOLE, "speech_commands_v1", "esc10_of_esc50"])
def test_no_group_is_on_two_sides(name, open_card):
  data = open_card(name)
  for seed in range(3):
    for split in data.splits(seed):
      train, test = ({data.clips.groups[i] for i in part} for part in (split.train, split.test))
      assert train
      assert test
      assert not train & test
      if name in ("musan", "voxforge_language"):  # their validation part is cut like that, too
        problem = judging._problem(data, None, split, Condition(), seed, None)
        fitted, chosen = (
          {data.clips.groups[i] for i in part} for part in (problem.train, problem.validation)
        )
        assert not fitted & chosen


def test_ten_words_stay_and_all_others_are_unknown(open_card):
  data, words = open_card("speech_commands_v1"), open_card("speech_commands_v1_words")
  assert data.class_names == ["yes", "no", "unknown"]
  assert words.class_names == ["bed", "cat", "no", "tree", "yes"]
  assert words.store.digest == data.store.digest
  (split,) = data.splits(0)
  assert [len(part) for part in (split.train, split.validation, split.test)] == [35, 5, 10]
  assert all("0000000" in data.clips.keys[i] for i in split.train)
  unknown = [
    data.clips.keys[i].split("/")[0] for i in split.test if data.clips.labels[i] == "unknown"
  ]
  assert set(unknown) == {"bed", "cat", "tree"}
  assert not any("background" in key for key in data.clips.keys)
  assert open_card("speech_commands_v2").class_names == [
    "backward",
    "bed",
    "cat",
    "no",
    "tree",
    "yes",
  ]
  assert open_card("speech_commands_v2_10").class_names == ["yes", "no", "unknown"]


def test_chapters_are_tested_inside_each_speaker(open_card):
  data = open_card("librispeech_speaker")
  assert data.class_names == ["1", "2", "3"]  # the readers of train-clean-100 only
  assert data.store.num_clips == 30
  for seed in range(3):
    (split,) = data.splits(seed)
    assert labels_of(data, split.train) == labels_of(data, split.test) == {"1", "2", "3"}
    train, test = ({data.clips.groups[i] for i in part} for part in (split.train, split.test))
    (shared,) = train & test
    assert shared.startswith("3-")  # the only chapter of its speaker
    assert [data.clips.labels[i] for i in split.test].count("3") == 1
    problem = judging._problem(data, None, split, Condition(), seed, None)
    assert labels_of(data, problem.train) == {"1", "2", "3"}


def test_pieces_of_a_recording_are_never_on_both_sides(open_card):
  data = open_card("musan")
  assert data.store.num_clips == 3 * (
    5 * 3 + 1
  )  # 21 s are three pieces, of which one lasts a second
  (split,) = data.splits(0)
  recordings = {data.clips.keys[i].split("#")[0] for i in split.test}
  assert not recordings & {data.clips.keys[i].split("#")[0] for i in split.train}
  assert labels_of(data, split.test) == {"music", "noise", "speech"}
  for seed in range(4):  # so is the validation part cut
    problem = judging._problem(data, None, data.splits(seed)[0], Condition(), seed, None)
    assert labels_of(data, problem.validation) == {"music", "noise", "speech"}


def test_segments_share_places_and_the_fold_does_not(open_card):
  fold, segments = open_card("tut_2018"), open_card("tut_2018_segments")
  (split,) = fold.splits(0)
  assert {fold.clips.groups[i] for i in split.test} == {"bus-lyon-2", "airport-lyon-2"}
  assert fold.class_names == ["airport", "bus"]
  (split,) = segments.splits(0)
  train, test = ({segments.clips.groups[i] for i in part} for part in (split.train, split.test))
  assert train & test
  assert len(split.test) == 2 * 4
  assert "BOTH SIDES" in segments.task.split.describe.upper()


def test_a_tenth_of_birds_and_of_no_birds_is_tested(open_card):
  data = open_card("birdsong_detection")
  (split,) = data.splits(0)
  assert [data.clips.labels[i] for i in split.test].count("bird") == 2
  assert len(split.test) == 4
  assert data.class_names == ["no bird", "bird"]  # in the official order


def test_speakers_of_two_languages_are_held_out_whole(open_card):
  data = open_card("voxforge_language")
  for seed in range(5):
    (split,) = data.splits(seed)
    assert labels_of(data, split.test) == {"de", "fr"}
    assert len({data.clips.groups[i] for i in split.test} & {"anonymous"}) == 0


def test_parts_of_fsdnoisy18k(open_card):
  data = {name: open_card(name) for name in CARDS if name.startswith("fsdnoisy18k")}
  sizes = {}
  for name, each in data.items():
    assert each.class_names == ["Fire", "Rain", "Wind"]
    (split,) = each.splits(0)
    sizes[name] = [
      len(part) if part is not None else 0 for part in (split.train, split.validation, split.test)
    ]
    assert each.store.num_clips == sum(sizes[name])  # the others are not embedded
  assert sizes == {
    "fsdnoisy18k": [27, 21, 9],
    "fsdnoisy18k_clean": [18, 3, 9],
    "fsdnoisy18k_small": [9, 21, 9],
    "fsdnoisy18k_validation": [27, 0, 21],
  }
  assert len({each.store.folders[0] for each in data.values()}) == 1  # decoded once


@pytest.mark.parametrize("tells_parts", [True, False])
def test_clips_are_read_once_or_part_by_part(tells_parts, parent, tmp_path, monkeypatch):
  opened, original = [], tasks.datasets.open_source

  def open_source(name, split, *locations):
    source = original(name, split, *locations)
    opened.append(split)
    if not tells_parts:  # as slices of a prepared data set
      source.splits = dict
    return source

  monkeypatch.setattr(tasks.datasets, "open_source", open_source)
  values = PLACES | {"data_dir": str(parent), "store_dir": str(tmp_path)}
  (split,) = tasks.open_task("fsdnoisy18k", 16_000, values).splits(0)
  assert [len(part) for part in (split.train, split.validation, split.test)] == [27, 21, 9]
  by_part = [] if tells_parts else ["train", "train_clean", "validation", "test"]
  assert opened == ["all", *by_part]


def test_what_only_chooses_does_not_train(open_card):
  noisy, small = open_card("fsdnoisy18k"), open_card("tut_2018")
  for data, is_given in ((noisy, True), (small, False)):
    (split,) = data.splits(0)
    problem = judging._problem(data, None, split, Condition(), 0, None)
    trained = np.sort(np.concatenate([problem.train, [] if is_given else problem.validation]))
    assert problem.fitted_and_chosen.tolist() == trained.tolist()


def test_several_labels_are_judged_by_average_precision(open_card):
  data = open_card("audioset")
  assert data.class_names == ["Sound, 2", "Sound, 5", "Sound, 400"]  # official, not alphabetical
  assert data.store.num_clips == 16  # the unbalanced part is not opened
  (split,) = data.splits(0)
  assert data.targets()[split.train].sum() == 12
  model = models.open_model("logmel_stats")
  result = judging.judge(linear.cached()(data, model), data, model, Condition(), 0)
  assert 0 < result["score"] <= 100
  with pytest.raises(UserError, match="clips have several labels, which kNN does not predict"):
    knn.make_method()(data, model)
  assert open_card("fsd50k").class_names == ["class003", "class007", "class150"]


def test_a_label_that_is_no_class_is_refused(open_card):
  data = open_card("tut_2018")
  with pytest.raises(UserError, match="the label 'bus' .of 'audio/bus.*'. is none of the 1 cl"):
    tasks.TaskData(data.task, data.store, data.clips.parts, ("airport",))


def test_a_part_that_is_not_there_is_said_in_one_line(tmp_path):
  fake_corpora.nsynth(tmp_path)
  (tmp_path / "nsynth" / "nsynth-test").rename(tmp_path / "gone")
  values = PLACES | {"data_dir": str(tmp_path), "store_dir": str(tmp_path / "stores")}
  with pytest.raises(UserError, match="no clip with split 'test'; it has train, valid$"):
    tasks.open_task("nsynth_instrument", 16_000, values)


def test_a_part_without_a_usable_clip_is_said_in_one_line(tmp_path):
  fake_corpora.nsynth(tmp_path)
  for path in (tmp_path / "nsynth" / "nsynth-test" / "audio").iterdir():
    path.write_bytes(b"no sound")
  values = PLACES | {"data_dir": str(tmp_path), "store_dir": str(tmp_path / "stores")}
  data = tasks.open_task("nsynth_instrument", 16_000, values | {"max_bad_fraction": 0.9})
  with pytest.raises(
    UserError, match="no clip of the part test, which is for test: the data set is"
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
  values = PLACES | {"data_dir": str(tmp_path)}
  with pytest.raises(UserError, match=message) as caught:
    tasks.require_data(name, values)
  assert "\n" not in str(caught.value)
  if name != "esc10":
    with pytest.raises(UserError, match="without --data_dir=FOLDER, the folder that holds it"):
      tasks.require_data(name, PLACES | {"data_dir": None})


def test_data_that_is_there_is_not_refused(parent):
  for name in CARDS:
    tasks.require_data(name, PLACES | {"data_dir": str(parent)})
