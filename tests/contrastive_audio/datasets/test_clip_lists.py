"""Tables of the user's that list clips: each file once, with the label and split that it says."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contrastive_audio import datasets
from contrastive_audio.cli import chosen_keys
from contrastive_audio.errors import UserError
from contrastive_audio.utils.spreadsheets import write_csv
from tests.support import command, write_clips


@pytest.fixture
def folder(tmp_path):
  """Three files, a/0.wav to a/2.wav."""
  return write_clips(tmp_path, classes=("a",), clips=3, seconds=0.1)


def open_list(folder, content, name="list.csv", split=None):
  (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
  return datasets.open_source(f"folder:{folder / name}", split)


def clips(source):
  return [(clip.key, clip.label) for clip in source.clips(0, source.num_clips)]


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", " training "])
@pytest.mark.parametrize("test", ["test", "Test", "TESTING"])
def test_without_a_choice_only_the_rows_of_training_are_opened_and_the_rest_is_named(
  folder, train, test
):
  content = f"file,label,split\na/0.wav,x,{train}\na/1.wav,y,{test}\na/2.wav,y,\n"
  source = open_list(folder, content)
  assert clips(source) == [("a/0.wav", "x")]
  assert "split train (left out: 1 of test, 1 without a split)" in source.summary
  assert clips(open_list(folder, content, split="TEST")) == [("a/1.wav", "y")]
  assert open_list(folder, content, split="all").num_clips == 3


@pytest.mark.parametrize("name", ["val", "Valid", "VALIDATION"])
def test_validation_has_several_names(folder, name):
  content = f"file,split\na/0.wav,train\na/1.wav,{name}\n"
  for choice in ("val", "validation"):
    assert clips(open_list(folder, content, split=choice)) == [("a/1.wav", None)]


def test_splits_none_of_which_is_for_training_are_all_opened_and_named(folder):
  source = open_list(folder, "file,split\na/0.wav,left\na/1.wav,right\n")
  assert source.num_clips == 2
  assert "all splits (1 of left, 1 of right)" in source.summary


def spellings(folder):
  (folder / "again").symlink_to(folder / "a")
  (folder / "link.wav").symlink_to("a/0.wav")
  return ["./a/0.wav", "a//0.wav", "a/../a/0.wav", str(folder / "a/0.wav"), "again/0.wav",
          "link.wav", ".\\a\\0.wav"]  # fmt: skip


@pytest.mark.parametrize("number", range(7))
def test_a_file_is_one_clip_however_its_path_is_written(folder, number):
  other = spellings(folder)[number]
  with pytest.raises(UserError, match="line 3: .* already listed in line 2 .*'train'.*'test'"):
    open_list(folder, f"file,label,split\na/0.wav,x,train\n{other},x,test\n")
  with pytest.raises(UserError, match="line 4: .* already listed in line 2 .*'x'.*'y'"):
    open_list(folder, f"file,label\na/0.wav,x\na/1.wav,x\n{other},y\n")
  source = open_list(folder, f"file,label\na/0.wav,x\n{other},x\n")
  assert clips(source) == [("a/0.wav", "x")]
  assert "1 row repeats another: line 3 that of line 2" in source.summary


def test_files_whose_names_differ_in_case_are_two_where_they_are_two(folder):
  shutil.copy(folder / "a/1.wav", folder / "a/0.WAV")
  content = "file,label\na/0.wav,x\na/0.WAV,y\n"
  if os.path.samefile(folder / "a/0.wav", folder / "a/0.WAV"):
    with pytest.raises(UserError, match="already listed"):
      open_list(folder, content)
  else:
    assert open_list(folder, content).num_clips == 2


def test_a_copy_and_a_hard_link_are_files_of_their_own(folder):
  os.link(folder / "a/0.wav", folder / "hard.wav")
  assert open_list(folder, "file,label\na/0.wav,x\nhard.wav,y\n").num_clips == 2


@pytest.mark.parametrize("file", ["filename", "File_Name", "path", "filepath", " FILE "])
@pytest.mark.parametrize("label", ["category", "Class", "label", "target"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_have_several_names_and_others_are_ignored_and_named(
  folder, file, label, separator
):
  rows = [("", file, "fold", label), ("0", "a/0.wav", "3", "dog"), ("1", "a/1.wav", "3", "cat")]
  source = open_list(folder, "\n".join(map(separator.join, rows)))
  assert clips(source) == [("a/0.wav", "dog"), ("a/1.wav", "cat")]
  assert "columns ignored: (no name), fold" in source.summary
  assert ("from" in source.summary) == ((file.strip().lower(), label) != ("file", "label"))


def test_of_several_columns_the_first_name_counts_and_the_others_are_ignored(folder):
  source = open_list(folder, "target,category,filename\n0,dog,a/0.wav\n")
  assert clips(source) == [("a/0.wav", "dog")]
  assert "columns ignored: target" in source.summary


def test_windows_text_and_paths_are_read_and_said_so(folder):
  source = open_list(folder, "file;label\r\na\\0.wav;Vögel\r\n".encode("cp1252"))
  assert clips(source) == [("a/0.wav", "Vögel")]
  assert "Windows-1252" in source.summary
  assert len(next(source.clips(0, 1)).load(16_000)) == 1600


def test_a_parquet_file_lists_clips_too(folder):
  columns = {"file": ["a/0.wav", "a/1.wav"], "label": ["x", None], "split": ["Train", "Test"]}
  pq.write_table(pa.table(columns), folder / "list.parquet")
  source = datasets.open_source(f"folder:{folder / 'list.parquet'}", split="all")
  assert clips(source) == [("a/0.wav", "x"), ("a/1.wav", None)]
  assert source.splits() == {"a/0.wav": "train", "a/1.wav": "test"}


@pytest.mark.parametrize("character", ["\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\t"])
@pytest.mark.parametrize("row", ["a/0{}0.wav,x,g", "a/0.wav,x{}x,g", "a/0.wav,x,g{}g"])
def test_a_name_that_no_line_can_hold_is_refused_with_its_line(folder, character, row):
  with pytest.raises(UserError, match="line 3: the .* contains a control character") as error:
    open_list(folder, f"file,label,group\na/1.wav,x,g\n{row.format(character)}\n")
  assert str(error.value).isprintable()


@pytest.mark.parametrize(
  ("content", "reason"),
  [
    ("", "first line must name the columns file,label.* it reads nothing"),
    ("a/0.wav,x\n", "first line must name the columns file,label"),
    ("clip,colour\na/0.wav,x\n", "it reads clip,colour"),
    ("file,label\n", "lists no clips"),
    ("file,label\n,x\n", "line 2: no file name"),
    ("file,label\na/0.wav,Speech, male\n", "line 2: 3 cells, expected 2"),
    ("file,label\nC:\\a\\7.wav,x\nC:\\a\\8.wav,x\n", "line 2: .*7.wav' is not there, nor is any"),
  ],
)
def test_a_malformed_list_is_one_clear_line(folder, content, reason):
  with pytest.raises(UserError, match=reason) as error:
    open_list(folder, content)
  assert "\n" not in str(error.value)


def test_a_file_that_is_missing_is_left_to_the_list_of_skipped_clips(folder):
  assert open_list(folder, "file\na/0.wav\na/9.wav\n").num_clips == 2


def test_a_folder_called_like_a_table_is_a_folder(folder):
  (folder / "a").rename(folder / "a.csv")
  assert datasets.open_source(f"folder:{folder / 'a.csv'}").num_clips == 3


@pytest.mark.parametrize(
  ("name", "reason"),
  [
    ("x.zip", "is an archive: unpack it"),
    ("x.pdf", "neither a folder nor audio, nor a table"),
    ("x.txt", "neither a selection table of Raven.*, nor a label track of Audacity"),
  ],
)
def test_a_file_that_is_no_data_set_is_told_what_would_be(folder, name, reason):
  with pytest.raises(UserError, match=reason):
    open_list(folder, "x", name)


def test_keys_and_labels_that_a_spreadsheet_would_run_come_back_as_they_were(folder):
  names = ["=1.wav", "@2.wav", "-3.wav", "+4.wav"]
  for name in names:
    shutil.copy(folder / "a/0.wav", folder / name)
  write_csv(folder / "list.csv", [["file", "label"], *([name, f"={name}"] for name in names)])
  source = datasets.open_source(f"folder:{folder / 'list.csv'}")
  assert clips(source) == [(name, f"={name}") for name in names]


def test_each_key_of_a_folder_is_one_line_of_a_file_of_keys(tmp_path):
  write_clips(tmp_path / "in", classes=("two\nlines", "u\u2028v", "bell\x07"), clips=1, seconds=0.1)
  source = datasets.open_source(f"folder:{tmp_path / 'in'}")
  listed = clips(source)
  assert all(key.isprintable() and label.isprintable() for key, label in listed)
  (tmp_path / "keys").write_text("\n".join(key for key, _ in listed))
  assert chosen_keys.read_keys(str(tmp_path / "keys")) == {key for key, _ in listed}


def test_a_command_says_in_one_line_what_is_wrong_with_a_table(folder):
  (folder / "list.csv").write_text("file,label\na/0.wav,Speech, male\n")
  done = command(
    "contrastive_audio.prepare", "--dataset=list.csv", "--store_dir=stores", cwd=folder, check=False
  )
  assert done.returncode == 1
  assert done.stderr.strip().splitlines()[-1].startswith("error: list.csv, line 2: 3 cells")
