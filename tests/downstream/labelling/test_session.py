"""A labelling: answers are saved, taken back and gone on with, and what comes next is as wanted."""

import threading

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.labelling.label_table import LabelTable
from downstream.labelling.proposals import Examples
from downstream.labelling.refitting import Refitting


def upcoming(session):
  return [each["name"] for each in session.state()["upcoming"]]


def labels_in(path, material):
  return list(LabelTable(str(path), material.recordings(path)).labels.values())


def answer(material, session, count):
  """Answers by the truth, and learns after each answer."""
  for _ in range(count):
    name = upcoming(session)[0]
    session.mark(name, [material.truth(session, name)])
    session.refit()


def example_of(material, name, label=None):
  """The first window of a class as an example."""
  number = [key.split("/")[0] for key in material.store.keys()].index(name)  # noqa: SIM118
  row = material.rows._embeddings.of_windows()[1][np.flatnonzero(material.windows.clips == number)]
  return Examples((label or name,), row[:1])


def test_several_labels_a_negative_and_undo_are_in_the_file_at_once(material, tmp_path):
  path = tmp_path / "labels.csv"
  session = material.session(path, classes=("wren", "rain"))
  first = upcoming(session)[0]
  session.mark(first, ["wren", "rain"])
  assert labels_in(path, material) == [("wren", "rain")]
  second = upcoming(session)[0]
  session.mark(second, ["other"])
  session.mark(first, ["rain", " new class "])
  assert labels_in(path, material) == [("rain", "new class"), ("other",)]
  counts = {each["name"]: each["marks"] for each in session.state()["classes"]}
  assert counts == {"wren": 0, "rain": 1, "new class": 1, "other": 1}
  assert list(counts)[-1] == "other"
  assert [session.undo() for _ in range(2)] == [first, second]
  assert [set(names) for names in labels_in(path, material)] == [{"wren", "rain"}]
  assert session.undo() == first
  assert labels_in(path, material) == []
  assert session.undo() is None


def test_a_labelling_goes_on_with_the_table_of_another_one(material, tmp_path):
  path = tmp_path / "labels.csv"
  session = material.session(path)
  answer(material, session, 6)
  again = material.session(path)
  again.refit()
  one, other = session.state(), again.state()
  for what in ("classes", "num_marked", "recent", "upcoming", "quality", "num_fitted"):
    assert one[what] == other[what], what
  assert not other["can_undo"]  # what was answered is corrected by going back to it
  again.mark(other["recent"][-1]["name"], ["corrected"])
  assert labels_in(path, material)[-1] == ("corrected",)


def test_a_corrected_mark_stays_where_it_is_among_the_recent_ones(material, tmp_path):
  session = material.session(tmp_path / "labels.csv")
  answer(material, session, 4)
  names = [each["name"] for each in session.state()["recent"]]
  session.mark(names[1], ["corrected"])
  assert [each["name"] for each in session.state()["recent"]] == names
  assert session.state()["recent"][1]["labels"] == ["corrected"]
  session.undo()
  assert [each["name"] for each in session.state()["recent"]] == names


@pytest.mark.parametrize("strategy", ["top", "uncertain", "diverse", "random"])
def test_no_window_comes_that_shares_most_with_one_that_is_answered_or_skipped(
  material, tmp_path, strategy
):
  session = material.session(tmp_path / "labels.csv", strategy)
  session.refit()
  seen = []
  for number in range(9):
    names = upcoming(session)
    places = [session.place(name) for name in names]
    for place in places:
      assert not any(place.shares_most(other) for other in [*seen, *places] if other is not place)
    if number % 3 == 2:
      session.skip(names[0])
    else:
      session.mark(names[0], [material.truth(session, names[0])])
    seen.append(places[0])
    if number % 2:
      session.refit()


def test_all_windows_can_be_answered_and_then_nothing_is_left(material, tmp_path):
  session = material.session(tmp_path / "labels.csv", "diverse")
  for _ in range(200):
    if not (names := upcoming(session)):
      break
    session.skip(names[0])
  assert not names
  session.undo()
  assert len(upcoming(session)) == 1


def test_top_finds_a_class_and_the_negative_is_not_looked_for(material, tmp_path):
  session = material.session(tmp_path / "labels.csv", "diverse", negative="low")
  counts = {"high": 0, "low": 0}
  while counts != {"high": 4, "low": 3}:  # the negative has fewer
    name = upcoming(session)[0]
    if counts[truth := material.truth(session, name)] < {"high": 4, "low": 3}[truth]:
      session.mark(name, [truth])
      counts[truth] += 1
    else:
      session.skip(name)
  session.choose("top")
  session.refit()
  chosen = session.state()["upcoming"]
  assert {(each["strategy"], each["target"]) for each in chosen} == {("top", "high")}
  assert {material.truth(session, each["name"]) for each in chosen} == {"high"}
  values = [each["value"] for each in chosen]
  assert values == sorted(values, reverse=True)
  session.choose("top", "low")
  assert {material.truth(session, name) for name in upcoming(session)} == {"low"}


def test_examples_come_first_and_are_no_marks(material, tmp_path):
  session = material.session(tmp_path / "l.csv", "top", example_of(material, "low", "call"))
  session.refit()
  state = session.state()
  assert [(each["strategy"], each["target"]) for each in state["upcoming"]] == 3 * [
    ("similar", "call")
  ]
  assert {material.truth(session, each["name"]) for each in state["upcoming"]} == {"low"}
  assert state["upcoming"][0]["value"] == pytest.approx(1, abs=1e-5)
  assert [each["name"] for each in state["classes"]] == ["call", "other"]
  assert state["num_marked"] == 0
  assert not (tmp_path / "l.csv").exists()


def test_after_some_of_what_an_example_is_like_comes_what_it_is_not(material, tmp_path):
  session = material.session(tmp_path / "l.csv", None, example_of(material, "low"))
  session.refit()
  strategies, truths = [], []
  for _ in range(10):
    state = session.state()
    strategies.append((state["strategy"], state["upcoming"][0]["strategy"]))
    truths.append(material.truth(session, state["upcoming"][0]["name"]))
    answer(material, session, 1)
  assert strategies[:5] == 5 * [("top", "similar")]
  assert truths[:5] == 5 * ["low"]
  assert strategies[5] == ("uncertain", "diverse")  # there is nothing yet to tell it from
  assert strategies[-1] == ("uncertain", "uncertain")
  assert session.state()["fitted_classes"] == ["low", "high"]
  session.choose("top")
  assert session.state()["strategy"] == "top"  # who chooses gets it


def test_an_example_of_what_is_not_there_is_not_looked_for_for_ever(material, tmp_path):
  path = tmp_path / "l.csv"
  session = material.session(path, None, example_of(material, "low", "frog"))
  for _ in range(10):
    assert session.state()["strategy"] == "top"
    session.mark(upcoming(session)[0], ["other"])
  assert session.state()["strategy"] == "uncertain"
  again = material.session(path, None, example_of(material, "low", "frog"))
  assert again.state()["strategy"] == "uncertain"


def test_more_like_this_is_what_sounds_like_it_until_something_else_is_chosen(material, tmp_path):
  session = material.session(tmp_path / "l.csv", "random")
  name = next(n for n in upcoming(session) if material.truth(session, n) == "high")
  session.choose("random", like=name)
  session.refit()
  session.skip(name)
  chosen = session.state()["upcoming"]
  assert {each["strategy"] for each in chosen} == {"similar"}
  assert {material.truth(session, each["name"]) for each in chosen} == {"high"}
  session.choose("random")
  session.refit()
  assert {each["strategy"] for each in session.state()["upcoming"]} == {"random"}


def test_a_classifier_of_few_answers_knows_the_rest(material, tmp_path):
  session = material.session(tmp_path / "labels.csv", "diverse")
  session.refit()
  answer(material, session, 8)
  session.choose("uncertain")
  assert session.state()["upcoming"][0]["strategy"] == "uncertain"
  scores = material.rows.scan(session.fitted.classifier)
  names = np.array(session.fitted.class_names)[scores.argmax(axis=1)]
  truth = [key.split("/")[0] for key in material.windows.keys(range(len(names)))]
  assert np.mean(names == truth) > 0.95
  quality = session.state()["quality"]
  assert quality["by"] == "recordings"
  assert quality["low"] <= quality["right"] <= quality["high"]


def test_stretches_of_the_table_that_are_no_windows_are_marks_too(material, tmp_path):
  path = tmp_path / "labels.csv"
  rows = [f"{material.folder}/{name}/{i}.wav,0.05,1.21,{name}" for name in ("high", "low")
          for i in range(2)]  # fmt: skip
  path.write_text("\n".join(["file,start_s,end_s,label", *rows, "elsewhere.wav,0,1,frog"]))
  session = material.session(path, "uncertain")
  session.refit()
  state = session.state()
  assert (state["num_marked"], state["num_fitted"]) == (4, 4)
  assert state["fitted_classes"] == ["high", "low"]
  assert state["upcoming"][0]["strategy"] == "uncertain"
  marked = [session.place(each["name"]) for each in state["recent"]]
  assert {(place.first, place.end) for place in marked} == {(800, 19_360)}
  assert not any(p.shares_most(session.place(n)) for n in upcoming(session) for p in marked)


@pytest.mark.parametrize("name", ["", "  ", "a;b", "a\nb", "\x1b[31m", "x" * 81, "a\u202eb"])
def test_a_class_that_a_table_cannot_hold_is_refused(material, tmp_path, name):
  session = material.session(tmp_path / "labels.csv")
  for act in (session.add_class, lambda label: session.mark(upcoming(session)[0], [label])):
    with pytest.raises(UserError, match="the class"):
      act(name)
  assert not (tmp_path / "labels.csv").exists()


def test_only_what_was_listed_can_be_answered_and_nothing_after_the_end(material, tmp_path):
  session = material.session(tmp_path / "labels.csv")
  with pytest.raises(UserError, match="no stretch is listed as '0-0-9'"):
    session.mark("0-0-9", ["wren"])
  name = upcoming(session)[0]
  session.close()
  with pytest.raises(UserError, match="the command is ending"):
    session.mark(name, ["wren"])
  assert not (tmp_path / "labels.csv").exists()


def test_what_is_asked_while_it_fits_is_fitted_once_more_and_a_fault_is_a_line():
  begun, go_on, calls = threading.Event(), threading.Event(), []

  def work():
    calls.append(1)
    begun.set()
    go_on.wait(60)
    if len(calls) == 2:
      raise ValueError("no numbers")

  with Refitting(work) as refitting:
    refitting.request()
    begun.wait(60)
    for _ in range(5):
      refitting.request()
    assert refitting.is_busy
    go_on.set()
    refitting.wait()
    assert len(calls) == 2
    assert refitting.problem == "the classifier could not be fitted (ValueError: no numbers)"
    refitting.request()
    refitting.wait()
    assert refitting.problem is None
