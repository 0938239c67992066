"""NSynth: single notes of instruments; the class is the family, the group the instrument."""

import json
import os
from collections.abc import Iterator
from typing import Any

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.errors import UserError

CLASSES = (
  "bass",
  "brass",
  "flute",
  "guitar",
  "keyboard",
  "mallet",
  "organ",
  "reed",
  "string",
  "synth_lead",
  "vocal",
)
_SPLITS = ("train", "valid", "test")
_HOMEPAGE = "https://magenta.tensorflow.org/datasets/nsynth"
_LAYOUT = "nsynth-{train,valid,test}/audio/*.wav with examples.json in each"
_FIELDS = ("instrument_family_str", "instrument_str")


def _read(root: str) -> Contents:
  """Reads the splits that exist, each with its examples.json."""
  rows: list[Row] = []
  folders = []
  for split in _SPLITS:
    if os.path.isdir(os.path.join(root, f"nsynth-{split}")):
      rows += _rows(root, split)
      folders.append(os.path.join(f"nsynth-{split}", "audio"))
  present, missing, remarks = listing.compare(rows, root, folders, f"{_LAYOUT} of {_HOMEPAGE}")
  absent = [split for split in _SPLITS if os.path.join(f"nsynth-{split}", "audio") not in folders]
  remarks += (f"without {', '.join(absent)}",) if absent else ()
  return Contents(to_table(present), CLASSES, missing=missing, remarks=remarks)


def _rows(root: str, split: str) -> Iterator[Row]:
  path = os.path.join(root, f"nsynth-{split}", "examples.json")
  what = f"examples.json of nsynth-{split}.jsonwav.tar.gz of {_HOMEPAGE}"
  for name, fields in _read_notes(path, what).items():
    if not isinstance(fields, tuple) or None in fields:
      raise UserError(
        f"{path}: the note {name!r} lacks {' or '.join(_FIELDS)}; it should be {what}"
      )
    family, instrument = fields
    label = listing.require_class(family, CLASSES, f"{path}, note {name!r}", what)
    audio = os.path.join(f"nsynth-{split}", "audio", f"{name}.wav")
    yield Row(audio, label=label, group=instrument, split=split)


def _read_notes(path: str, what: str) -> dict[str, Any]:
  """Returns name -> values of _FIELDS; all other fields of 300,000 notes are dropped on parsing."""
  strings: dict[str | None, str | None] = {}  # equal strings are kept once

  def keep_fields(entry: dict[str, Any]) -> Any:
    if "note_str" not in entry:
      return entry
    return tuple(strings.setdefault(value, value) for value in map(entry.get, _FIELDS))

  try:
    with open(path, encoding="utf-8") as file:
      notes = json.load(file, object_hook=keep_fields)
  except (OSError, ValueError) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {path!r}: {reason.lower()}; it should be {what}") from error
  if not isinstance(notes, dict) or not notes:
    raise UserError(f"{path}: the file lists no notes; it should be {what}")
  return notes


def _archive(split: str) -> Archive:
  name = f"nsynth-{split}.jsonwav.tar.gz"
  return Archive(name, f"http://download.magenta.tensorflow.org/datasets/nsynth/{name}")


CORPORA = {
  "nsynth": Corpus(
    name="nsynth",
    title="NSynth: 305,979 notes of 4 s, 11 instrument families",
    homepage=_HOMEPAGE,
    layout=_LAYOUT,
    find=folder_with((f"nsynth-{split}" for split in _SPLITS), enough=any),
    read=_read,
    sample_rate_hz=16_000,
    archives=tuple(map(_archive, _SPLITS)),
    split_names=_SPLITS,
    builder="nsynth/full",
  )
}
