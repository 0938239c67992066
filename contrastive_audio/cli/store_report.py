"""What commands print about a store: what it holds, what is odd about it, what it lacks."""

import os

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.stretches import recording_of
from contrastive_audio.store import left_out
from contrastive_audio.store.copies import find_copies
from contrastive_audio.store.disk_format import MISSING, SKIPPED
from contrastive_audio.store.store import Store
from contrastive_audio.utils.words import counted, duration


def print_store(store: Store) -> None:
  """Prints what a store holds, and what is odd about it.

  Args:
    store: the opened store.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> print_store(prepare(open_synthetic(clips_per_class=2), 16_000))
    store      20 clips, 43.3 s, in ...
  """
  folders = ", ".join(store.folders)
  line("store", f"{counted(store.num_clips, 'clip')}, {duration(store.hours)}, in {folders}")
  print_losses(store)
  if not store.is_verified:
    line("unverified", "of version 0.1, which wrote no checksums: damage would not be noticed")
  if store.num_silent:
    line("silent", f"{counted(store.num_silent, 'clip')} of nothing but zeros, kept")
  if store.num_coarse:
    text = f"{counted(store.num_coarse, 'clip')} with a single sample far beyond full scale"
    line("coarse", f"{text}, beside which 16 bits keep nothing: mend or leave out such files")
  print_copies(store)


def print_copies(store: Store) -> None:
  """Prints how many recordings of a store are copies of others under another name.

  Args:
    store: the opened store.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> print_copies(store)  # there are none
    >>> print_copies(Store.join([store, store.select([0, 1])]))
    copies     2 clips are copies of others (first: bell/000.flac = bell/000.flac)
  """
  copied, originals = find_copies(store)
  if not len(copied):
    return
  keys = store.keys([copied[0], originals[0]])
  name, original = map(recording_of, keys)
  count = counted(len(copied), "clip" if keys == [name, original] else "recording")
  if len(copied) == 1:
    line("copies", f"{count} is a copy of another ({name} = {original})")
  else:
    line("copies", f"{count} are copies of others (first: {name} = {original})")


def print_losses(store: Store) -> None:
  """Prints how many clips of a data set are not in its store, and where they are listed.

  Args:
    store: the opened store.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> print_losses(prepare(open_synthetic(clips_per_class=2), 16_000))  # nothing is lost
  """
  if store.num_skipped:
    line("skipped", f"{counted(store.num_skipped, 'unusable clip')}, see {_lists(store, SKIPPED)}")
  for folder in store.folders if store.num_skipped else []:
    if unread := left_out.count_unread(folder):
      text = (
        f"{counted(unread, 'clip')} that the disk would not read: once it does, delete {folder}"
      )
      line("unread", f"{text} and run the command again")
  if store.num_missing:
    listed = store.num_missing + store.num_skipped + store.num_clips
    text = f"{store.num_missing} of {listed} listed clips are not there"
    line("missing", f"{text}, see {_lists(store, MISSING)}")


def _lists(store: Store, name: str) -> str:
  paths = (os.path.join(folder, name) for folder in store.folders)
  return ", ".join(filter(os.path.exists, paths))
