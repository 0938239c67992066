"""Tables with times: a row is a stretch of a recording, which is decoded once."""

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.datasets.stretches import are_same
from contrastive_audio.errors import UserError
from contrastive_audio.sound import reading
from contrastive_audio.store import preparation
from contrastive_audio.store import store as store_module
from contrastive_audio.store.store import Store
from tests.support import tone

RATE_HZ = 16_000


@pytest.fixture
def folder(tmp_path):
  """Two recordings, of 9 and of 4 s, that are never the same from one second to the next."""
  rng = np.random.default_rng(0)
  for name, seconds in (("long", 9), ("short", 4)):
    noise = rng.normal(0, 0.02 + 0.01 * np.arange(seconds)[:, None], [seconds, RATE_HZ]).ravel()
    soundfile.write(tmp_path / f"{name}.wav", tone(300, seconds) / 3 + noise, RATE_HZ)
  return tmp_path


def open_table(folder, rows, background=None, split=None, header="file,start_s,end_s,label"):
  (folder / "rows.csv").write_text("\n".join([header, *rows]) + "\n")
  return datasets.open_source(str(folder / "rows.csv"), split, background=background)


def prepared(folder, *arguments, **options):
  source = open_table(folder, *arguments, **options)
  return preparation.prepare(source, RATE_HZ, str(folder / "stores"))


def content(store):
  return dict(zip(store.keys(), store.labels()))


ROWS = ["long.wav,0,2.5,dog", "long.wav,7.25,9,cat", "short.wav,1.0001,1.5,dog", "short.wav,,,rain"]


def test_a_row_is_just_what_a_file_with_this_stretch_alone_would_be(folder):
  store = prepared(folder, ROWS)
  wave, _ = soundfile.read(folder / "long.wav", dtype="float32")
  soundfile.write(folder / "cut.wav", wave[int(7.25 * RATE_HZ) :], RATE_HZ)
  (folder / "whole.csv").write_text("file,label\ncut.wav,cat\n")
  source = datasets.open_source(str(folder / "whole.csv"))
  by_hand = preparation.prepare(source, RATE_HZ, str(folder / "stores"))
  assert store.num_samples.tolist() == [40_000, 28_000, 7998, 64_000]
  np.testing.assert_array_equal(store.wave(1), by_hand.wave(0))
  for levels in ("mean", "centred_peak"):
    assert getattr(store, levels)[1] == pytest.approx(getattr(by_hand, levels)[0], abs=1e-7)
  excerpt = np.empty(500, np.float32)
  store.copy_excerpt(1, 27_500, excerpt)
  np.testing.assert_array_equal(excerpt, wave[-500:])


def test_keys_are_media_fragments_and_a_recording_is_the_group_of_its_rows(folder):
  store = prepared(folder, ROWS)
  assert content(store) == {
    "long.wav#t=0,2.5": "dog",
    "long.wav#t=7.25,9": "cat",
    "short.wav#t=1.0001,1.5": "dog;rain",
    "short.wav": "dog;rain",
  }
  assert store.groups() == ["long.wav"] * 2 + ["short.wav"] * 2
  assert store.recordings.tolist() == [0, 0, 1, 1]
  joined = Store.join([store, store.select([2, 0])])
  assert joined.recordings.tolist() == [0, 0, 1, 1, 3, 2]


def test_a_recording_is_decoded_once_however_many_rows_it_has_and_whatever_they_become(
  folder, monkeypatch
):
  decoded = []
  blocks = reading.blocks
  monkeypatch.setattr(
    reading, "blocks", lambda path, *a, **k: decoded.append(path) or blocks(path, *a, **k)
  )
  first = prepared(folder, [f"long.wav,{n / 10},{n / 10 + 1},dog" for n in range(50)])
  assert first.num_clips == 50
  assert len(decoded) == 1
  second = prepared(folder, ["long.wav,0,1,cat", "long.wav,1,2,dog"])
  assert len(decoded) == 1
  assert second.folders == first.folders
  assert second.digest != first.digest


def test_levels_that_are_kept_are_those_that_were_measured(folder, monkeypatch):
  measured = prepared(folder, ROWS)
  monkeypatch.setattr(store_module, "_WORTH_KEEPING", 0)
  kept = [prepared(folder, ROWS)]
  (path,) = (folder / "stores").glob("*/levels-*.json")
  monkeypatch.setattr(Store, "_measure_levels", lambda store: pytest.fail("measured again"))
  kept.append(prepared(folder, ROWS))
  kept.append(prepared(folder, [row.replace("dog", "wolf") for row in ROWS]))
  for store in kept:
    np.testing.assert_array_equal(store.mean, measured.mean)
    np.testing.assert_array_equal(store.centred_peak, measured.centred_peak)
  monkeypatch.undo()
  path.write_text(path.read_text().replace("A", "B"))  # damaged: it is measured again
  monkeypatch.setattr(store_module, "_WORTH_KEEPING", 0)
  np.testing.assert_array_equal(prepared(folder, ROWS).mean, measured.mean)


def test_rows_of_the_same_times_are_one_clip_with_all_their_labels(folder):
  (folder / "link.wav").symlink_to("long.wav")
  rows = ["long.wav,0,2,dog", "link.wav,0.0,2.000,rain", "long.wav,0,2,dog"]
  source = open_table(folder, rows)
  assert content(preparation.prepare(source, RATE_HZ, str(folder / "stores"))) == {
    "long.wav#t=0,2": "dog;rain"
  }
  assert "2 rows have the times of another" in source.summary


def test_times_that_differ_by_rounding_alone_are_the_same(folder):
  rows = ["long.wav,0.3,1,dog,train", "long.wav,0.30000000000000004,1,rain,train"]
  header = "file,start_s,end_s,label,split"
  assert content(prepared(folder, rows, header=header)) == {"long.wav#t=0.3,1": "dog;rain"}
  rows[1] = rows[1].replace("train", "test")
  with pytest.raises(UserError, match="line 3: 'long.wav' has the times of .*line 2, with the sp"):
    open_table(folder, rows, header=header)


def test_rows_that_share_more_than_half_of_the_shorter_have_each_others_labels(folder):
  rows = [
    "long.wav,0,6,rain",
    "long.wav,5,5.5,dog",  # wholly in the rain
    "long.wav,5.4,7.4,cat",  # a tenth of a second of the dog, 0.6 s of the rain
    "long.wav,7,8,owl",  # less than half in the cat
    "short.wav,0,1,dog",
  ]
  store = prepared(folder, rows)
  assert store.labels() == ["dog;rain", "dog;rain", "cat", "owl", "dog"]


def test_the_labels_of_rows_that_overlap_are_one_class_whatever_their_order(folder):
  rows = ["long.wav,0,2,wren", "long.wav,1.5,2,rain", "short.wav,0,2,rain;wren"]
  rows += ["long.wav,5,6,wren", "long.wav,5,6,rain", "short.wav,3,4,wren; rain"]
  source = open_table(folder, rows)
  assert set(source.stretches.rows["label"].to_pylist()) == {"rain;wren"}
  assert "2 rows have their labels and those of overlapping rows" in source.summary
  whole = open_table(folder, ["long.wav,wren;rain", "short.wav,rain;wren"], header="file,label")
  assert {clip.label for clip in whole.clips(0, 2)} == {"rain;wren"}


def test_what_no_row_covers_becomes_a_class_in_pieces_of_the_usual_length(folder):
  rows = ["long.wav,1,3,dog", "long.wav,2,4,cat", "short.wav,0,1.8,dog"]
  store = prepared(folder, rows, background="other")
  assert content(store) == {
    "long.wav#t=1,3": "dog",
    "long.wav#t=2,4": "cat",
    "short.wav#t=0,1.8": "dog",
    "long.wav#t=4,6.5": "other",  # five seconds are nearest to two pieces of the median, 2 s
    "long.wav#t=6.5,9": "other",
    "short.wav#t=1.8,4": "other",
  }  # and the first second, less than half of it, is left out
  assert store.groups()[-1] == "short.wav"


def test_what_no_row_covers_is_of_the_split_of_its_recording_or_not_used(folder):
  header = "file,start_s,end_s,label,split"
  rows = ["long.wav,1,3,dog,train", "long.wav,3,5,cat,test", "short.wav,0,2,dog,test"]
  source = open_table(folder, rows, "other", split="all", header=header)
  store = preparation.prepare(source, RATE_HZ, str(folder / "stores"))
  assert [key for key, label in content(store).items() if label == "other"] == ["short.wav#t=2,4"]
  assert source.splits()["short.wav"] == "test"
  assert source.splits()["long.wav#t=1,3"] == "train"
  assert "long.wav" not in source.splits()
  chosen = prepared(folder, rows, "other", split="train", header=header)
  assert content(chosen) == {"long.wav#t=1,3": "dog"}


def test_a_row_without_a_split_is_of_none_whatever_the_others_of_its_recording_are(folder):
  rows = ["long.wav,1,3,dog,train", "long.wav,3,5,cat,", "short.wav,0,2,dog,test"]
  source = open_table(folder, rows, split="all", header="file,start_s,end_s,label,split")
  splits = source.splits()
  assert [splits[f"long.wav#t={times}"] for times in ("1,3", "3,5")] == ["train", None]


@pytest.mark.parametrize(
  "header",
  [
    "filename,onset,offset,event_label",
    "File,Start (s),End (s),Common name",
    "path,Begin Time (s),End Time (s),class",
    "file,start_s,stop_s,label",
  ],
)
def test_times_have_the_names_that_other_programs_give_them(folder, header):
  assert content(prepared(folder, ["long.wav,1,2,dog"], header=header)) == {"long.wav#t=1,2": "dog"}


@pytest.mark.parametrize(
  ("row", "reason"),
  [
    ("long.wav,8,9.2,dog", "line 3: 'long.wav' ends after 9 s, and the row goes from 8 to 9.2 s"),
    ("short.wav,4,4.05,dog", "line 3: 'short.wav' ends after 4 s"),
    ("long.wav,2,1,dog", "line 3: it goes from 2 to 1 s"),
    ("long.wav,-1,1,dog", "line 3: it goes from -1 to 1 s"),
    ("long.wav,1,1,dog", "line 3: the label at 1 s is a point"),
    ("long.wav,1,,dog", "line 3: the times '1' and ''"),
    ("long.wav,1,soon,dog", "line 3: the times '1' and 'soon'"),
    ("long.wav,nan,1,dog", "line 3: the times 'nan' and '1'"),
  ],
)
def test_times_that_are_none_or_outside_the_file_are_one_line_that_names_the_row(
  folder, row, reason
):
  with pytest.raises(UserError, match=f"rows.csv, {reason}"):
    open_table(folder, ["long.wav,0,1,cat", row])


def test_a_length_that_only_decoding_tells_is_compared_when_it_is_known(folder, monkeypatch):
  monkeypatch.setattr(reading, "stated_duration_s", lambda path: None)
  source = open_table(folder, ["short.wav,0,1,cat", "long.wav,8,9.2,dog"])
  with pytest.raises(UserError, match="rows.csv, line 3: 'long.wav' ends after 9 s"):
    preparation.prepare(source, RATE_HZ, str(folder / "stores"))


def test_an_end_that_was_rounded_up_is_the_end_of_the_file(folder):
  assert prepared(folder, ["short.wav,3,4.04,dog"]).num_samples.tolist() == [RATE_HZ]


def test_rows_of_a_file_that_cannot_be_decoded_are_left_out_with_it(folder):
  (folder / "bad.wav").write_bytes(b"RIFF")
  source = open_table(folder, ["bad.wav,0,1,dog", "long.wav,0,1,dog"])
  store = preparation.prepare(source, RATE_HZ, str(folder / "stores"), max_bad_fraction=0.5)
  assert content(store) == {"long.wav#t=0,1": "dog"}
  assert store.num_skipped == 1


def test_times_need_both_columns_and_a_class_of_the_rest_needs_times(folder):
  with pytest.raises(UserError, match="'start_s' needs another one"):
    open_table(folder, ["long.wav,1,dog"], header="file,start_s,label")
  for name in (str(folder), "synthetic", str(folder / "long.wav")):
    with pytest.raises(UserError, match="--background=other"):
      datasets.open_source(name, background="other")
  with pytest.raises(UserError, match="--background=other"):
    open_table(folder, ["long.wav,dog"], "other", header="file,label")


def test_the_rest_of_a_recording_has_the_same_names_at_every_sample_rate(folder):
  source = open_table(folder, ["long.wav,1,2.5,dog"], background="other")
  rng = np.random.default_rng(0)
  for length_s in rng.uniform(8, 12, 200):
    lengths_s = [np.ceil(length_s * rate_hz) / rate_hz for rate_hz in (44_100, 22_050, 16_000)]
    names = [
      [each.key for each in source.stretches.within(["long.wav"], [rate_s])] for rate_s in lengths_s
    ]
    assert all(map(are_same, *names[:2]))
    assert all(map(are_same, *names[1:]))
    assert len(set(map(tuple, names))) == 1 or length_s * 10 % 1 > 0.999
  assert not are_same("a.wav#t=1,2", "a.wav#t=1.2,2")
  assert not are_same("a.wav", "b.wav")


@pytest.mark.parametrize(
  "header",
  [
    "file,start,end,label",
    "file,Begin,END,label",
    "file,onset,duration,label",
    "file,start,len_s,label",
  ],
)
def test_times_under_unknown_names_are_refused_because_whole_files_would_be_read(folder, header):
  with pytest.raises(UserError, match="look like times, and would be ignored: name them start_s"):
    open_table(folder, ["long.wav,0,1,dog"], header=header)
  open_table(folder, ["long.wav,0,dog"], header="file,start,label")  # alone, it may be anything


def test_times_of_a_sequence_of_files_are_refused_in_a_table_of_raven_that_is_no_text_file(folder):
  header = "file,Begin Time (s),End Time (s),File Offset (s),label"
  with pytest.raises(
    UserError, match="may count from the start of a sequence of files.*selections.txt"
  ):
    open_table(folder, ["long.wav,100,101,0,dog"], header=header)


def test_a_label_has_no_empty_names_and_no_spaces_around_them(folder):
  rows = ["long.wav,0,1,dog;", "long.wav,1,2, dog ;; rain", "long.wav,2,3,;"]
  labels = open_table(folder, rows).stretches.rows["label"].to_pylist()
  assert labels == ["dog", "dog;rain", None]
  whole = open_table(folder, ["long.wav,dog;"], header="file,label")
  assert [clip.label for clip in whole.clips(0, 1)] == ["dog"]
