"""What a store knows of its clips without their PCM, column by column.

Beside the columns of the index, each clip has the number of its `recording`, which is the same for
all pieces of one, and that of its `data_set`, because names of groups are meant within one. It is
`coarse` if a single sample far beyond full scale leaves the others hardly a step of the PCM.

Numbers are in memory, text is read when it is first needed. The index is read, not mapped: a mapped
file that is cut off ends the process, and so does a disk that fails. Each reading verifies it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from contrastive_audio.store.disk_format import INDEX_SCHEMA
from contrastive_audio.store.manifest import DamagedStore
from contrastive_audio.store.pieces import Pieces
from contrastive_audio.utils import checksums

_RECORDING, _DATA_SET = "recording", "data_set"
_NUMBERS = ("gain", "mean", "peak", "centred_peak", "l2", "num_samples", "shard", "byte_offset")
_COARSE_GAIN, _COARSE_STEPS = 2.0**-12, 4.0  # full scale and more have 2**-15


class ClipColumns:
  """Columns of disk_format.INDEX_SCHEMA, a row per clip.

  Attributes:
    numbers: name -> array.

  Example:
    >>> keys = pa.array(["a.wav", "b.wav"])
    >>> columns = ClipColumns({"num_samples": np.array([800, 900])}, lambda name: iter([keys]))
    >>> columns.text("key").to_pylist()
    ['a.wav', 'b.wav']
  """

  def __init__(
    self,
    numbers: Mapping[str, np.ndarray],
    read_text: Callable[[str], Iterator[pa.Array]],
    read_checksums: Callable[[], np.ndarray] = lambda: np.empty(0, np.uint64),
  ):
    """Takes columns of numbers, and the way to the others.

    Args:
      numbers: name -> array.
      read_text: name -> parts of the column, in order.
      read_checksums: what returns those of the samples, see `checksums`; an empty array: there are
        none.
    """
    self.numbers = numbers
    self._read_text = read_text
    self._text: dict[str, pa.ChunkedArray] = {}
    self._read_checksums = read_checksums
    self._checksums: np.ndarray | None = None

  def text(self, name: str) -> pa.ChunkedArray:
    """Returns the column "key", "label" or "group"."""
    if name not in self._text:
      parts = list(self._read_text(name))
      self._text[name] = pa.chunked_array(parts, INDEX_SCHEMA.field(name).type)
    return self._text[name]

  def checksums(self) -> np.ndarray:
    """Returns the checksum of the samples of each recording, uint64, for each of its pieces.

    0 stands for what is not known, and for recordings that are constant: they are all alike.
    """
    if self._checksums is None:
      found, count = self._read_checksums(), len(self.numbers["num_samples"])
      self._checksums = found if len(found) == count else np.zeros(count, np.uint64)
    return self._checksums

  def parts(self, name: str) -> Iterator[pa.Array]:
    """Yields a column of text in parts, which are not kept in memory."""
    yield from self._text[name].chunks if name in self._text else self._read_text(name)

  def groups(self, rows: Sequence[int] | np.ndarray | None = None) -> list[str | None]:
    """Returns groups that are different in different data sets, whatever their names.

    Args:
      rows: their numbers; None: all.
    """
    names, data_sets = self.text("group"), self.numbers[_DATA_SET]
    are_several = data_sets.any()
    if rows is not None:
      rows = np.asarray(rows, np.int64)
      names, data_sets = names.take(pa.array(rows)), data_sets[rows]
    if not are_several:
      return names.to_pylist()
    pairs = zip(data_sets.tolist(), names.to_pylist())
    return [None if name is None else f"{number}:{name}" for number, name in pairs]

  def select(self, rows: np.ndarray) -> "ClipColumns":
    """Returns some rows, in the given order.

    Args:
      rows: int64, their numbers.
    """
    numbers = {name: column[rows] for name, column in self.numbers.items()}
    return ClipColumns(
      numbers,
      lambda name: iter(self.text(name).take(pa.array(rows)).chunks),
      lambda: self.checksums()[rows],
    )

  def cut(self, pieces: Pieces) -> "ClipColumns":
    """Returns a row for each piece; the levels are still those of the clips.

    Args:
      pieces: of these clips.
    """
    numbers = {name: column[pieces.clip_ids] for name, column in self.numbers.items()}
    numbers["num_samples"] = pieces.stops - pieces.starts
    numbers["byte_offset"] = numbers["byte_offset"] + 2 * pieces.starts
    texts = {"key": pieces.keys, "label": pieces.labels, "group": pieces.groups}

    def read_text(name: str) -> Iterator[pa.Array]:
      yield pa.array(texts[name], INDEX_SCHEMA.field(name).type)

    return ClipColumns(numbers, read_text, lambda: self.checksums()[pieces.clip_ids])

  def with_numbers(self, numbers: Mapping[str, np.ndarray]) -> "ClipColumns":
    """Returns the same rows with other numbers in some columns.

    Args:
      numbers: name -> array.
    """
    return ClipColumns({**self.numbers, **numbers}, self._read_text, self.checksums)


def read_index(
  path: str, checksum: str | None, read_checksums: Callable[[], np.ndarray]
) -> ClipColumns:
  """Reads an index.

  Args:
    path: of the file.
    checksum: of the file; None: it is not known.
    read_checksums: what returns those of the samples of all clips, or an empty array.

  Raises:
    DamagedStore: the file is not what was written.

  Example:
    >>> read_index("index.arrow", checksum=None, read_checksums=lambda: np.empty(0, np.uint64))
    Traceback (most recent call last):
    contrastive_audio.store.manifest.DamagedStore: damaged store: index.arrow cannot be read ...
  """
  parts = list(_read(path, checksum, _NUMBERS, np.array))
  numbers = {
    name: np.concatenate([np.empty(0, _dtype(name)), *(part.pop(name) for part in parts)])
    for name in _NUMBERS
  }

  num_clips = len(numbers["num_samples"])
  numbers |= {_RECORDING: np.arange(num_clips), _DATA_SET: np.zeros(num_clips, np.int32)}
  numbers["coarse"] = _are_coarse(numbers.pop("l2"), numbers)

  def read_text(name: str) -> Iterator[pa.Array]:
    return (part[name] for part in _read(path, checksum, [name], _copy))

  def of_samples() -> np.ndarray:
    found = read_checksums()
    return np.where(numbers["centred_peak"] > 0, found, 0) if len(found) else found

  return ClipColumns(numbers, read_text, of_samples)


def require_plausible(columns: ClipColumns, path: str, shard_bytes: Sequence[int]) -> None:
  """Checks that each clip lies inside its shard, where no checksum says that the index is right.

  Args:
    columns: of the index.
    path: of the index.
    shard_bytes: size of each shard.

  Raises:
    DamagedStore: a clip does not.

  Example:
    >>> place = {"byte_offset": np.array([8]), "num_samples": np.array([4]), "shard": np.array([0])}
    >>> require_plausible(ClipColumns(place, iter), "index.arrow", [10])
    Traceback (most recent call last):
    contrastive_audio.store.manifest.DamagedStore: damaged store: index.arrow is not what was ...
  """
  first_byte, num_samples = columns.numbers["byte_offset"], columns.numbers["num_samples"]
  shard, sizes = columns.numbers["shard"], np.array(shard_bytes, np.int64)
  inside = (shard >= 0) & (shard < len(sizes)) & (first_byte >= 0) & (num_samples > 0)
  if inside.all():
    inside = first_byte + 2 * num_samples <= sizes[shard]
  if not inside.all():
    raise DamagedStore(f"{path} is not what was written")


def _are_coarse(l2: np.ndarray, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
  """Whether the level of all samples but the loudest is a few steps of the PCM."""
  gain, peak = numbers["gain"], numbers["peak"].astype(np.float64)
  others = np.maximum(l2.astype(np.float64) ** 2 - peak**2, 0)
  level = np.sqrt(others / np.maximum(numbers["num_samples"], 1))
  return (gain >= _COARSE_GAIN) & (level < _COARSE_STEPS * gain)


def join(
  parts: Sequence[ClipColumns], num_shards: Sequence[int], of_one_data_set: bool = False
) -> ClipColumns:
  """Returns the rows of several stores; shards, recordings and data sets are numbered through.

  Args:
    parts: of each store.
    num_shards: of each store.
    of_one_data_set: whether equal names of groups mean the same group in all of them.

  Example:
    >>> part = ClipColumns({"shard": np.array([0, 1])}, read_text=lambda name: iter([]))
    >>> join([part, part], num_shards=[2, 2]).numbers["shard"].tolist()
    [0, 1, 2, 3]
  """
  numbers = {
    name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers
  }
  clips = [len(part.numbers["shard"]) for part in parts]
  first_shards = np.cumsum([0, *num_shards[:-1]])
  numbers["shard"] = numbers["shard"] + np.repeat(first_shards, clips)
  numbered_through = {_RECORDING} if of_one_data_set else {_RECORDING, _DATA_SET}
  for name in numbered_through & numbers.keys():
    counts = [int(part.numbers[name].max(initial=-1)) + 1 for part in parts]
    numbers[name] = numbers[name] + np.repeat(np.cumsum([0, *counts[:-1]]), clips)

  def read_text(name: str) -> Iterator[pa.Array]:
    return (array for part in parts for array in part.parts(name))

  return ClipColumns(
    numbers, read_text, lambda: np.concatenate([part.checksums() for part in parts])
  )


def _read(
  path: str, checksum: str | None, names: Sequence[str], convert: Callable[[pa.Array], Any]
) -> Iterator[dict[str, Any]]:
  """Yields some columns of each record batch of an index, converted so that they stand alone."""
  fields = [INDEX_SCHEMA.get_field_index(name) for name in names]
  try:
    if checksum is not None and checksums.of_file(path) != checksum:
      raise DamagedStore(f"{path} is not what was written")
    with pa.OSFile(path) as file:
      reader = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields))
      for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        if checksum is None:
          batch.validate(full=True)
        yield {name: convert(batch[name]) for name in names}
  except (pa.ArrowException, KeyError) as error:
    raise DamagedStore(f"{path} is not what was written") from error
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise DamagedStore(f"{path} cannot be read: {reason}") from error


def _copy(column: pa.Array) -> pa.Array:
  """Returns a copy that does not hold the memory of the whole record batch."""
  return pa.concat_arrays([column, column[:0]])


def _dtype(name: str) -> type:
  return INDEX_SCHEMA.field(name).type.to_pandas_dtype()
