"""Archives that are read in place."""

import gzip
import io
import pathlib
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contrastive_audio.datasets import archive_members
from contrastive_audio.errors import UnusableAudio

FILES = {"a/one.wav": b"1" * 700, "a/two.wav": b"2" * 30}


def make_tar(path):
  with tarfile.open(path, "w") as archive:
    for name, content in FILES.items():
      entry = tarfile.TarInfo(name)
      entry.size = len(content)
      archive.addfile(entry, io.BytesIO(content))


def make_zip(path):
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.mkdir("a") if hasattr(archive, "mkdir") else archive.writestr("a/", b"")
    for name, content in FILES.items():
      archive.writestr(name, content)


def make_parquet(path, struct=True):
  contents = list(FILES.values())
  audio = [{"bytes": content, "path": "x"} for content in contents] if struct else contents
  table = pa.table({"path": list(FILES), "audio": audio})
  pq.write_table(table, path, row_group_size=1)


def content_of(path, member):
  with archive_members.open_member(path, member) as content:
    return bytes(content) if isinstance(content, memoryview) else pathlib.Path(content).read_bytes()


MAKERS = {
  ".tar": make_tar,
  ".zip": make_zip,
  ".parquet": make_parquet,
  "-plain.parquet": lambda path: make_parquet(path, struct=False),
}


@pytest.mark.parametrize("ending", MAKERS)
def test_members_are_listed_and_read_in_any_order(tmp_path, ending):
  path = str(tmp_path / f"x{ending}")
  MAKERS[ending](path)
  members = dict(archive_members.list_members(path))
  assert list(members) == list(FILES)
  for name in reversed(members):
    assert content_of(path, members[name]) == FILES[name]


def test_a_gzip_file_is_one_recording(tmp_path):
  path = str(tmp_path / "one.wav.gz")
  with gzip.open(path, "wb") as file:
    file.write(FILES["a/one.wav"])
  ((name, member),) = archive_members.list_members(path)
  assert name == "one.wav"
  assert content_of(path, member) == FILES["a/one.wav"]


@pytest.mark.parametrize("ending", [".tar", ".zip", ".parquet"])
def test_an_archive_that_cannot_be_listed_is_refused_in_one_line(tmp_path, ending):
  (tmp_path / f"x{ending}").write_bytes(b"no archive" * 100)
  with pytest.raises(UnusableAudio, match="the archive cannot be read") as error:
    list(archive_members.list_members(str(tmp_path / f"x{ending}")))
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", [".tar", ".gz"])
def test_an_archive_that_was_cut_since_is_refused_in_one_line(tmp_path, ending):
  path = tmp_path / f"x{ending}"
  path.write_bytes(gzip.compress(FILES["a/one.wav"])) if ending == ".gz" else make_tar(path)
  member = next(archive_members.list_members(str(path)))[1]
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 10])
  with pytest.raises(UnusableAudio, match="cannot be read from its archive") as error:
    content_of(str(path), member)
  assert "\n" not in str(error.value)
