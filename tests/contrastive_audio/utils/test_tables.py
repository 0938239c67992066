"""Tables that people write: read as they are meant, or refused with the line."""

import codecs
import csv
import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils import tables, text_files

WANTED = ("file", "label")
ROWS = [("1.wav", "Speech, male"), ("2;b.wav", 'say "hi"'), ("3.wav", ""), ("Vögel\t4.wav", "ß")]


def written(delimiter=",", line_end="\n", encoding="utf-8", rows=ROWS, quoting=csv.QUOTE_MINIMAL):
  """The bytes of a table, as Python's own writer makes them."""
  file = io.StringIO()
  writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
  writer.writerows([WANTED, *rows])
  return file.getvalue().encode(encoding)


def read(folder, content, name="list.csv", **kwargs):
  (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
  return tables.read_table(str(folder / name), WANTED, **kwargs)


def cells(table):
  return list(zip(table.columns["file"], table.columns["label"]))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_table_reads_the_same_however_a_program_writes_it(
  tmp_path, delimiter, line_end, encoding, quoting
):
  table = read(tmp_path, written(delimiter, line_end, encoding, quoting=quoting))
  assert cells(table) == ROWS
  assert table.is_windows == (encoding == "cp1252")
  assert list(table.lines) == [2, 3, 4, 5]


@pytest.mark.parametrize("header", ['"file",label', 'file, "label"', '"file", "label"'])
def test_any_name_of_the_header_may_be_quoted(tmp_path, header):
  table = read(tmp_path, f'{header}\n1.wav, "dog, cat"\n')
  assert cells(table) == [("1.wav", "dog, cat")]


def test_what_excel_writes_first_and_empty_rows_are_no_rows(tmp_path):
  table = read(tmp_path, "sep=;\nfile;label\n1.wav;dog\n;\n\n2.wav;cat\n")
  assert cells(table) == [("1.wav", "dog"), ("2.wav", "cat")]
  assert list(table.lines) == [3, 6]


def test_empty_cells_behind_the_last_column_do_no_harm(tmp_path):
  assert cells(read(tmp_path, "file,label\n1.wav,dog,,\n")) == [("1.wav", "dog")]


@pytest.mark.parametrize(
  ("content", "reason"),
  [
    ("file,label\n1.wav,dog\n2.wav,Speech, male\n", "line 3: 3 cells, expected 2"),
    ("file,label,split\n1.wav,dog\n", "line 2: 2 cells, expected 3"),
    ('file,label\n1.wav,"dog\n2.wav,cat\n', "line 2: .* is a quotation mark missing"),
    ('file,label\n1.wav,"dog"s\n', "line 2: .* is a quotation mark missing"),
    ('file,label\n1.wav,dog\n2.wav,"a\nb"\n3.wav,x\n', "line 3: a cell contains a line break"),
    ('file,label,x\n1.wav,dog,"a\n2.wav,cat,b"\n', "line 2: a cell contains a line break"),
    ("file,label\n1.wav," + "x" * 200_000 + "\n", "line 2: field larger"),
    ("file,label,Label\n1.wav,dog,cat\n", "2 columns are named 'label'"),
    (b"file,label\n1.wav,d\0g\n", "it holds NUL bytes: save it as text in UTF-8"),
    ("file,label\n1.wav,dog\n".encode("utf-16-le"), "NUL bytes"),
    ("file,label\n1.wav,dog\n".encode("utf-16") + b"x", "save it as UTF-8"),
    ("file,label\n1.wav,собака\n".encode("cp1251"), "line 2 is neither in UTF-8 nor in Windows"),
    (b"file,label\n1.wav,V\x81gel\n", "save it as UTF-8"),
    (b"file,label\nV\xc3\xb6gel,x\nV\xf6gel,x\n", "line 2 is in UTF-8 and others are not"),
  ],
)
def test_what_would_have_to_be_guessed_is_refused_in_one_line(tmp_path, content, reason):
  with pytest.raises(UserError, match=reason) as error:
    read(tmp_path, content)
  assert "\n" not in str(error.value)
  assert len(str(error.value)) < 600


def test_a_parquet_file_is_a_table_whose_nulls_are_empty_cells(tmp_path):
  columns = {
    "File": ["1.wav", None, " 3.wav"],
    "label": pa.array([0.0, float("nan"), None]),
    "audio": [b"x"] * 3,
  }
  pq.write_table(pa.table(columns), tmp_path / "list.parquet")
  table = tables.read_table(str(tmp_path / "list.parquet"), WANTED)
  assert cells(table) == [("1.wav", "0"), ("", ""), ("3.wav", "")]
  assert table.names == ("File", "label", "audio")
  assert table.where(3).endswith("list.parquet, row 3")


@pytest.mark.parametrize("label", [[["a"], ["b"]], [{"name": "a"}, {"name": "b"}], [b"\xff", b"a"]])
def test_a_parquet_column_that_is_no_text_is_refused(tmp_path, label):
  pq.write_table(pa.table({"file": ["1.wav", "2.wav"], "label": label}), tmp_path / "x.parquet")
  with pytest.raises(UserError, match="the column 'label' holds .*, expected text or numbers"):
    tables.read_table(str(tmp_path / "x.parquet"), WANTED)


def test_equal_cells_that_parquet_stores_once_count_as_often_as_they_are_there(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(tables, "_LARGEST_COLUMN_MB", 8)
  labels = pa.DictionaryArray.from_arrays(pa.array([0, None] * 50), pa.array(["x" * (1 << 20)]))
  table = pa.table({"file": list(map(str, range(100))), "label": labels})
  pq.write_table(table, tmp_path / "x.parquet", store_schema=False)
  with pytest.raises(UserError, match="the column 'label' holds more than 8 MB of text"):
    tables.read_table(str(tmp_path / "x.parquet"), WANTED)
  assert tables.read_table(str(tmp_path / "x.parquet"), ("file",)).columns["file"][-1] == "99"


def refusal(folder, content, name):
  """Why a table is refused; nothing, if its columns are whole."""
  try:
    table = read(folder, content, name)
  except UserError as error:
    return str(error)
  assert all(len(column) == len(table.lines) for column in table.columns.values())
  return ""


def parquet_content():
  file = io.BytesIO()
  pq.write_table(pa.table({"file": [row[0] for row in ROWS], "label": ["x"] * len(ROWS)}), file)
  return file.getvalue()


@pytest.mark.parametrize(
  ("name", "content"),
  [
    ("list.csv", written()),
    ("list.csv", written(encoding="utf-16")),
    ("list.parquet", parquet_content()),
  ],
  ids=["utf-8", "utf-16", "parquet"],
)
def test_of_a_damaged_table_nothing_comes_but_our_own_error(tmp_path, name, content):
  rng = random.Random(0)
  for _ in range(200):
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
      damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    del damaged[rng.choice([len(damaged), rng.randrange(1, len(damaged))]) :]
    reason = refusal(tmp_path, bytes(damaged), name)
    assert "\n" not in reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_lines_of_a_text_have_no_marks_and_no_ends(tmp_path, encoding):
  (tmp_path / "keys").write_bytes("dog/é.wav\r\n\r\n b c.wav\n".encode(encoding))
  assert text_files.read_lines(str(tmp_path / "keys")) == ["dog/é.wav", " b c.wav"]


def test_a_mark_alone_is_an_empty_table(tmp_path):
  assert read(tmp_path, codecs.BOM_UTF8).names == ()


def test_a_line_is_counted_from_the_first_line_of_its_row(tmp_path):
  (tmp_path / "list.csv").write_text('a,"b\n\nc"\n\nd, "e,f"\n')
  rows = list(tables.iterate_rows(str(tmp_path / "list.csv")))
  assert rows == [(1, ["a", "b\n\nc"]), (4, []), (5, ["d", "e,f"])]
