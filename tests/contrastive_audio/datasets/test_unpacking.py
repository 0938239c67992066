"""Members of archives are unpacked within bounds."""

import gzip
import io
import os
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.datasets import archive_members, unpacking
from contrastive_audio.errors import UnusableAudio, UserError


def bomb(path, num_bytes):
  """A file of zeros that is a thousandth of its content."""
  if path.suffix == ".gz":
    path.write_bytes(gzip.compress(bytes(num_bytes)))
    return
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("x.wav", bytes(num_bytes))


def open_first(path):
  """Opens the first member of an archive, and closes it again."""
  _, member = next(archive_members.list_members(str(path)))
  with archive_members.open_member(str(path), member):
    pass


@pytest.mark.parametrize("ending", [".zip", ".gz"])
def test_a_large_member_goes_through_a_file_and_a_larger_one_is_refused(
  tmp_path, monkeypatch, ending
):
  monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
  (tmp_path / "tmp").mkdir()
  path = tmp_path / f"x.wav{ending}"
  bomb(path, 9 << 20)
  ((_, member),) = archive_members.list_members(str(path))
  with archive_members.open_member(str(path), member) as content:
    assert os.listdir(tmp_path / "tmp") == [os.path.basename(content)]
    assert os.path.getsize(content) == 9 << 20
  monkeypatch.setattr(unpacking, "_LARGEST_BYTES", (9 << 20) - 1)
  with pytest.raises(UnusableAudio, match="holds more than .* GB: unpack the archive"):
    open_first(path)
  assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_can_only_be_unpacked_at_once_is_refused(tmp_path, method):
  with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
    archive.writestr("x.wav", bytes(64 << 20))
  assert os.path.getsize(tmp_path / "x.zip") < 64 << 10
  tracemalloc.start()
  with pytest.raises(UnusableAudio, match="packed with bzip2 or LZMA: unpack the archive"):
    open_first(tmp_path / "x.zip")
  assert tracemalloc.get_traced_memory()[1] < 8 << 20
  tracemalloc.stop()


def test_equal_cells_that_parquet_stores_once_count_as_often_as_they_are_there(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(archive_members, "_LARGEST_ROW_GROUP_MB", 8)
  equal = pa.DictionaryArray.from_arrays(pa.array([0] * 100), pa.array([os.urandom(1 << 20)]))
  table = pa.table({"path": list(map(str, range(100))), "audio": equal})
  pq.write_table(table, tmp_path / "x.parquet", store_schema=False)
  assert os.path.getsize(tmp_path / "x.parquet") < 4 << 20
  with pytest.raises(UnusableAudio, match="its row group holds more than 8 MB"):
    open_first(tmp_path / "x.parquet")


def test_a_full_disk_is_no_reason_to_skip_a_clip(tmp_path, monkeypatch):
  def refuse(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(unpacking, "open", refuse, raising=False)
  monkeypatch.setattr(unpacking, "_MOST_IN_MEMORY_BYTES", 10)
  bomb(tmp_path / "x.zip", 100)
  with pytest.raises(UserError, match="no space left on device. Set TMPDIR"):
    open_first(tmp_path / "x.zip")


def test_a_recording_that_is_large_when_unpacked_is_the_recording(tmp_path, monkeypatch):
  monkeypatch.setattr(unpacking, "_MOST_IN_MEMORY_BYTES", 1000)
  wave, content = np.linspace(-0.5, 0.5, 16_000, dtype="f"), io.BytesIO()
  soundfile.write(content, wave, 16_000, format="WAV", subtype="FLOAT")
  with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("Yabcdefghij1.wav", content.getvalue())
  source = datasets.open_source("audioset", split="all", data_dir=str(tmp_path))
  np.testing.assert_array_equal(next(source.clips(0, 1)).load(16_000), wave)
