"""Label files of Raven and Audacity: their own examples are read, and ours are read back equal."""

import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.datasets.annotations.annotation import Annotation
from contrastive_audio.datasets.annotations.audacity import read_audacity, write_audacity
from contrastive_audio.datasets.annotations.finding import recording_of
from contrastive_audio.datasets.annotations.raven import read_raven, write_raven
from contrastive_audio.errors import UserError
from tests.support import tone

# The examples of Audacity's manual, "Importing and Exporting Labels".
AUDACITY = (
  "2.150000\t2.150000\tpoint label at 2.15 seconds\n"
  "3.400000\t6.100000\tregion label from 3.4 to 6.1 seconds\n"
)
SPECTRAL = (
  "1.000000\t1.000000\tThis point was clicked at 6928.456055 Hz\n"
  "\\\t6928.456055\t6928.456055\n"
  "2.000000\t2.500000\tLow frequency undefined, High frequency 6334.588867 Hz\n"
  "\\\t-1.000000\t6334.588867\n"
  "3.000000\t3.500000\tLow frequency 8908.015625, High frequency undefined\n"
  "\\\t8908.015625\t-1.000000\n"
  "4.000000\t4.500000\tLow frequency 1484.669312 Hz, High frequency 2969.338523 Hz\n"
  "\\\t1484.669312\t2969.338523\n"
)
HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
# As Raven Pro saves a table: each selection in both views, measurements, and an annotation.
RAVEN = (
  f"{HEADER}\tDelta Time (s)\tDelta Freq (Hz)\tAvg Power Density (dB FS/Hz)\tAnnotation\n"
  "1\tWaveform 1\t1\t6.709509878\t15.096397225\t1739.012\t3798.813\t8.3869\t2059.801\t\tBirb\n"
  "1\tSpectrogram 1\t1\t6.709509878\t15.096397225\t1739.012\t3798.813\t8.3869\t2059.801\t-86.96\t"
  "Birb\n"
  "2\tWaveform 1\t1\t20.100000000\t21.500000000\t1000.000\t4000.000\t1.4000\t3000.000\t\t\n"
)
# As BirdNET-Analyzer writes it for Raven.
BIRDNET = (
  f"{HEADER}\tCommon Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)\n"
  "1\tSpectrogram 1\t1\t0.0\t3.0\t0\t15000\tEurasian Blackbird\teurbla1\t0.87\t/data/one.wav\t0.0\n"
  "2\tSpectrogram 1\t1\t63.0\t66.0\t0\t15000\tCommon Chaffinch\tcomcha\t0.42\t/data/two.wav\t3.0\n"
)


def annotations(read, path, text):
  path.write_text(text)
  return [annotation for _, annotation in read(str(path))]


def test_the_examples_of_audacity_are_read_field_by_field(tmp_path):
  point, region = annotations(read_audacity, tmp_path / "a.txt", AUDACITY)
  assert point == Annotation(2.15, 2.15, "point label at 2.15 seconds")
  assert region == Annotation(3.4, 6.1, "region label from 3.4 to 6.1 seconds")
  found = annotations(read_audacity, tmp_path / "a.txt", SPECTRAL)
  assert [(each.low_hz, each.high_hz) for each in found] == [
    (6928.456055, 6928.456055),
    (None, 6334.588867),
    (8908.015625, None),
    (1484.669312, 2969.338523),
  ]
  assert [each.start_s for each in found] == [1.0, 2.0, 3.0, 4.0]


def test_what_audacity_wrote_is_written_again_byte_by_byte(tmp_path):
  for text in (AUDACITY, SPECTRAL):
    write_audacity(tmp_path / "b.txt", annotations(read_audacity, tmp_path / "a.txt", text))
    assert (tmp_path / "b.txt").read_text() == text


def test_a_table_of_raven_has_a_selection_once_for_all_its_views(tmp_path):
  first, second = annotations(read_raven, tmp_path / "a.txt", RAVEN)
  assert first == Annotation(6.709509878, 15.096397225, "Birb", 1739.012, 3798.813)
  assert second == Annotation(20.1, 21.5, None, 1000.0, 4000.0)


def test_joined_tables_that_number_their_selections_anew_keep_all_of_them(tmp_path):
  columns = f"{HEADER}\tBegin File\tFile Offset (s)\tAnnotation\n"
  rows = [("a.wav", "wren"), ("b.wav", "crow"), ("b.wav", "owl")]
  text = columns + "".join(
    f"1\t{view} 1\t1\t0\t3\t0\t9\t{file}\t0\t{label}\n"
    for file, label in rows
    for view in ("Waveform", "Spectrogram")
    if (file, view) != ("a.wav", "Spectrogram")
  )
  found = annotations(read_raven, tmp_path / "a.txt", text)
  assert [(each.file, each.label) for each in found] == rows


def test_a_table_about_several_files_counts_times_from_the_start_of_each(tmp_path):
  first, second = annotations(read_raven, tmp_path / "a.txt", BIRDNET)
  assert first == Annotation(0.0, 3.0, "Eurasian Blackbird", 0.0, 15_000.0, "/data/one.wav", 0.87)
  assert second == Annotation(3.0, 6.0, "Common Chaffinch", 0.0, 15_000.0, "/data/two.wav", 0.42)
  cut = [line.rpartition("\t")[0] for line in BIRDNET.splitlines()]  # without File Offset (s)
  with pytest.raises(UserError, match="several files.*'File Offset"):
    annotations(read_raven, tmp_path / "b.txt", "\n".join(cut))


@pytest.mark.parametrize(("columns", "cell"), [("", ""), ("\tBegin File", "\t")])
def test_offsets_in_files_that_no_column_names_are_refused_unless_they_are_the_times(
  tmp_path, columns, cell
):
  def table(*offsets):
    rows = (f"{n}\tS 1\t1\t{4 * n}\t{4 * n + 1}\t0\t9\t{o}{cell}" for n, o in enumerate(offsets))
    return "\n".join([f"{HEADER}\tFile Offset (s){columns}", *rows])

  with pytest.raises(UserError, match=r"line 4: .* at 8 s, and at 2\.5 s of its file.*'Begin"):
    annotations(read_raven, tmp_path / "a.txt", table(0, 4, 2.5))
  found = annotations(read_raven, tmp_path / "a.txt", table(0, 4.0001, ""))  # rounded, unknown
  assert [each.start_s for each in found] == [0.0, 4.0, 8.0]


@pytest.mark.parametrize("file", [None, "wren.wav", "/field/wren.wav", "/a  b/録音\u3000一.wav"])
def test_our_tables_have_the_columns_of_raven_and_are_read_back_equal(tmp_path, file):
  written = [
    Annotation(0.5, 2.123456789, 'wren "song"', 1739.012, 3798.813, file, score=0.75),
    Annotation(2.0, 3.5, None, 0.0, 8000.0, file),
  ]
  write_raven(tmp_path / "a.txt", written)
  header, *rows = (tmp_path / "a.txt").read_text().splitlines()
  assert header.startswith(HEADER)
  assert header.endswith("Annotation")
  assert [row.split("\t")[:3] for row in rows] == [[str(n), "Spectrogram 1", "1"] for n in (1, 2)]
  assert {len(row.split("\t")) for row in rows} == {len(header.split("\t"))}
  assert annotations(read_raven, tmp_path / "b.txt", (tmp_path / "a.txt").read_text()) == written


def test_our_label_tracks_are_read_back_equal_whatever_is_in_a_label(tmp_path):
  written = [Annotation(0.25, 0.5, 'a "b" c', None, 4000.0), Annotation(1.0, 2.0)]
  write_audacity(tmp_path / "a.txt", written)
  assert [each for _, each in read_audacity(str(tmp_path / "a.txt"))] == written
  write_audacity(tmp_path / "a.txt", [Annotation(0.0, 1.0, "two\nlines\tand a tab")])
  assert read_audacity(str(tmp_path / "a.txt"))[0][1].label == "two lines and a tab"


def test_bounds_that_raven_needs_are_those_of_the_recording_or_missed(tmp_path):
  with pytest.raises(ValueError, match="highest_hz"):
    write_raven(tmp_path / "a.txt", [Annotation(0.0, 1.0, "wren")])
  assert not (tmp_path / "a.txt").exists()
  write_raven(tmp_path / "a.txt", [Annotation(0.0, 1.0, "wren")], highest_hz=8000.0)
  (_, read), *_ = read_raven(str(tmp_path / "a.txt"))
  assert (read.low_hz, read.high_hz) == (0.0, 8000.0)


@pytest.mark.parametrize(
  ("table", "recording"),
  [
    ("rec.txt", "rec.flac"),
    ("rec.selections.txt", "rec.flac"),
    ("rec.Table.1.selections.txt", "rec.flac"),
    ("rec.BirdNET.selection.table.txt", "rec.flac"),
    ("rec.1.Table.2.selections.txt", "rec.1.wav"),
    ("twice.mp3.txt", "twice.mp3"),
  ],
)
def test_a_label_file_is_about_the_recording_whose_name_it_begins_with(tmp_path, table, recording):
  for name in ("rec.flac", "rec.1.wav", "twice.wav", "twice.mp3", "other.wav", table):
    (tmp_path / name).touch()
  assert recording_of(str(tmp_path / table), "", None) == recording


def test_a_label_file_that_may_be_about_two_recordings_or_none_is_one_line(tmp_path):
  for name in ("twice.wav", "twice.mp3", "twice.txt", "lonely.txt"):
    (tmp_path / name).touch()
  with pytest.raises(UserError, match=r"'twice.mp3' or 'twice.wav'.*twice.mp3.txt"):
    recording_of(str(tmp_path / "twice.txt"), "", None)
  with pytest.raises(UserError, match="no recording beside it"):
    recording_of(str(tmp_path / "lonely.txt"), "", None)
  with pytest.raises(UserError, match="line 2: .*'gone.wav'"):
    recording_of(str(tmp_path / "lonely.txt"), "line 2", "D:\\field\\gone.wav")


@pytest.fixture
def recordings(tmp_path):
  """Two recordings of 30 s in a folder `field`, the first with a table of each program."""
  folder = tmp_path / "field"
  folder.mkdir()
  for name in ("one", "two"):
    soundfile.write(folder / f"{name}.wav", tone(440, 30), 16_000)
  (folder / "one.Table.1.selections.txt").write_text(RAVEN.replace("\t\t\n", "\t\tFrog\n"))
  (folder / "two.txt").write_text("3.400000\t6.100000\tBirb\n")
  (folder / "README.txt").write_text("Recorded in spring.\n")
  return folder


def listed(source):
  lengths_s = [30.0] * source.num_clips
  keys = [clip.key for clip in source.clips(0, source.num_clips)]
  return [(each.key, each.label) for each in source.stretches.within(keys, lengths_s)]


def test_all_label_files_of_a_folder_are_one_data_set(recordings):
  source = datasets.open_source(f"labels:{recordings}")
  assert listed(source) == [
    ("one.wav#t=6.70951,15.096397", "Birb"),
    ("one.wav#t=20.1,21.5", "Frog"),
    ("two.wav#t=3.4,6.1", "Birb"),
  ]
  assert "2 label files; 1 other text file ignored" in source.summary


def test_recordings_of_two_places_with_one_name_are_not_taken_for_the_same(recordings):
  columns = f"{HEADER}\tBegin Path\tFile Offset (s)\tAnnotation\n"
  path = recordings / "sites.selections.txt"

  def write(*sites):
    rows = (
      f"{n}\tSpectrogram 1\t1\t0\t3\t0\t9\t{site}\t{4 * n}\twren\n" for n, site in enumerate(sites)
    )
    path.write_text(columns + "".join(rows))

  write("D:\\site1\\two.wav", "D:/site1/two.wav", "two.wav")
  assert len(listed(datasets.open_source(str(path)))) == 3
  write("D:\\site1\\two.wav", "D:\\site2\\two.wav")
  with pytest.raises(UserError, match="line 3: .*site2.* and .*site1.* both taken for 'two.wav'"):
    datasets.open_source(str(path))


def test_a_single_label_file_is_a_data_set(recordings):
  assert listed(datasets.open_source(str(recordings / "two.txt"))) == [
    ("two.wav#t=3.4,6.1", "Birb")
  ]


@pytest.mark.parametrize(
  ("text", "reason"),
  [
    ("a wren at noon\n", "neither a selection table of Raven"),
    ("2.15\t2.15\twren\n", "line 1: the label at 2.15 s is a point"),
    ("3.0\t2.0\twren\n", "line 1: it goes from 3 to 2 s"),
    ("1.0\t2.0\twren\n25.0\t31.0\twren\n", "line 2: 'two.wav' ends after 30 s, and the row goes"),
    (f"{HEADER}\n1\tSpectrogram 1\t1\tx\t2\t0\t9\n", "line 2: the begin time .s. 'x' is no number"),
    ("1.0\t2.0\twren\n\\\t100\n", "line 2: a line with a backslash has two frequencies"),
    (f"{HEADER}\n", "lists no labels"),
  ],
)
def test_a_label_file_that_cannot_be_used_is_one_line_that_names_it(recordings, text, reason):
  (recordings / "two.txt").write_text(text)
  with pytest.raises(UserError, match=f"two.txt.*{reason}"):
    datasets.open_source(str(recordings / "two.txt"))
