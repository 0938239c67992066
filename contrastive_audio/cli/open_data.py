"""The data sets that a command names -> one store of decoded clips."""

import dataclasses
import hashlib
import os
from collections.abc import Iterator

from contrastive_audio import datasets
from contrastive_audio.cli import store_report
from contrastive_audio.cli.chosen_keys import ids_of_keys, read_keys
from contrastive_audio.cli.console import line
from contrastive_audio.cli.overlaps import require_disjoint
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.errors import UserError
from contrastive_audio.store.decoding import MEMORY_MB
from contrastive_audio.store.preparation import prepare
from contrastive_audio.store.store import Store

_STORE = "store:"
_Opened = Store | datasets.ClipSource | None  # None: it takes TensorFlow, or preparation


@dataclasses.dataclass(frozen=True)
class DataLocation:
  """Where data sets and their stores are, and how many unusable clips they may have.

  Attributes:
    data_dir: folder that holds data sets, or where they are prepared.
    manual_dir: folder with archives that were downloaded by hand.
    store_dir: where decoded audio is kept; None: the user's cache.
    max_bad_fraction: largest share of unusable clips.
    memory_mb: memory that decoding may take, in MB.

  Example:
    >>> DataLocation(data_dir="data").max_bad_fraction
    0.05
  """

  data_dir: str | None = None
  manual_dir: str | None = None
  store_dir: str | None = None
  max_bad_fraction: float = 0.05
  memory_mb: int = MEMORY_MB


@dataclasses.dataclass(frozen=True)
class DataChoice:
  """Which clips.

  Attributes:
    datasets: names, as `--dataset` has them; several are combined into one data set.
    split: part of each data set; None: train where there is one, else all.
    keys: file with the keys of the clips to use, one per line; None: all clips.
    background: class of what tables with times leave unlabelled; None: that is not used.

  Example:
    >>> DataChoice(("./clips", "synthetic")).name
    'folder:./clips + synthetic'
  """

  datasets: tuple[str, ...]
  split: str | None = None
  keys: str | None = None
  background: str | None = None

  def __post_init__(self) -> None:
    first_of: dict[str, str] = {}
    for name in self.datasets:
      kind, _, path = datasets.full_name(name).partition(":")
      place = os.path.realpath(os.path.expanduser(path)) if path else ""
      if (first := first_of.get(f"{kind}:{place}")) is not None:
        same = "is given twice" if first == name else f"is the same as {first}"
        raise UserError(f"--dataset={name} {same}: each of its clips would count twice")
      first_of[f"{kind}:{place}"] = name

  @property
  def name(self) -> str:
    """All data sets in one line, paths as folder:PATH."""
    return " + ".join(map(datasets.full_name, self.datasets))


@dataclasses.dataclass(frozen=True)
class Listing:
  """Which clips are chosen, before any of them is decoded.

  Attributes:
    num_clips: how many are listed; a training leaves out those that turn out to be unusable.
    digest: hex digest that changes whenever a clip may have changed.

  Example:
    >>> Listing(num_clips=320, digest="9f86d081").num_clips
    320
  """

  num_clips: int
  digest: str


class ChosenData:
  """The chosen data sets, opened as far as that takes neither decoding nor TensorFlow.

  Example:
    >>> ChosenData(DataChoice(("synthetic",), keys="no/such/file"), DataLocation(), 16_000)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: cannot read --keys=no/such/file: ...
  """

  def __init__(self, choice: DataChoice, location: DataLocation, sample_rate_hz: int):
    """Opens what can be opened at once.

    Args:
      choice: which clips.
      location: where they are.
      sample_rate_hz: of the model or system.

    Raises:
      UserError: a folder, a CSV, a store or the file of keys is not what it should be.
    """
    self._choice, self._location, self._rate_hz = choice, location, sample_rate_hz
    self._keys = choice.keys and read_keys(choice.keys)
    self._opened = [self._open_quickly(name) for name in choice.datasets]
    opened = dict(zip(choice.datasets, self._opened))
    require_disjoint({name: each for name, each in opened.items() if isinstance(each, FileSource)})

  def _open_quickly(self, name: str) -> _Opened:
    if is_store(name):
      return _open_finished(name.removeprefix(_STORE), self._rate_hz, self._choice)
    choice, location = self._choice, self._location
    return datasets.open_local(
      name, choice.split, location.data_dir, location.manual_dir, choice.background
    )

  def sources(self) -> list[datasets.ClipSource]:
    """Returns the sources of all data sets; those that are stores already are refused."""
    return [self._source(name, opened) for name, opened in self._pairs()]

  def listing(self) -> Listing:
    """Returns how many clips there are, and which; decodes nothing.

    It takes TensorFlow only to count the clips of a data set of tensorflow-datasets. With --keys
    they need not be counted, and the name of such a data set identifies it.
    """
    clips = [self._listed(name, opened) for name, opened in self._pairs()]
    num_clips, identity = sum(each.num_clips for each in clips), [each.digest for each in clips]
    if self._keys:
      num_clips, identity = len(self._keys), [*identity, *sorted(self._keys)]
    return Listing(num_clips, _digest("\n".join(identity)))

  def _listed(self, name: str, opened: _Opened) -> Listing:
    if isinstance(opened, Store):
      return Listing(opened.num_clips, opened.digest)
    if opened is None and self._keys:
      return Listing(0, _digest(f"{name}, split {self._choice.split}"))
    source = opened or self._open(name)
    return Listing(source.num_listed, source.listing())

  def store(self) -> Store:
    """Decodes what is not decoded yet; returns one store, and prints what it holds."""
    stores = [self._decoded(name, opened) for name, opened in self._pairs()]
    if len({store.digest for store in stores}) < len(stores):  # such as a folder and its store
      raise UserError("two of --dataset hold the same clips: leave out one, or each counts twice")
    store = Store.join(stores)
    if self._keys:
      store = store.select(ids_of_keys(store, self._keys, self._choice.keys))
    store_report.print_store(store)
    return store

  def _pairs(self) -> Iterator[tuple[str, _Opened]]:
    return zip(self._choice.datasets, self._opened)

  def _decoded(self, name: str, opened: _Opened) -> Store:
    if isinstance(opened, Store):
      return opened
    return prepare_at(self._location, self._source(name, opened), self._rate_hz)

  def _source(self, name: str, opened: _Opened) -> datasets.ClipSource:
    if isinstance(opened, Store):
      raise UserError(f"--dataset={name}: it is decoded already")
    source = opened or self._open(name)
    line("data", source.summary)
    return source

  def _open(self, name: str) -> datasets.ClipSource:
    choice, location = self._choice, self._location
    return datasets.open_source(
      name, choice.split, location.data_dir, location.manual_dir, choice.background
    )


def open_store(choice: DataChoice, location: DataLocation, sample_rate_hz: int) -> Store:
  """Opens the chosen clips, decoded at a rate; prints what they are.

  Args:
    choice: which clips.
    location: where they are.
    sample_rate_hz: of the model or system.

  Returns:
    A Store.

  Raises:
    UserError: there is no such data set, or it is not what it should be.

  Example:
    >>> open_store(DataChoice(("folder:no/such/folder",)), DataLocation(), 16_000)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: 'no/such/folder' ...
  """
  return ChosenData(choice, location, sample_rate_hz).store()


def is_store(name: str) -> bool:
  """Returns whether a name, as `--dataset` has it, is that of a store.

  Args:
    name: of a data set.

  Example:
    >>> is_store("store:stores/mine"), is_store("audioset")
    (True, False)
  """
  return name.startswith(_STORE)


def prepare_at(location: DataLocation, source: datasets.ClipSource, sample_rate_hz: int) -> Store:
  """Returns the store of a data set, decoded where it is not yet.

  Args:
    location: where the store is, and what it may take.
    source: the data set.
    sample_rate_hz: rate at which the clips are stored.

  Raises:
    UserError: see `preparation.prepare`.

  Example:
    >>> source = datasets.open_source("synthetic")
    >>> prepare_at(DataLocation(), source, 16_000).num_clips
    320
  """
  return prepare(
    source,
    sample_rate_hz,
    location.store_dir,
    location.max_bad_fraction,
    memory_mb=location.memory_mb,
  )


def _open_finished(folder: str, sample_rate_hz: int, choice: DataChoice) -> Store:
  """Opens a store that contrastive_audio.prepare has made."""
  store = Store(os.path.expanduser(folder))
  if store.sample_rate_hz != sample_rate_hz:
    raise UserError(
      f"--dataset={_STORE}{folder}: it holds {store.sample_rate_hz} Hz, and {sample_rate_hz} Hz "
      f"are needed: prepare it again with --sample_rate_hz={sample_rate_hz}"
    )
  if choice.split is not None:
    raise UserError(
      f"--split={choice.split}: a store has no splits; prepare the one you need, or --keys"
    )
  if choice.background is not None:
    raise UserError(f"--background={choice.background}: a store has no table with times")
  return store


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
