"""A table is written as it was read: its delimiter, encoding, line ends and decimal commas."""

import csv
import io

import pytest

from contrastive_audio.errors import UserError
from downstream.labelling.label_table import LabelTable
from downstream.labelling.places import Place, Recordings
from tests.downstream.labelling.three_recordings import table

STYLES = {
  "comma": ("utf-8", "", ",", "\r\n"),
  "semicolon": ("utf-8", "", ";", "\n"),
  "tab": ("utf-8", "", "\t", "\n"),
  "mark": ("utf-8-sig", "", ",", "\r\n"),
  "old Macintosh": ("utf-8", "", ";", "\r"),
  "Excel": ("utf-8-sig", "sep=;\r\n", ";", "\r\n"),
  "Unicode text of Excel": ("utf-16", "", "\t", "\r\n"),
  "big-endian": ("utf-16-be", "\ufeff", ",", "\n"),
  "wide": ("utf-32", "", ";", "\n"),
  "German Excel": ("cp1252", "", ";", "\r\n"),
  "separator in UTF-16": ("utf-16", "sep=;\r\n", ";", "\r\n"),
}


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("style", STYLES)
def test_a_table_is_written_as_it_was_read(place, style, decimal):
  encoding, start, delimiter, line_end = STYLES[style]
  rows = [
    ["file", "start_s", "end_s", "label", "note"],
    ["field/a.wav", "1.25", "2", "Möwe", f"one{delimiter}two"],
    ["elsewhere.wav", "0.5", "3.125", "wren", ""],
  ]

  def content(*more):
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter=delimiter, lineterminator=line_end)
    for name, *times, label, note in [*rows, *more]:
      writer.writerow([name, *(time.replace(".", decimal) for time in times), label, note])
    return (start + lines.getvalue()).encode(encoding)

  (place / "labels.csv").write_bytes(content())
  answers = table()
  answers.set(new := Place(1, 8_000, 24_000), ["Zaunkönig"])
  added = ["field/=1+1.wav", "0.5", "1.5", "Zaunkönig", ""]
  assert (place / "labels.csv").read_bytes() == content(added)
  again = table()
  assert again.labels == answers.labels
  assert list(again.labels.items())[1:] == [(new, ("Zaunkönig",))]
  again.set(new, [])
  assert (place / "labels.csv").read_bytes() == content()


@pytest.mark.parametrize(("delimiter", "written"), [(";", "0,5;1,5"), (",", "0.5,1.5")])
def test_a_table_without_decimals_gets_those_that_its_delimiter_goes_with(
  place, delimiter, written
):
  names = ["file", "start_s", "end_s", "label"]
  lines = [delimiter.join(cells) for cells in (names, ["field/a.wav", "0", "2", "wren"])]
  (place / "labels.csv").write_text("\n".join(lines) + "\n")
  table().set(Place(1, 8_000, 24_000), ["robin"])
  assert f"{delimiter}{written}{delimiter}robin" in (place / "labels.csv").read_text()
  assert list(table().labels.values()) == [("wren",), ("robin",)]


def test_an_answer_that_the_encoding_of_the_table_cannot_hold_is_refused_and_nothing_changes(place):
  content = "file;start_s;end_s;label\nfield/a.wav;0;1;Möwe\n".encode("cp1252")
  (place / "labels.csv").write_bytes(content)
  answers = table()
  for label in ("чайка", "ÀÉÎ", "Ã¼"):  # the last two would be read as something else
    with pytest.raises(UserError, match=f"in cp1252, which cannot hold '{label}': save it as UTF"):
      answers.set(Place(1, 0, 16_000), [label])
  assert (place / "labels.csv").read_bytes() == content
  assert list(answers.labels.values()) == [("Möwe",)]
  (place / "labels.csv").write_bytes(content.decode("cp1252").encode())  # the advice is taken
  answers.set(Place(1, 0, 16_000), ["чайка"])
  assert list(table().labels.values()) == [("Möwe",), ("чайка",)]


def test_a_recording_that_the_encoding_of_the_table_cannot_name_is_refused_before_any_answer(place):
  (place / "labels.csv").write_bytes("file,start_s,end_s,label\na.wav,0,1,Möwe\n".encode("cp1252"))
  with pytest.raises(UserError, match="--labels=labels.csv: .* cannot hold 'чайка.wav': save it"):
    LabelTable("labels.csv", Recordings("labels.csv", ["чайка.wav"], [160_000], 16_000))
