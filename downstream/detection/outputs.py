"""Detections -> files: one CSV, and for each recording a file of Raven or Audacity."""

import collections
import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence

from contrastive_audio import datasets
from contrastive_audio.cli.places import require_folder, require_writable
from contrastive_audio.datasets.annotations.annotation import Annotation
from contrastive_audio.datasets.annotations.audacity import write_audacity
from contrastive_audio.datasets.annotations.raven import write_raven
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, read_json, remove_file, write_json
from contrastive_audio.utils.spreadsheets import write_csv
from contrastive_audio.utils.tables import name_in_table
from contrastive_audio.utils.words import counted
from downstream.checks import require_new_file

CSV, RAVEN, AUDACITY = FORMATS = ("csv", "raven", "audacity")
COLUMNS = ("file", "start_s", "end_s", "label", "score")
TABLE = "detections.csv"  # in a folder with files of other formats
# After the name of a recording, with its extension: no two recordings have one file.
_ENDINGS = {RAVEN: ".Table.1.selections.txt", AUDACITY: ".txt"}
_UNFINISHED = ".unfinished.json"  # in a folder: the files that a call was about to write


@dataclasses.dataclass(frozen=True)
class Output:
  """Where detections are written.

  Attributes:
    path: of the CSV file; with other formats, of a folder.
    formats: some of FORMATS.
    root: folder to which the names of recordings are relative; None: not known.

  Example:
    >>> output = Output("found", ("csv", "audacity"))
    >>> output.write([Annotation(0.5, 2.0, "wren", file="a/1.wav", score=0.9)], highest_hz=8000.0)
    'found/detections.csv and 1 file of Audacity'
    >>> sorted(os.listdir("found")), os.listdir("found/a")
    (['a', 'detections.csv'], ['1.wav.txt'])
  """

  path: str
  formats: tuple[str, ...] = (CSV,)
  root: str | None = None

  @property
  def table(self) -> str:
    """Path of the CSV file, written or not."""
    return self.path if self.formats == (CSV,) else os.path.join(self.path, TABLE)

  def require_new(self, recordings: Sequence[str] = ()) -> None:
    """Raises an error if something is there already that would be written.

    Args:
      recordings: their names, once they are known.

    Raises:
      UserError: what is there, or why nothing can be written.
    """
    if self.formats == (CSV,):
      require_new_file(self.path, (".csv",))
      return
    if self.path.endswith(".csv"):
      raise UserError(
        f"--output={self.path}: there is a file for each recording, so it has to be a folder"
      )
    require_folder("output", self.path)
    files: dict[str, str] = {self.table: TABLE} if CSV in self.formats else {}
    for name, kind in itertools.product(recordings, self._per_recording):
      path = self._path_of(kind, name)
      if (other := files.setdefault(path, name)) != name:
        raise UserError(f"--output={self.path}: {path!r} is the file of {other!r} and {name!r}")
      require_writable("output", path)
    own = set(read_json(os.path.join(self.path, _UNFINISHED)) or ())  # of a call that was stopped
    for path in files:
      if os.path.exists(path) and os.path.relpath(path, self.path) not in own:
        raise UserError(f"{path} exists already: delete it, or choose another --output")

  def write(self, found: Iterable[Annotation], highest_hz: float) -> str:
    """Writes all files; each is written atomically, and recordings without detections have none.

    Args:
      found: the detections, with label, score, and name of the recording.
      highest_hz: upper bound of what the model hears.

    Returns:
      What was written, human-readable.
    """
    listed = list(found)
    with self._as_a_whole(sorted({str(each.file) for each in listed})):
      return self._write(listed, highest_hz)

  @contextlib.contextmanager
  def _as_a_whole(self, recordings: Sequence[str]) -> Iterator[None]:
    """Notes which files are written to a folder, so that a call that is stopped can go on."""
    if self.formats == (CSV,):
      yield
      return
    pairs = itertools.product(self._per_recording, recordings)
    paths = [self.table, *(self._path_of(kind, name) for kind, name in pairs)]
    note = os.path.join(self.path, _UNFINISHED)
    make_folder(self.path)
    write_json(note, [os.path.relpath(path, self.path) for path in paths])
    yield
    remove_file(note)

  def _write(self, listed: Sequence[Annotation], highest_hz: float) -> str:
    written = []
    if CSV in self.formats:
      names = {name: self._name_in_table(name) for name in {str(each.file) for each in listed}}
      write_csv(self.table, [COLUMNS, *(_row(each, names[str(each.file)]) for each in listed)])
      written.append(self.table)
    by_recording: dict[str, list[Annotation]] = collections.defaultdict(list)
    for each in listed:
      by_recording[str(each.file)].append(each)
    for kind in self._per_recording:
      for name, members in by_recording.items():
        self._write_one(kind, name, sorted(members, key=lambda each: each.start_s), highest_hz)
      files = f"{counted(len(by_recording), 'file')} of {kind.capitalize()}"
      written.append(files if CSV in self.formats else f"{self.path}: {files}")
    return " and ".join(written)

  @property
  def _per_recording(self) -> list[str]:
    return [kind for kind in self.formats if kind != CSV]

  def _place_of(self, recording: str) -> str | None:
    """Returns where a recording is; None: it is no file that is known."""
    place = os.path.abspath(os.path.join(self.root or "", recording))
    return place if self.root is not None and os.path.isfile(place) else None

  def _name_in_table(self, recording: str) -> str:
    """Returns what makes the CSV file a table with times: where its recording is."""
    place = self._place_of(recording)
    return name_in_table(self.table, place) if place else recording

  def _path_of(self, kind: str, recording: str) -> str:
    """Returns the path of a file: that of its recording, below the folder."""
    parts = [part for part in recording.split("/") if part not in ("", ".", "..")]
    return os.path.join(self.path, *parts[:-1], parts[-1] + _ENDINGS[kind])

  def _write_one(
    self, kind: str, name: str, annotations: Sequence[Annotation], highest_hz: float
  ) -> None:
    path = self._path_of(kind, name)
    make_folder(os.path.dirname(path))
    if kind == AUDACITY:
      write_audacity(path, annotations)
      return
    file = self._place_of(name) or os.path.basename(name)
    write_raven(path, [dataclasses.replace(each, file=file) for each in annotations], highest_hz)


def parse_formats(names: Sequence[str]) -> tuple[str, ...]:
  """Reads the flag --format.

  Args:
    names: its value.

  Raises:
    UserError: there is no such format.

  Example:
    >>> parse_formats(["raven", "csv"])
    ('csv', 'raven')
  """
  if unknown := [name for name in names or [""] if name not in FORMATS]:
    raise UserError(f"--format={unknown[0]}: choose from {', '.join(FORMATS)}")
  return tuple(kind for kind in FORMATS if kind in names)


def recordings_folder(name: str) -> str | None:
  """Returns the folder to which the names of recordings are relative; None: not known.

  Args:
    name: value of --input.

  Example:
    >>> recordings_folder("folder:field/monday.csv"), recordings_folder("synthetic") is None
    ('field', True)
  """
  kind, _, path = datasets.full_name(name).partition(":")
  if kind not in ("folder", "labels"):
    return None
  path = os.path.expanduser(path)
  return path if os.path.isdir(path) else os.path.dirname(path)


def _row(each: Annotation, file: str) -> list[object]:
  score = "" if each.score is None else f"{each.score:.4f}"
  return [file, f"{each.start_s:.3f}", f"{each.stop_s:.3f}", each.label, score]
