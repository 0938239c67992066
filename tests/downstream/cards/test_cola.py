"""The cards of COLA's tasks on small copies of their data sets."""

from tests.downstream.cards.fake_corpora import labels_of, problem_of


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
    problem = problem_of(data, split, seed)
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
    problem = problem_of(data, data.splits(seed)[0], seed)
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
  assert "BOTH SIDES" in segments.task.split.description.upper()


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
