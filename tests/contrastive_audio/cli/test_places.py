"""Where nothing can be written is said before the work, and nothing is left there."""

import os

import pytest

from contrastive_audio.cli.places import require_folder, require_writable
from contrastive_audio.errors import UserError

NO_UTF8 = os.fsdecode(b"n\xff")
# (path, what is said)
NOWHERE = [
  (NO_UTF8, "the name is not UTF-8"),
  (f"{NO_UTF8}/results", "the name is not UTF-8"),
  ("l" * 300, "a name has 300 bytes, at most 255 work"),
  ("\u00fc" * 150, "a name has 300 bytes"),
  ("file/results", "file' is no folder"),
  ("file/of/today", "file' is no folder"),
]
SOMEWHERE = ["new", "a/b/c", "two\nlines", "100 %s", "#1", "old", "old/new", "\u00fc", "/tmp"]


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "file").touch()
  (tmp_path / "old").mkdir()


@pytest.mark.parametrize(("path", "said"), NOWHERE)
@pytest.mark.parametrize("require", [require_folder, require_writable])
def test_a_place_where_nothing_can_be_written_is_named(require, path, said):
  with pytest.raises(UserError, match="^--output=") as refused:
    require("output", path)
  assert said in str(refused.value)
  assert sorted(os.listdir()) == ["file", "old"]


@pytest.mark.parametrize("path", SOMEWHERE)
def test_every_other_name_will_do_and_nothing_is_made(path):
  require_folder("output", path)
  require_writable("output", path)
  assert sorted(os.listdir()) == ["file", "old"]


def test_a_file_is_no_folder_and_a_read_only_folder_holds_no_results(monkeypatch):
  with pytest.raises(UserError, match="--output=file is a file: choose a folder"):
    require_folder("output", "file")
  monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
  require_folder("store_dir", "old", may_be_read_only=True)
  with pytest.raises(UserError, match=r"--output=old/new: nothing can be written in '.*old'"):
    require_folder("output", "old/new")
