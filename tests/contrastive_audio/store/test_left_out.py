"""The lists of clips that are not in a store."""

import errno
import os

import pytest

from contrastive_audio import datasets
from contrastive_audio.cli import store_report
from contrastive_audio.errors import UserError
from contrastive_audio.store import left_out
from contrastive_audio.store.disk_format import MISSING, SKIPPED
from contrastive_audio.store.preparation import prepare
from tests.support import write_clips

KEYS = ["=1.wav", "'=2.wav", "-3.wav", "@4,5.wav", "6.wav"]


def test_the_list_of_skipped_clips_holds_no_formulas_and_copies_keep_their_keys(tmp_path):
  write_clips(tmp_path / "in", classes=("a",), clips=1, seconds=0.1)
  for key in KEYS:
    (tmp_path / "in" / key).write_bytes(b"no audio")
  source = datasets.open_source(f"folder:{tmp_path / 'in'}")
  store = prepare(source, 16_000, str(tmp_path / "stores"), max_bad_fraction=1)
  left_out.copy(store.folders, str(tmp_path))
  assert sorted(key for key, _ in left_out.read(str(tmp_path), SKIPPED)) == sorted(KEYS)
  lines = (tmp_path / SKIPPED).read_text().splitlines()
  assert not [line for line in lines if line.lstrip('"').startswith(tuple("=+-@"))]


def test_the_list_of_missing_clips_keeps_their_keys(tmp_path):
  left_out.write_missing(str(tmp_path), KEYS)
  assert left_out.read(str(tmp_path), MISSING) == [[key] for key in KEYS]


@pytest.mark.parametrize("num_bad", [1, 6])
def test_clips_that_the_disk_would_not_read_are_counted_with_what_to_do(
  tmp_path, monkeypatch, capsys, num_bad
):
  write_clips(tmp_path / "in", clips=12, seconds=0.1)
  (tmp_path / "in" / "high" / "bad.wav").write_bytes(b"no audio")
  real = os.open

  def refuse(path, *rest, **options):
    name = os.path.basename(os.fspath(path)).removesuffix(".wav")
    if name.isdigit() and int(name) < num_bad and "low" in os.fspath(path):
      raise OSError(errno.EIO, "Input/output error")
    return real(path, *rest, **options)

  monkeypatch.setattr(os, "open", refuse)
  source = datasets.open_source(f"folder:{tmp_path / 'in'}")
  stores = str(tmp_path / "stores")
  if num_bad > 1:
    with pytest.raises(UserError, match="the disk would not read 6 of them: once it does, delete"):
      prepare(source, 16_000, stores)
    return
  store = prepare(source, 16_000, stores, max_bad_fraction=0.5)
  assert store.num_skipped == 2
  store_report.print_losses(store)
  (folder,) = store.folders
  line = f"unread     1 clip that the disk would not read: once it does, delete {folder} and run"
  assert line in capsys.readouterr().out
