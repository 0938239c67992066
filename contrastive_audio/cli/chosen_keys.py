"""--keys: a file that lists the keys of the clips to use."""

import collections

from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from contrastive_audio.utils.text_files import read_lines


def read_keys(path: str) -> set[str]:
  """Returns the keys that a file lists, one per line.

  Args:
    path: value of --keys.

  Raises:
    UserError: it cannot be read, or lists nothing.

  Example:
    >>> with open("keys", "w") as file:
    ...   _ = file.write("dog/1.wav\\n")
    >>> read_keys("keys")
    {'dog/1.wav'}
  """
  try:
    keys = set(filter(str.strip, read_lines(path)))
  except UserError as error:
    reason = str(error).removeprefix(f"cannot read {path!r}: ")
    raise UserError(f"cannot read --keys={path}: {reason}") from error
  if not keys:
    raise UserError(f"--keys={path}: the file lists no keys; without --keys, all clips are used")
  return keys


def ids_of_keys(store: Store, wanted: set[str], path: str | None) -> list[int]:
  """Returns the clips with the wanted keys, in the order of the store.

  Args:
    store: all clips.
    wanted: their keys.
    path: value of --keys, for messages.

  Raises:
    UserError: a key is no clip, or one of several data sets.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> ids_of_keys(store, {"bird/000.flac", "bell/000.flac"}, "keys")
    [0, 1]
  """
  keys = store.keys()
  if several := wanted & {key for key, count in collections.Counter(keys).items() if count > 1}:
    raise UserError(
      f"--keys={path}: {min(several)!r} is a clip of several data sets, and keys cannot say of "
      "which; put the data sets into one folder or CSV, in which keys differ"
    )
  if missing := wanted - set(keys):
    raise UserError(
      f"--keys={path}: {len(missing)} of {len(wanted)} keys are no clips of the data set, "
      f"{min(missing)!r} among them"
    )
  return [clip_id for clip_id, key in enumerate(keys) if key in wanted]
