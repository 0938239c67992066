"""The table of answers: what other commands read, what is kept, and what a kill or a disk does."""

import os

import pytest

from contrastive_audio.datasets.clip_list import read_clip_list
from contrastive_audio.datasets.clip_table import Row
from contrastive_audio.datasets.timed_rows import TimedRows
from contrastive_audio.errors import UserError
from contrastive_audio.utils import files
from downstream.encoders.window_store import WindowStore
from downstream.labelling.places import Place, WindowPlaces
from tests.downstream.encoders.test_window_search import memory_store
from tests.downstream.labelling.three_recordings import table


def as_read(path="labels.csv"):
  """(key, label) of each clip, as a command reads the table."""
  clips = read_clip_list(path).clips
  return list(zip(clips["key"].to_pylist(), clips["label"].to_pylist()))


def test_commands_read_what_was_answered(place):
  answers = table()
  answers.set(Place(0, 8_000, 24_000), ["wren", "rain"])
  answers.set(Place(1, 0, 15_999), ["-other"])
  answers.set(Place(0, 100_000, 160_000), ["wren"])
  assert as_read() == [
    ("field/a.wav#t=0.5,1.5", "rain;wren"),
    ("field/=1+1.wav#t=0,0.999938", "-other"),
    ("field/a.wav#t=6.25,10", "wren"),
  ]
  cells = (place / "labels.csv").read_text().replace("\n", ",").split(",")
  assert not [cell for cell in cells if cell.startswith(("=", "-", "+", "@"))]


def test_a_table_that_is_opened_again_has_the_same_answers_and_the_order_of_the_file(place):
  answers = table()
  places = [Place(clip, first, first + 15_999) for clip in (1, 0, 2) for first in (3, 48_001)]
  for number, each in enumerate(places):
    answers.set(each, [f"class {number % 2}"])
  answers.set(places[0], ["class 1", "new"])
  assert table().labels == answers.labels
  assert list(table().labels) == places


def test_the_folder_of_a_new_table_is_made_with_the_first_answer(place):
  answers = table("new/folder/labels.csv")
  assert not (place / "new").exists()
  answers.set(Place(0, 0, 16_000), ["wren"])
  assert as_read("new/folder/labels.csv") == [(f"{place}/field/a.wav#t=0,1", "wren")]


def test_an_answer_is_replaced_and_taken_back(place):
  answers, where = table(), Place(0, 0, 16_000)
  assert answers.set(where, ["wren", "rain"]).labels == ()
  assert answers.set(where, ["rain"]).labels == ("wren", "rain")
  assert table().labels == {where: ("rain",)}
  assert answers.set(where, []).labels == ("rain",)
  assert table().labels == {}
  assert (place / "labels.csv").read_text().split() == ["file,start_s,end_s,label"]


def test_other_rows_and_columns_are_kept_and_a_new_row_is_of_the_split_of_its_file(place):
  text = (
    "note;File;start_s;end_s;label;split\n"
    "-5 dB;field/a.wav;1,5;3;wren;test\n"
    ";elsewhere.wav;0;1;wren;train\n"
    "all;field/c.wav;;;frog;train\n"
  )
  (place / "labels.csv").write_text(text)
  answers = table()
  assert answers.labels == {Place(0, 24_000, 48_000): ("wren",), Place(2, 0, 160_000): ("frog",)}
  assert answers.num_others == 1
  assert (place / "labels.csv").read_text() == text  # nothing was answered
  answers.set(Place(0, 0, 16_000), ["rain"])
  assert (place / "labels.csv").read_text() == f"{text};field/a.wav;0;1;rain;test\n"


def test_a_corrected_stretch_keeps_its_other_cells_and_undo_brings_its_rows_back(place):
  text = "file,start_s,end_s,label,note\nfield/a.wav,1.50,10.0,wren;frog,heard it twice\n"
  (place / "labels.csv").write_text(text)
  answers, where = table(), Place(0, 24_000, 160_000)
  before = answers.set(where, ["rain"])
  header, row = (place / "labels.csv").read_text().splitlines()
  assert row == "field/a.wav,1.50,10.0,rain,heard it twice"
  answers.put_back(where, before)
  assert (place / "labels.csv").read_text() == text
  answers.put_back(where, answers.set(where, []))
  assert (place / "labels.csv").read_text() == text
  before = answers.set(where, ["rain"])
  (place / "labels.csv").write_text(f"{header},by\n{row},me\n")  # another program adds a column
  answers.put_back(where, before)
  assert set(answers.labels[where]) == {"wren", "frog"}


def test_a_corrected_stretch_keeps_its_place_in_the_file_and_so_does_one_that_is_taken_back(place):
  rows = [f"field/a.wav,{start},{start + 1},{label}" for start, label in enumerate("abcd")]
  rows.insert(3, "field/a.wav,0,1,e")  # the first stretch has two rows, not beside each other
  text = "\n".join(["file,start_s,end_s,label", *rows, ""])
  (place / "labels.csv").write_text(text)
  answers, first = table(), Place(0, 0, 16_000)
  for where, labels, expected in [
    (Place(0, 16_000, 32_000), ["x", "y"], "axyced"),
    (first, ["x"], "xbcd"),
    (first, ["e", "x"], "xbced"),
    (first, ["a", "x"], "axbcd"),
    (first, ["x", "e", "a"], "axbced"),
    (first, [], "bcd"),
  ]:
    before = answers.set(where, labels)
    written = (place / "labels.csv").read_text().split()[1:]
    assert "".join(row[-1] for row in written) == expected
    assert table().labels == answers.labels
    answers.put_back(where, before)
    assert (place / "labels.csv").read_text() == text
  for labels in ([], ["x"]):  # as with the key of one label, then that of the other
    answers.set(Place(0, 16_000, 32_000), labels)
  assert list(answers.labels.values()) == [("a", "e"), ("x",), ("c",), ("d",)]
  answers.put_back(last := Place(0, 64_000, 80_000), answers.set(last, ["x"]))
  answers.set(Place(0, 80_000, 96_000), ["y"])
  answers.set(last, ["z"])  # taken back, it is new again
  assert list(answers.labels.values())[4:] == [("y",), ("z",)]


def test_a_new_label_has_no_score_and_only_what_all_rows_of_its_stretch_say(place):
  rows = [
    "file,start_s,end_s,label,Score,by,note,split",
    "field/a.wav,1,2,wren,0.93,me,loud,test",
    "field/a.wav,1,2,frog,0.41,me,far,test",
    "field/a.wav,2,3,wren,0.87,you,loud,test",
  ]
  (place / "labels.csv").write_text("\n".join([*rows, ""]))
  answers = table()
  answers.set(Place(0, 16_000, 32_000), ["frog", "robin"])  # frog is as it was
  answers.set(Place(0, 32_000, 48_000), ["robin"])
  assert set((place / "labels.csv").read_text().splitlines()) == {
    rows[0],
    rows[2],
    "field/a.wav,1,2,robin,,me,,test",
    "field/a.wav,2,3,robin,,you,loud,test",
  }


def test_paths_of_a_table_from_windows_are_found(place):
  (place / "labels.csv").write_text("file,start_s,end_s,label\nfield\\a.wav,1,2,wren\n")
  assert table().labels == {Place(0, 16_000, 32_000): ("wren",)}


def test_what_another_program_writes_meanwhile_is_kept(place):
  answers = table()
  answers.set(Place(0, 0, 16_000), ["wren"])
  with open("labels.csv", "a") as file:
    file.write("field/c.wav,2,3,frog\n")
  answers.set(Place(0, 16_000, 32_000), ["rain"])
  assert [label for _, label in as_read()] == ["wren", "frog", "rain"]
  with open("labels.csv", "w") as file:
    file.write("no table\n")
  with pytest.raises(UserError, match="must name the columns file,start_s,end_s,label"):
    answers.set(Place(0, 32_000, 48_000), ["rain"])
  assert (place / "labels.csv").read_text() == "no table\n"


def test_a_full_disk_loses_nothing_that_was_saved(place, monkeypatch):
  answers = table()
  answers.set(Place(0, 0, 16_000), ["wren"])

  def full(path):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(files, "_flush_to_disk", full)
  with pytest.raises(UserError, match=r"labels.csv: no space left .* the answer is not saved"):
    answers.set(Place(0, 16_000, 32_000), ["rain"])
  assert answers.labels == table().labels == {Place(0, 0, 16_000): ("wren",)}
  assert sorted(os.listdir()) == ["field", "labels.csv"]


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ("field/a.wav,ten,20,wren", "line 2: the times 'ten' and '20'"),
    ("field/a.wav,9,20,wren", "line 2: 'field/a.wav' ends after 10 s"),
    ("field/a.wav,3,3,wren", "line 2: the label at 3 s is a point"),
  ],
)
def test_a_malformed_row_is_refused_with_its_line(place, row, message):
  (place / "labels.csv").write_text(f"file,start_s,end_s,label\n{row}\n")
  with pytest.raises(UserError, match=message):
    table()


@pytest.mark.parametrize(
  ("hop", "window"), [(5_000, 16_001), (8_000, 16_000), (8_000, 16_001), (8_001, 16_001)]
)
def test_windows_share_most_exactly_if_a_table_gives_them_the_labels_of_both(hop, window):
  """Otherwise a negative beside a positive would have both labels."""
  windows = WindowStore(memory_store([3.3, 1.7], 16_000), hop, window)
  places, starts_s, ends_s = WindowPlaces(windows), *windows.spans_s(range(windows.num_clips))
  for number in range(len(places)):
    sharing = places.sharing_most(places[number]).tolist()
    assert places.number(places[number]) == number
    assert number in sharing
    for other in {*range(len(places))} - {number}:
      rows = TimedRows()
      for each, label in ((number, "one"), (other, "other")):
        clip, start_s, end_s = windows.clips[each], round(starts_s[each], 6), round(ends_s[each], 6)
        rows.add("", clip, Row(f"{clip}.wav", label, start_s=start_s, stop_s=end_s))
      assert (other in sharing) == ("one;other" in rows.table()["label"].to_pylist())


def test_a_linked_table_stays_a_link_and_keeps_its_mode_and_its_byte_order_mark(place):
  os.mkdir("shared")
  with open("shared/real.csv", "w", encoding="utf-8-sig") as file:
    file.write("file,start_s,end_s,label\nfield/a.wav,0,1,Möwe\n")
  os.chmod("shared/real.csv", 0o664)
  os.symlink("shared/real.csv", "labels.csv")
  answers = table()
  answers.set(Place(1, 0, 16_000), ["Möwe"])
  assert os.path.islink("labels.csv")
  assert os.stat("shared/real.csv").st_mode & 0o777 == 0o664
  content = (place / "shared" / "real.csv").read_bytes()
  assert content.startswith(b"\xef\xbb\xbf")
  assert content.count(b"\xef\xbb\xbf") == 1
  assert sorted(table().labels.values()) == [("Möwe",), ("Möwe",)]
