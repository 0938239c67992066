"""Archives that are read in place."""

import gzip
import io
import pathlib
import random
import struct
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


def add(archive, name, content=b"", **fields):
  """Adds an entry to a tar file."""
  entry = tarfile.TarInfo(name)
  entry.size = len(content)
  for field, value in fields.items():
    setattr(entry, field, value)
  archive.addfile(entry, io.BytesIO(content))


def marked_as_encrypted(content):
  for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    position = -1
    while (position := content.find(signature, position + 1)) >= 0:
      content[position + offset] |= 1


def of_unknown_compression(content):
  content[content.rfind(b"PK\x01\x02") + 10] = 99


def with_a_wrong_size(content):
  position = content.rfind(b"PK\x01\x02") + 24
  content[position : position + 4] = struct.pack("<I", 10)


def elsewhere(content):
  position = content.rfind(b"PK\x01\x02") + 42
  content[position : position + 4] = struct.pack("<I", 10**6)


@pytest.mark.parametrize(
  ("damage", "reason"),
  [
    (marked_as_encrypted, "is encrypted, password required"),
    (of_unknown_compression, "compression method is not supported"),
    (with_a_wrong_size, "Bad CRC-32"),
    (elsewhere, "Truncated file header"),
  ],
)
def test_a_member_of_a_zip_that_cannot_be_read_is_skipped_with_its_reason(tmp_path, damage, reason):
  make_zip(tmp_path / "x.zip")
  content = bytearray((tmp_path / "x.zip").read_bytes())
  damage(content)
  (tmp_path / "x.zip").write_bytes(content)
  path = str(tmp_path / "x.zip")
  *_, (_, member) = archive_members.list_members(path)
  with pytest.raises(UnusableAudio, match=f"cannot be read from its archive: .*{reason}"):
    content_of(path, member)


NAMES = {"/etc/1.wav": b"1", "../2.wav": b"2", "a/3.wav": b"3", "4.wav": b""}


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_names_lead_nowhere_and_of_equal_ones_the_last_counts(tmp_path, ending):
  path, entries = str(tmp_path / f"x.{ending}"), [*NAMES.items(), ("/etc/1.wav", b"later")]
  if ending == "zip":
    with zipfile.ZipFile(path, "w") as archive:
      for name, content in entries:
        archive.writestr(name.replace("a/", "a\\"), content)  # as Windows writes it
  else:
    with tarfile.open(path, "w") as archive:
      for name, content in entries:
        add(archive, name, content)
  members = dict(archive_members.list_members(path))
  contents = {name: content_of(path, member) for name, member in members.items()}
  assert contents == NAMES | {"/etc/1.wav": b"later"}


HIDDEN = ("._1.wav", "__MACOSX/a/._1.wav", "a/.cache/1.wav", "./@eaDir/1.wav/x.wav")


def test_hidden_members_are_none(tmp_path):
  with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
    for name in (*HIDDEN, "./a/1.wav"):
      archive.writestr(name, b"x")
  with tarfile.open(tmp_path / "x.tar", "w") as archive:
    for name in (*HIDDEN, "./a/1.wav"):
      add(archive, name, b"x")
  for ending in ("zip", "tar"):
    assert list(dict(archive_members.list_members(str(tmp_path / f"x.{ending}")))) == ["./a/1.wav"]


def test_a_hard_link_in_a_tar_is_its_file_and_other_links_are_skipped(tmp_path):
  path = str(tmp_path / "x.tar")
  with tarfile.open(path, "w") as archive:
    add(archive, "1.wav", b"first")
    add(archive, "2.wav", type=tarfile.LNKTYPE, linkname="1.wav")
    add(archive, "3.wav", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    add(archive, "4.wav", type=tarfile.LNKTYPE, linkname="/etc/passwd")
    add(archive, "5.wav", type=tarfile.FIFOTYPE)
  members = dict(archive_members.list_members(path))
  assert list(members) == ["1.wav", "2.wav", "3.wav", "4.wav"]
  assert content_of(path, members["2.wav"]) == b"first"
  for name in ("3.wav", "4.wav"):
    with pytest.raises(UnusableAudio, match="a link or a sparse file: unpack the archive"):
      content_of(path, members[name])


@pytest.mark.parametrize("damage", ["header", "cut in a header", "cut in a file"])
def test_what_stands_behind_the_damage_in_a_tar_is_not_lost_in_silence(tmp_path, damage):
  make_tar(tmp_path / "x.tar")
  content = bytearray((tmp_path / "x.tar").read_bytes())
  second = 512 + 1024  # the first header, and 700 bytes
  if damage == "header":
    content[second + 150] ^= 0xFF  # its checksum
  else:
    del content[second + (100 if damage == "cut in a header" else 520) :]
  (tmp_path / "x.tar").write_bytes(content)
  with pytest.raises(UnusableAudio, match="the archive cannot be read: (it is damaged|unexpected)"):
    list(archive_members.list_members(str(tmp_path / "x.tar")))


def test_nulls_and_other_types_in_a_parquet_file_are_skipped_with_their_reason(tmp_path):
  path = str(tmp_path / "x.parquet")
  struct_type = pa.struct([("bytes", pa.binary())])
  for audio in (
    [b"1", None, b"3"],
    pa.array([{"bytes": b"1"}, None, {"bytes": b"3"}], struct_type),
  ):
    pq.write_table(pa.table({"path": ["1.wav", "2.wav", None], "audio": audio}), path)
    members = dict(archive_members.list_members(path))
    assert list(members) == ["1.wav", "2.wav", "row 2 of 0, without a name"]
    assert content_of(path, members["1.wav"]) == b"1"
    with pytest.raises(UnusableAudio, match="holds no bytes but None"):
      content_of(path, members["2.wav"])
    archive_members._parquet_audio.cache_clear()
  for audio in (["1.wav"], [{"data": b"1"}]):
    pq.write_table(pa.table({"path": ["1.wav"], "audio": audio}), path)
    with pytest.raises(UnusableAudio, match="holds no bytes|expected bytes"):
      content_of(path, "0:0")
    archive_members._parquet_audio.cache_clear()


def test_row_groups_are_bounded(tmp_path, monkeypatch):
  make_parquet(tmp_path / "x.parquet")
  monkeypatch.setattr(archive_members, "_LARGEST_ROW_GROUP_MB", 0)
  with pytest.raises(UnusableAudio, match="its row group holds more than"):
    content_of(str(tmp_path / "x.parquet"), "0:0")


@pytest.mark.parametrize("ending", [".tar", ".zip", ".gz", ".parquet"])
def test_of_a_damaged_archive_nothing_comes_but_our_own_error(tmp_path, ending):
  path, rng = tmp_path / f"x{ending}", random.Random(0)
  path.write_bytes(gzip.compress(FILES["a/one.wav"])) if ending == ".gz" else MAKERS[ending](path)
  whole = path.read_bytes()
  for _ in range(150):
    content = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
      content[rng.randrange(len(content))] = rng.randrange(256)
    del content[rng.choice([len(content), rng.randrange(1, len(content))]) :]
    path.write_bytes(content)
    archive_members._parquet_audio.cache_clear()
    try:
      for _, member in archive_members.list_members(str(path)):
        content_of(str(path), member)
    except UnusableAudio:
      continue
