"""AudioSet: every layout that tools leave on disk, official and damaged lists, bad input."""

import numpy as np
import pytest

from contrastive_audio import datasets
from contrastive_audio.datasets.clip_table import iterate_rows
from contrastive_audio.datasets.corpora.audioset import joining, lists, names, recordings
from contrastive_audio.datasets.corpora.audioset.sorted_ids import find_positions
from contrastive_audio.errors import UnusableAudio, UserError
from tests.contrastive_audio.datasets.corpora import fake_audioset as fake
from tests.support import assert_close

FIRST_ID = fake.BALANCED[0][0]


def open_audioset(folder, split=None):
  return datasets.open_source("audioset", split, str(folder))


def clips_of(source):
  return {clip.key: clip for clip in source.clips(0, source.num_clips)}


def labels_of(segments):
  return {row[0]: ";".join(fake.NAMES[i] for i in row[3]) for row in segments}


@pytest.mark.parametrize("layout", fake.LAYOUTS)
def test_every_layout_gives_the_right_clips_labels_and_parts(tmp_path, layout):
  fake.LAYOUTS[layout](tmp_path)
  if layout != "1 PANNs":  # which brings its own
    fake.write_lists(tmp_path)
  parts = {"balanced": fake.BALANCED, "unbalanced": fake.UNBALANCED, "eval": fake.EVAL}
  parts |= {"train": fake.BALANCED + fake.UNBALANCED, "all": fake.SEGMENTS}
  for part, segments in parts.items():
    source = open_audioset(tmp_path, part)
    clips = clips_of(source)
    assert {key: clip.label for key, clip in clips.items()} == labels_of(segments)
    assert source.classes == tuple(fake.NAMES)
    assert not source.missing
  assert open_audioset(tmp_path).num_clips == 5  # train is the default
  lossy = any(name in layout for name in ("3 ", "10 start"))
  for ytid, start, end, _ in fake.SEGMENTS:
    wave = clips[ytid].load(fake.RATE_HZ)
    first = start if layout == "whole videos" else 0
    expected = fake.wave(ytid, 120)[first * fake.RATE_HZ :][: (end - start) * fake.RATE_HZ]
    if lossy:
      assert abs(len(wave) - len(expected)) < 0.2 * fake.RATE_HZ
    else:
      assert_close(wave, expected, atol=1e-4)


@pytest.mark.parametrize("layout", ["1 PANNs", "4 Hugging Face, tar", "9 EVAR"])
def test_without_lists_folders_name_the_parts_and_clips_are_whole(tmp_path, layout):
  fake.LAYOUTS[layout](tmp_path)
  for path in tmp_path.rglob("*.csv"):
    path.unlink()
  source = open_audioset(tmp_path)
  assert set(clips_of(source)) == {row[0] for row in fake.BALANCED + fake.UNBALANCED}
  assert {clip.label for clip in clips_of(source).values()} == {None}
  assert "no *_segments.csv: whole recordings, no labels" in source.summary
  assert set(clips_of(open_audioset(tmp_path, "eval"))) == {fake.EVAL[0][0]}


def test_without_lists_and_folders_everything_trains(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  assert open_audioset(tmp_path).num_clips == 6


def test_without_the_class_file_clips_have_no_labels_and_parts_still(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  (tmp_path / "class_labels_indices.csv").unlink()
  source = open_audioset(tmp_path, "eval")
  assert {clip.label for clip in clips_of(source).values()} == {None}
  assert "no class_labels_indices.csv: no labels" in source.summary


def test_missing_recordings_are_counted_and_named_by_part(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  (tmp_path / f"{FIRST_ID}.wav").unlink()
  source = open_audioset(tmp_path)
  assert source.missing == [FIRST_ID]
  assert "1 of 5 listed clips are missing" in source.summary
  assert open_audioset(tmp_path, "eval").missing == []


def test_recordings_that_no_list_names_are_left_out_and_counted(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  fake.write(tmp_path / "zzzzzzzzzzz.wav", fake.sound("zzzzzzzzzzz"))
  fake.write(tmp_path / "eval" / "yyyyyyyyyyy.wav", fake.sound("yyyyyyyyyyy"))
  fake.write(tmp_path / "notes.wav", fake.sound("z"))
  source = open_audioset(tmp_path, "all")
  assert "1 unlisted recordings are left out" in source.summary
  assert "1 files without an AudioSet id are left out (notes.wav)" in source.summary
  assert set(clips_of(source)) == {row[0] for row in fake.SEGMENTS} | {"yyyyyyyyyyy"}


def test_of_copies_the_one_that_holds_the_segment_is_taken(tmp_path):
  ytid, start, end, _ = fake.BALANCED[0]
  fake.write_lists(tmp_path)
  fake.write(tmp_path / f"{ytid}_0_60.wav", fake.sound(ytid, 60))
  fake.write(tmp_path / f"{ytid}_{start}_{end}.wav", fake.sound("other"))
  source = open_audioset(tmp_path)
  assert "1 copies of recordings are left out" in source.summary
  assert_close(clips_of(source)[ytid].load(fake.RATE_HZ), fake.wave("other"))


def test_a_file_that_begins_elsewhere_is_cut_by_the_times_in_its_name(tmp_path):
  ytid, start, _, _ = fake.BALANCED[0]
  fake.write_lists(tmp_path)
  fake.write(tmp_path / f"{ytid}_25_60.wav", fake.sound(ytid, 35))
  wave = clips_of(open_audioset(tmp_path))[ytid].load(fake.RATE_HZ)
  first = (start - 25) * fake.RATE_HZ
  assert_close(wave, fake.wave(ytid, 35)[first : first + 10 * fake.RATE_HZ])


OFFICIAL = '--PJHxphWEs, 30.000, 40.000, "{},{}"\nYabcdefghij, 0.000, 10.000, "{}"\n'
DAMAGED = {
  "no comments": OFFICIAL,
  "header without #": "YTID,start_seconds,end_seconds,positive_labels\n"
  + OFFICIAL.replace(", ", ","),
  "whole seconds, no quotes": "--PJHxphWEs,30,40,{},{}\nYabcdefghij,0,10,{}\n",
  "no quotes": "# a\n# b\n# c\n" + OFFICIAL.replace('"', ""),
  "Windows lines, byte order mark": "\ufeff# a\r\n" + OFFICIAL.replace("\n", "\r\n") + "\r\n",
  "ids destroyed by a spreadsheet": "# a\n" + OFFICIAL + '#NAME?, 1.000, 2.000, "{}"\n',
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_lists_are_read_as_what_they_were(tmp_path, case):
  fake.LAYOUTS["10 id"](tmp_path)
  mids = [fake.MIDS[i] for i in (0, 5, 1, 2)]
  (tmp_path / "balanced_train_segments.csv").write_bytes(DAMAGED[case].format(*mids).encode())
  fake.write_classes(tmp_path / "class_labels_indices.csv")
  source = open_audioset(tmp_path)
  labels = {key: clip.label for key, clip in clips_of(source).items()}
  assert labels == {FIRST_ID: f"{fake.NAMES[0]};Sound 5", "Yabcdefghij": "Sound 1"}
  if "spreadsheet" in case:
    assert "1 ids of the lists were destroyed by a spreadsheet" in source.summary
    assert source.missing == ["#NAME? (balanced_train_segments.csv, line 4)"]


BAD_LISTS = {
  "unknown label": (
    '--PJHxphWEs, 30.000, 40.000, "/m/none"\n',
    r"line 1: the label '/m/none' is none of the 527 classes of class_labels.*get both from http",
  ),
  "another data set": (
    "fname,label\n1.wav,Rain\n2.wav,Wind\n",
    r"3 of 3 rows do not begin with a YouTube id; it should be AudioSet's list.*get it from http",
  ),
  "no times": ('--PJHxphWEs, , , "/m/0000"\n', "line 1: expected id, start, end, labels, found "),
  "cut off": ("--PJHxphWEs, 30.0", "line 1: expected id, start, end, labels, found "),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_a_list_that_cannot_be_right_is_refused_in_one_line(tmp_path, case):
  text, message = BAD_LISTS[case]
  fake.LAYOUTS["10 id"](tmp_path)
  (tmp_path / "balanced_train_segments.csv").write_text(text)
  fake.write_classes(tmp_path / "class_labels_indices.csv")
  with pytest.raises(UserError, match=message) as error:
    open_audioset(tmp_path)
  assert "\n" not in str(error.value)


def test_the_class_file_of_another_data_set_is_refused(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  fake.write_classes(tmp_path / "class_labels_indices.csv", count=521)
  with pytest.raises(UserError, match=r"521 classes; it should be .* 527 .*http.*YAMNet"):
    open_audioset(tmp_path)
  (tmp_path / "class_labels_indices.csv").write_text("mid,name\n/m/1,x\n")
  with pytest.raises(UserError, match=r"first line must name the columns index, mid, display_name"):
    open_audioset(tmp_path)


@pytest.mark.parametrize("split", ["evaluation", "balanced+test"])
def test_an_unknown_or_empty_part_names_those_that_are_there(tmp_path, split):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  with pytest.raises(UserError, match=r"no clip with split .*balanced, eval, train, unbalanced"):
    open_audioset(tmp_path, split)


def test_a_wrong_folder_says_what_is_expected_and_where_to_get_it(tmp_path):
  (tmp_path / "photo.jpg").touch()
  with pytest.raises(UserError, match=r"no audioset in .*Y\{id\}.wav.*get it from https") as error:
    open_audioset(tmp_path)
  assert "\n" not in str(error.value)
  with pytest.raises(UserError, match="no audioset without --data_dir=FOLDER"):
    datasets.open_source("audioset")


def test_lists_of_other_recordings_are_refused(tmp_path):
  fake.write(tmp_path / "zzzzzzzzzzz.wav", fake.sound("zzzzzzzzzzz"))
  fake.write_lists(tmp_path)
  with pytest.raises(UserError, match="none of 1 recordings is named by .*balanced_train_segments"):
    open_audioset(tmp_path)


def test_a_damaged_archive_is_one_line_and_a_damaged_member_one_clip(tmp_path):
  fake.LAYOUTS["4 Hugging Face, tar"](tmp_path)
  source = open_audioset(tmp_path)
  path = tmp_path / "data" / "unbal_train00.tar"
  path.write_bytes(path.read_bytes()[:600])
  with pytest.raises(UnusableAudio, match="cannot be read from its archive: it is truncated"):
    clips_of(source)["0123456789_"].load(fake.RATE_HZ)
  path.write_bytes(b"x" * 600)
  with pytest.raises(UserError, match=r"unbal_train00.tar: the archive cannot be read.*again"):
    open_audioset(tmp_path)


@pytest.mark.parametrize(
  ("name", "ytid", "start_s"),
  [
    ("a_b_30_40_5.wav", "a_b_30_40_5", None),
    ("Yabcdefghij.wav", "Yabcdefghij", None),
    ("YYabcdefghij.wav", "Yabcdefghij", None),
    ("-abcdefghij_30000_40000.flac", "-abcdefghij", 30.0),
    ("_bcdefghij__30.000.wav.gz", "_bcdefghij_", 30.0),
    ("id_abcdefghijk.m4a", "abcdefghijk", None),
    ("abcdefghijk_30.0-40.0.ogg", "abcdefghijk", 30.0),
    ("abcdefghijk_120", "abcdefghijk", 120.0),
    ("abcdefghijk_0_10000", "abcdefghijk", 0.0),
    ("abcdefghijk_0_10", "abcdefghijk", 0.0),
    ("x/Yabcdefghijk_0.000_10.000.wav", "abcdefghijk", 0.0),
    ("abcdefghij.wav", None, None),
    ("abcdefghijkl.wav", None, None),
    ("abcdefghijk_x.wav", None, None),
  ],
)
def test_ids_and_times_are_read_from_the_right(name, ytid, start_s):
  found = names.parse(name)
  assert (found and found.ytid) == ytid
  assert (found and found.start_s) == start_s


def test_segments_are_found_by_sorting():
  ids = np.array([b"a", b"c", b"e"], "S11")
  wanted = np.array([b"e", b"b", b"a", b"z", b""], "S11")
  assert find_positions(ids, wanted).tolist() == [2, -1, 0, -1, -1]
  assert find_positions(ids[:0], wanted).tolist() == [-1] * 5


def test_the_fingerprint_follows_labels_and_what_is_missing(tmp_path):
  fake.LAYOUTS["10 id"](tmp_path)
  fake.write_lists(tmp_path)
  first = open_audioset(tmp_path).fingerprint()
  assert open_audioset(tmp_path).fingerprint() == first
  more = fake.PARTS | {"balanced_train_segments": [*fake.BALANCED, ("zzzzzzzzzzz", 0, 10, (1,))]}
  fake.write_lists(tmp_path, more)
  assert open_audioset(tmp_path).fingerprint() != first


def test_the_table_of_a_clip_is_small_however_long_its_path_is(tmp_path):
  ids = [f"{number:011d}" for number in range(5000)]
  rows = [f'{ytid}, 30.000, 40.000, "{fake.MIDS[0]}"\n' for ytid in ids]
  fake.write_classes(tmp_path / "class_labels_indices.csv")
  (tmp_path / "unbalanced_train_segments.csv").write_text("".join(rows))
  folder = "a_long_name_of_a_folder/" * 5
  found = recordings.identify(tmp_path, (f"{folder}Y{ytid}.wav" for ytid in ids))
  tables = ["unbalanced_train_segments.csv", "class_labels_indices.csv"]
  classes = lists.read_classes(tmp_path, tables)
  contents = joining.join(found, lists.read_segments(tmp_path, tables, classes), ())
  assert contents.table.nbytes < 60 * len(ids)
  paths = [row["path"] for row in iterate_rows(contents.table)]
  assert paths == [f"{folder}Y{ytid}.wav".encode() for ytid in ids]
