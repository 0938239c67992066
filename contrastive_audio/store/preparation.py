"""Clips -> a store, decoded once: by all cores, by several processes, or by several machines.

Clips are taken in chunks of a fixed number (chunks.py); a call that was killed goes on at the next
chunk. `merging.merge` makes the store whole. `python -m contrastive_audio.prepare` shares the chunks among
workers, beam.py hands them to Apache Beam; the bytes of the store are the same.
"""

import contextlib
import os
import re

import filelock

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.store import chunks, index, left_out
from contrastive_audio.store.store import SKIPPED, VERSION, Store, read_manifest
from contrastive_audio.utils import progress_bar, quiet
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder


def prepare(source, sample_rate_hz, store_dir=None, max_bad_fraction=0.05, workers=None):
  """Makes the store of a data set, or opens it if it is there and the source has not changed.

  Safe to be killed (the next call goes on) and to be called by several processes at once (one
  works, the others wait).

  Args:
    source: a ClipSource.
    sample_rate_hz: rate at which the clips are stored.
    store_dir: folder of all stores; None: the user's cache.
    max_bad_fraction: largest share of clips that may be unusable.
    workers: threads that decode; None: one per core.

  Returns:
    A Store.

  Raises:
    UserError: too many bad clips, no usable clip, no space, no permission.
  """
  plan = Plan(source, sample_rate_hz, store_dir, max_bad_fraction)
  with _only_one(plan.folder), _clear_disk_errors(plan.folder):
    if read_manifest(plan.folder) is None:
      plan.decode(range(plan.num_chunks), workers)
      plan.merge()
  return plan.open()


class Plan:
  """The store of a data set, to be made.

  Attributes:
    source: a ClipSource.
    sample_rate_hz: rate at which the clips are stored.
    folder: where; its name changes whenever the data set does.
    max_bad_fraction: largest share of clips that may be unusable.
  """

  def __init__(self, source, sample_rate_hz, store_dir=None, max_bad_fraction=0.05):
    """Takes the arguments of `prepare`."""
    store_dir = store_dir or os.path.join(cache_folder(), "stores")
    make_folder(store_dir)
    self.source, self.sample_rate_hz = source, sample_rate_hz
    self.max_bad_fraction = max_bad_fraction
    self._fingerprint = source.fingerprint()
    name = _folder_name(source.name, sample_rate_hz, self._fingerprint)
    self.folder = os.path.join(store_dir, name)

  @property
  def num_chunks(self):
    """How many chunks there are to be."""
    return chunks.count(self.source.num_clips)

  def missing(self):
    """Returns the numbers of the chunks that are not finished."""
    everything = range(self.num_chunks)
    return [number for number in everything if chunks.finished(self.folder, number) is None]

  def share(self, worker, num_workers):
    """Returns the numbers of the chunks that are one worker's to make, of `num_workers`."""
    return range(worker, self.num_chunks, num_workers)

  def decode(self, numbers, workers=None):
    """Writes every given chunk that is not there yet.

    Args:
      numbers: of chunks.
      workers: threads that decode; None: one per core.

    Raises:
      UserError: as soon as there are too many bad clips.
    """
    make_folder(self.folder)
    spans = [chunks.clips_of(number, self.source.num_clips) for number in numbers]
    num_clips, num_bad = sum(stop - start for start, stop in spans), 0
    with (
      quiet.native_stderr(os.path.join(self.folder, "decoder_messages.log")) as terminal,
      progress_bar.make(num_clips, "decoding", "clip", terminal) as progress,
      contextlib.ExitStack() as at_the_end,
    ):
      at_the_end.callback(left_out.write_skipped, self.folder)
      for number, (start, stop) in zip(numbers, spans):
        chunk = chunks.finished(self.folder, number)
        if chunk is None:
          chunk = self.write(number, workers, progress)
        else:
          progress.update(stop - start)
        num_bad += len(chunk["skipped"])
        self._require_few_bad(num_bad)

  def write(self, number, workers=None, progress=None):
    """Writes one chunk, see chunks.write."""
    threads = workers or os.cpu_count()
    return chunks.write(self.source, self.folder, number, self.sample_rate_hz, threads, progress)

  def merge(self):
    """Makes the store whole, once all chunks are there."""
    left_out.write_skipped(self.folder)
    index.merge(self.source, self.folder, self.sample_rate_hz, self._fingerprint)

  def open(self):
    """Opens the finished store.

    Raises:
      UserError: too many bad clips, or none that is usable.
    """
    store = Store(self.folder)
    self._require_few_bad(store.num_skipped)
    if not store.num_clips:
      skipped = os.path.join(self.folder, SKIPPED)
      raise UserError(f"no usable clip in {self.source.summary}: see {skipped}")
    return store

  def _require_few_bad(self, num_bad):
    if num_bad > self.max_bad_fraction * self.source.num_clips:
      raise UserError(
        f"{num_bad} of {self.source.num_clips} clips could not be used, more than "
        f"--max_bad_fraction={self.max_bad_fraction:g} allows; the reasons are in "
        f"{os.path.join(self.folder, SKIPPED)}"
      )


def decode_share(plan, worker, num_workers):
  """Writes the chunks of one worker; several may run at once, anywhere, on the same folder.

  Args:
    plan: a Plan.
    worker: number of this one, from 0 on.
    num_workers: how many there are.
  """
  with (
    _only_one(f"{plan.folder}.worker-{worker}-of-{num_workers}"),
    _clear_disk_errors(plan.folder),
  ):
    plan.decode(plan.share(worker, num_workers))


def merge_shares(plan, num_workers):
  """Makes a store whole whose chunks workers have written.

  Args:
    plan: a Plan.
    num_workers: how many there were.

  Returns:
    The Store.

  Raises:
    UserError: some chunks are missing.
  """
  with _only_one(plan.folder), _clear_disk_errors(plan.folder):
    if read_manifest(plan.folder) is None:
      if missing := plan.missing():
        whose = ", ".join(map(str, sorted({number % num_workers for number in missing})))
        raise UserError(
          f"{len(missing)} of {plan.num_chunks} chunks are not in {plan.folder!r} yet: run the "
          f"workers {whose} of {num_workers} again, they go on where they stopped (or copy their "
          "chunk-* and shard-* files there, if they ran on other disks)"
        )
      plan.merge()
  return plan.open()


def _folder_name(name, sample_rate_hz, fingerprint):
  readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[-40:]
  return f"{readable}-{sample_rate_hz}hz-v{VERSION}-{fingerprint[:16]}"


@contextlib.contextmanager
def _only_one(folder):
  lock = filelock.FileLock(folder + ".lock")
  try:
    lock.acquire(timeout=0)
  except filelock.Timeout:
    print(f"waiting: another process is preparing {folder}", flush=True)
    lock.acquire()
  try:
    yield
  finally:
    lock.release()


@contextlib.contextmanager
def _clear_disk_errors(folder):
  try:
    yield
  except OSError as error:
    reason = disk_reason(error)
    if reason is None:
      raise
    raise UserError(
      f"cannot write the store {folder!r}: {reason}. Finished parts are kept: free some space and "
      "run the same command again, or choose another place with --store_dir"
    ) from error
