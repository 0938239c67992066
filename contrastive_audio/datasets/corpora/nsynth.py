"""NSynth: single notes of instruments; the class is the family, the group the instrument."""

import json
import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, holding
from contrastive_audio.datasets.file_source import Row
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


def read(root):
  """Reads the parts that are there, each by its examples.json."""
  rows, folders = [], []
  for split in _SPLITS:
    if os.path.isdir(os.path.join(root, f"nsynth-{split}")):
      rows += _rows(root, split)
      folders.append(os.path.join(f"nsynth-{split}", "audio"))
  present, missing, remarks = listing.compare(rows, root, folders, f"{_LAYOUT} of {_HOMEPAGE}")
  absent = [split for split in _SPLITS if os.path.join(f"nsynth-{split}", "audio") not in folders]
  remarks += (f"without {', '.join(absent)}",) if absent else ()
  return Contents(file_source.table_of(present), CLASSES, missing=missing, remarks=remarks)


def _rows(root, split):
  path = os.path.join(root, f"nsynth-{split}", "examples.json")
  what = f"examples.json of nsynth-{split}.jsonwav.tar.gz of {_HOMEPAGE}"
  for name, fields in _notes(path, what).items():
    if not isinstance(fields, tuple) or None in fields:
      raise UserError(
        f"{path}: the note {name!r} lacks {' or '.join(_FIELDS)}; it should be {what}"
      )
    family, instrument = fields
    label = listing.require_class(family, CLASSES, f"{path}, note {name!r}", what)
    yield Row(os.path.join(f"nsynth-{split}", "audio", f"{name}.wav"), label, instrument, split)


def _notes(path, what):
  """Returns name -> values of _FIELDS; the rest of 300,000 notes is dropped as it is parsed."""
  families, instruments = {}, {}  # so that equal texts are held once

  def keep_fields(entry):
    if "note_str" not in entry:
      return entry
    family, instrument = map(entry.get, _FIELDS)
    return families.setdefault(family, family), instruments.setdefault(instrument, instrument)

  try:
    with open(path, encoding="utf-8") as file:
      notes = json.load(file, object_hook=keep_fields)
  except (OSError, ValueError) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {path!r}: {reason.lower()}; it should be {what}") from error
  if not isinstance(notes, dict) or not notes:
    raise UserError(f"{path}: the file lists no notes; it should be {what}")
  return notes


def _archive(split):
  name = f"nsynth-{split}.jsonwav.tar.gz"
  return Archive(name, f"http://download.magenta.tensorflow.org/datasets/nsynth/{name}")


CORPORA = {
  "nsynth": Corpus(
    "nsynth",
    "NSynth: 305,979 notes of 4 s, 11 families of instruments",
    _HOMEPAGE,
    _LAYOUT,
    holding(*(f"nsynth-{split}" for split in _SPLITS), enough=any),
    read,
    sample_rate_hz=16_000,
    archives=tuple(map(_archive, _SPLITS)),
    split_names=_SPLITS,
    builder="nsynth/full",
  )
}
