"""Files are replaced atomically, whatever happens while they are written."""

import contextlib
import errno
import json
import os
import stat
import threading

import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils import files

OLD, NEW = "old\n" * 20_000, "new\n" * 30_000  # more than one buffer


@pytest.fixture
def path(tmp_path):
  (tmp_path / "notes.txt").write_text(OLD)
  return tmp_path / "notes.txt"


def test_a_file_is_replaced_and_nothing_is_left_over(path):
  files.write_text(path, NEW)
  assert path.read_text() == NEW
  assert os.listdir(path.parent) == ["notes.txt"]


def test_an_exception_leaves_the_old_content_and_nothing_else(path):
  with pytest.raises(RuntimeError, match="half way"), files.replacing(path) as unfinished:
    with open(unfinished, "w") as file:
      file.write(NEW[:1000])
    raise RuntimeError("half way")
  assert path.read_text() == OLD
  assert os.listdir(path.parent) == ["notes.txt"]


def test_an_exception_before_anything_is_written_is_the_one_that_is_raised(path):
  with pytest.raises(RuntimeError, match="at once"), files.replacing(path):
    raise RuntimeError("at once")
  assert path.read_text() == OLD


def test_a_reader_sees_the_old_content_until_the_block_has_ended(path):
  with files.replacing(path) as unfinished:
    with open(unfinished, "w") as file:
      file.write(NEW)
    assert path.read_text() == OLD
    assert os.path.dirname(unfinished) == str(path.parent)  # a rename across disks is not atomic
  assert path.read_text() == NEW


def test_a_concurrent_reader_never_sees_a_mixture(path):
  contents, stop = set(), threading.Event()

  def read_on():
    while not stop.is_set():
      contents.add(path.read_text())

  reader = threading.Thread(target=read_on)
  reader.start()
  try:
    for number in range(50):
      files.write_text(path, OLD if number % 2 else NEW)
  finally:
    stop.set()
    reader.join()
  assert contents <= {OLD, NEW}


@pytest.mark.parametrize("name", ["encoder.keras", "plot.png", "a.tar.gz"])
def test_the_unfinished_file_has_the_extension_of_the_file_and_is_recognisable(tmp_path, name):
  """Keras and others choose the format by the extension."""
  with files.replacing(tmp_path / name) as unfinished:
    assert os.path.splitext(unfinished)[1] == os.path.splitext(name)[1]
    assert files.UNFINISHED in os.path.basename(unfinished)
    open(unfinished, "w").close()
  assert os.listdir(tmp_path) == [name]


def test_the_content_is_on_disk_before_the_file_gets_its_name(path, monkeypatch):
  """Otherwise a power failure could leave an empty file under the final name."""
  calls = []

  def noting(function):
    def call(target, *arguments):
      status = os.stat(target)  # of a path, or of a descriptor
      calls.append((function.__name__, status.st_ino, status.st_size))
      return function(target, *arguments)

    return call

  monkeypatch.setattr(os, "fsync", noting(os.fsync))
  monkeypatch.setattr(os, "replace", noting(os.replace))
  with files.replacing(path) as unfinished, open(unfinished, "w") as file:
    file.write(NEW)
  inode, folder = path.stat().st_ino, path.parent.stat().st_ino
  assert calls[:2] == [("fsync", inode, len(NEW)), ("replace", inode, len(NEW))]
  assert [call[:2] for call in calls[2:]] == [("fsync", folder)]  # so that the name is there, too


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, None), (errno.EIO, OSError)])
def test_only_a_file_system_that_cannot_flush_folders_is_excused(path, monkeypatch, number, raised):
  def refuse_folders(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
      raise OSError(number, os.strerror(number))

  monkeypatch.setattr(os, "fsync", refuse_folders)
  with pytest.raises(raised) if raised else contextlib.nullcontext():
    files.write_text(path, NEW)


def test_two_processes_of_one_number_do_not_write_to_the_same_unfinished_file(path):
  """Two containers on one disk have the same host names and process numbers."""
  with files.replacing(path) as own:
    with files.replacing(path) as other:
      assert own != other
      for unfinished in (own, other):
        with open(unfinished, "w") as file:
          file.write(unfinished)
    assert path.read_text() == other
  assert path.read_text() == own


def test_json_is_read_as_it_was_written_and_none_where_there_is_none(tmp_path):
  value = {"name": "é", "numbers": [1, 2.5, None]}
  assert files.read_json(tmp_path / "value.json") is None
  files.write_json(tmp_path / "value.json", value)
  assert files.read_json(tmp_path / "value.json") == value
  with pytest.raises(TypeError):
    files.write_json(tmp_path / "value.json", {"not": "serialisable", "x": object()})
  assert json.loads((tmp_path / "value.json").read_text()) == value


def test_a_folder_is_created_with_its_parents_unless_it_exists(tmp_path):
  for _ in range(2):
    files.make_folder(tmp_path / "runs" / "mine")
  assert (tmp_path / "runs" / "mine").is_dir()


def test_a_folder_that_cannot_be_created_is_one_line_with_the_reason(path):
  with pytest.raises(UserError, match=r"cannot create the folder '.*notes.txt': file exists"):
    files.make_folder(path)
  with pytest.raises(
    UserError, match=r"cannot create the folder '.*below': not a directory"
  ) as error:
    files.make_folder(path / "below")
  assert "\n" not in str(error.value)


def test_a_file_with_as_long_a_name_as_there_can_be_is_replaced(tmp_path):
  path = tmp_path / f"{'é' * 120}{'x' * 11}.txt"  # 255 bytes
  for text in ("old", "new"):
    files.write_text(path, text)
  assert path.read_text() == "new"
  assert os.listdir(tmp_path) == [path.name]
