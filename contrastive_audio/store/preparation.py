"""A data set -> its store, decoded once: on all cores, by several processes or several machines.

Clips are decoded in chunks of a fixed number (chunks.py). A call after a killed one continues with
the next unfinished chunk, behind its last complete shard; a chunk whose files are damaged counts as
unfinished. `index.merge` completes the store. `python -m contrastive_audio.prepare` shares the
chunks among workers, beam.py hands them to Apache Beam; the bytes of the store are the same.
"""

import contextlib
import os
import re
from collections.abc import Iterable

import tqdm

from contrastive_audio.datasets import ClipSource
from contrastive_audio.errors import UserError
from contrastive_audio.store import chunk_writer, chunks, index, left_out
from contrastive_audio.store.decoding import MEMORY_MB, Memory
from contrastive_audio.store.disk_format import DAMAGED, SKIPPED, VERSION
from contrastive_audio.store.exclusive import clear_disk_errors, exclusive
from contrastive_audio.store.manifest import DamagedStore, NoStore
from contrastive_audio.store.pieces import pieces_of_stretches
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar, quiet
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder


def prepare(
  source: ClipSource,
  sample_rate_hz: int,
  store_dir: str | None = None,
  max_bad_fraction: float = 0.05,
  num_threads: int | None = None,
  memory_mb: int = MEMORY_MB,
) -> Store:
  """Decodes a data set into its store, or opens the store if it exists and the source is unchanged.

  It may be killed at any time; the next call continues. Several processes may call it at once: one
  works, the others wait. What is damaged is made again. A whole store is opened without a lock, so
  that it may be another user's.

  Args:
    source: the data set.
    sample_rate_hz: rate at which the clips are stored.
    store_dir: folder of all stores; None: in the user's cache.
    max_bad_fraction: largest share of clips that may be unusable.
    num_threads: number of decoding threads; None: one per core.
    memory_mb: memory for decoding, in MB.

  Returns:
    The opened store.

  Raises:
    UserError: too many unusable clips, no usable clip, no disk space, no permission.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> store = prepare(open_synthetic(clips_per_class=2), sample_rate_hz=16_000)
    >>> store.num_clips, store.labels([0])
    (20, ['bell'])
  """
  plan = Plan(source, sample_rate_hz, store_dir, max_bad_fraction, memory_mb)
  if plan.find() is None:
    with clear_disk_errors(plan.folder), exclusive(plan.folder):
      if plan.find(report_damage=True) is None:
        plan.decode(range(plan.num_chunks), num_threads)
        plan.merge()
  return plan.open()


class Plan:
  """The store that a data set will have, and the steps that build it.

  Args:
    source: the data set.
    sample_rate_hz: rate at which the clips are stored.
    store_dir: folder of all stores; None: in the user's cache.
    max_bad_fraction: largest share of clips that may be unusable.
    memory_mb: memory for decoding, in MB.

  Attributes:
    source: the data set.
    sample_rate_hz: rate at which the clips are stored.
    folder: of the store; its name changes whenever the data set does.
    max_bad_fraction: largest share of clips that may be unusable.
    memory: for decoding.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> plan = Plan(open_synthetic(clips_per_class=1), 16_000, store_dir="stores")
    >>> plan.unfinished_chunks()
    [0]
    >>> plan.decode(plan.unfinished_chunks())
    >>> plan.merge()
    >>> plan.open().num_clips
    10
  """

  def __init__(
    self,
    source: ClipSource,
    sample_rate_hz: int,
    store_dir: str | None = None,
    max_bad_fraction: float = 0.05,
    memory_mb: int = MEMORY_MB,
  ):
    store_dir = store_dir or os.path.join(cache_folder(), "stores")
    make_folder(store_dir)
    self.source, self.sample_rate_hz = source, sample_rate_hz
    self.max_bad_fraction = max_bad_fraction
    self.memory = Memory(memory_mb)
    self._store: Store | None = None
    self._fingerprint = source.fingerprint()
    name = _folder_name(source.name, sample_rate_hz, self._fingerprint)
    self.folder = os.path.join(store_dir, name)

  @property
  def num_chunks(self) -> int:
    """Number of chunks of the data set."""
    return chunks.count(self.source.num_clips)

  def unfinished_chunks(self) -> list[int]:
    """Returns the numbers of the chunks that are not finished."""
    numbers = range(self.num_chunks)
    return [number for number in numbers if chunks.read_finished(self.folder, number) is None]

  def share(self, worker: int, num_workers: int) -> range:
    """Returns the numbers of the chunks that one of `num_workers` workers decodes."""
    return range(worker, self.num_chunks, num_workers)

  def decode(self, numbers: Iterable[int], num_threads: int | None = None) -> None:
    """Writes those of the given chunks that are not finished.

    Args:
      numbers: of the chunks.
      num_threads: number of decoding threads; None: one per core.

    Raises:
      UserError: as soon as too many clips are unusable.
    """
    make_folder(self.folder)
    ranges = {number: chunks.clip_range(number, self.source.num_clips) for number in numbers}
    num_clips, num_bad = sum(stop - start for start, stop in ranges.values()), 0
    with (
      quiet.native_stderr(os.path.join(self.folder, "decoder_messages.log")) as terminal,
      progress_bar.make(num_clips, "decoding", "clip", terminal) as progress,
      contextlib.ExitStack() as at_the_end,
    ):
      at_the_end.callback(left_out.write_skipped, self.folder)
      for number, (start, stop) in ranges.items():
        chunk = chunks.read_finished(self.folder, number)
        if chunk is None:
          chunk = self.write_chunk(number, num_threads, progress)
        else:
          progress.update(stop - start)
        num_bad += len(chunk.skipped)
        if self._are_many(num_bad):
          left_out.write_skipped(self.folder)  # the error reads it
        self._require_few_bad(num_bad)

  def write_chunk(
    self, number: int, num_threads: int | None = None, progress: tqdm.tqdm | None = None
  ) -> chunks.Chunk:
    """Decodes and writes one chunk; see chunk_writer.write."""
    return chunk_writer.write(
      source=self.source,
      folder=self.folder,
      number=number,
      sample_rate_hz=self.sample_rate_hz,
      num_threads=num_threads or os.cpu_count() or 1,
      memory=self.memory,
      progress=progress,
    )

  def merge(self) -> None:
    """Completes the store, once all chunks are finished."""
    index.merge(
      source=self.source,
      folder=self.folder,
      sample_rate_hz=self.sample_rate_hz,
      fingerprint=self._fingerprint,
    )

  def find(self, report_damage: bool = False) -> Store | None:
    """Returns the store if it is complete and undamaged.

    Args:
      report_damage: print what is damaged.
    """
    try:
      store = Store(self.folder)
      _require_unmarked(self.folder)
      self._store = store
      return store
    except NoStore:
      return None
    except DamagedStore as error:
      if report_damage:
        print(f"damaged: {error.what}; it is made again", flush=True)
      return None

  def open(self) -> Store:
    """Opens the complete store, or of its clips what the source uses.

    Raises:
      UserError: too many unusable clips, or no usable one.
    """
    store = self._store or Store(self.folder)
    self._require_few_bad(store.num_skipped)
    if store.num_clips and self.source.stretches is not None:
      store = store.cut(pieces_of_stretches(store, self.source.stretches))
    if not store.num_clips:
      skipped = left_out.read(self.folder, SKIPPED)
      reason = f"see {os.path.join(self.folder, SKIPPED)}"
      if len(skipped) == 1:
        reason = ": ".join(skipped[0])
      raise UserError(f"no clip can be used ({self.source.summary}): {reason}")
    return store

  def _are_many(self, num_bad: int) -> bool:
    return num_bad > self.max_bad_fraction * self.source.num_clips

  def _require_few_bad(self, num_bad: int) -> None:
    if self._are_many(num_bad):
      unread = left_out.count_unread(self.folder)
      cure = f"; the disk would not read {unread} of them: once it does, delete {self.folder}"
      raise UserError(
        f"{num_bad} of {self.source.num_clips} clips could not be used, more than "
        f"--max_bad_fraction={self.max_bad_fraction:g} allows; the reasons are in "
        f"{os.path.join(self.folder, SKIPPED)}{cure if unread else ''}"
      )


def decode_share(plan: Plan, worker: int, num_workers: int) -> None:
  """Writes the chunks of one worker; several workers may write to the same folder at once.

  Args:
    plan: of the store.
    worker: number of this worker, from 0.
    num_workers: number of all workers.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> plan = Plan(open_synthetic(clips_per_class=1), 16_000, store_dir="stores")
    >>> for worker in range(2):  # usually in two processes, or on two machines
    ...   decode_share(plan, worker, num_workers=2)
    >>> merge_shares(plan, num_workers=2).num_clips
    10
  """
  with (
    clear_disk_errors(plan.folder),
    exclusive(f"{plan.folder}.worker-{worker}-of-{num_workers}"),
  ):
    plan.decode(plan.share(worker, num_workers))


def merge_shares(plan: Plan, num_workers: int) -> Store:
  """Completes a store whose chunks were written by workers.

  Args:
    plan: of the store.
    num_workers: number of workers.

  Returns:
    The opened store.

  Raises:
    UserError: some chunks are missing.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> merge_shares(Plan(open_synthetic(clips_per_class=1), 16_000, store_dir="."), num_workers=4)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 1 of 1 chunks are not ... yet: run the workers 0 of 4 ...
  """
  with clear_disk_errors(plan.folder), exclusive(plan.folder):
    if plan.find(report_damage=True) is None:
      if missing := plan.unfinished_chunks():
        workers = ", ".join(map(str, sorted({number % num_workers for number in missing})))
        raise UserError(
          f"{len(missing)} of {plan.num_chunks} chunks are not in {plan.folder!r} yet: run the "
          f"workers {workers} of {num_workers} again, they continue where they stopped (or copy "
          "their chunk-* and shard-* files there, if they ran on other disks)"
        )
      plan.merge()
  return plan.open()


def _folder_name(name: str, sample_rate_hz: int, fingerprint: str) -> str:
  readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[-40:]
  return f"{readable}-{sample_rate_hz}hz-v{VERSION}-{fingerprint[:16]}"


def _require_unmarked(folder: str) -> None:
  """Raises a DamagedStore if a reader has found one of the shards damaged."""
  for name in sorted(os.listdir(folder)):
    if name.endswith(DAMAGED):
      raise DamagedStore(f"{os.path.join(folder, name.removesuffix(DAMAGED))} was found damaged")
