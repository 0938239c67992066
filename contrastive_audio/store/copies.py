"""Recordings that are copies of others, by the checksums of their samples; decodes nothing.

Clips that are constant, such as digital silence, are alike by nature, and no copies. Pieces of one
recording are no copies of each other.
"""

from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.store import chunks
from contrastive_audio.store.manifest import DamagedStore
from contrastive_audio.utils.files import read_json

if TYPE_CHECKING:
  from contrastive_audio.store.store import Store


def read_checksums(folder: str, num_chunks: int) -> np.ndarray:
  """Returns the checksum of the samples of each clip of a store, uint64 `[n]`.

  Args:
    folder: of the store.
    num_chunks: of the store.

  Returns:
    An empty array if some clips have none, as in stores of earlier versions.

  Raises:
    DamagedStore: a file of the store is not what was written.

  Example:
    >>> rows = chunks.Rows("chunk-00000.arrow", 0, "")
    >>> chunks.save(chunks.Chunk([], rows, [], pcm_checksums="00000000000000ff"), ".", 0)
    >>> read_checksums(".", num_chunks=1)
    array([255], dtype=uint64)
  """
  parts = [np.empty(0, np.uint64)]
  for number in range(num_chunks):
    path = chunks.path_of(folder, number)
    try:
      text = read_json(path).get("pcm_checksums", "")
      parts.append(np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64))
    except (OSError, ValueError, AttributeError, TypeError) as error:
      raise DamagedStore(f"{path} is not what was written") from error
    if not text:
      return parts[0]
  return np.concatenate(parts)


def number_sounds(recordings: np.ndarray, checksums: np.ndarray) -> np.ndarray:
  """Returns the number of the sound of each clip: that of the first recording with its samples.

  Args:
    recordings: int64 `[n]`, of each clip, the number of its recording.
    checksums: uint64 `[n]`, of the samples of its recording; 0: they are like no others.

  Example:
    >>> number_sounds(np.array([0, 1, 2, 3]), np.array([7, 0, 0, 7], np.uint64))
    array([0, 1, 2, 0])
  """
  sounds, known = recordings.copy(), checksums != 0
  _, first, inverse = np.unique(checksums[known], return_index=True, return_inverse=True)
  sounds[known] = recordings[known][first][inverse]
  return sounds


def find_copies(store: "Store") -> tuple[np.ndarray, np.ndarray]:
  """Returns the recordings that are copies of another one before them, and that one.

  Args:
    store: whose clips are compared.

  Returns:
    (int64 `[k]`, int64 `[k]`), each recording by the number of its first clip.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> find_copies(store), find_copies(store.join([store, store.select([3])]))
    ((array([], dtype=int64), array([], dtype=int64)), (array([10]), array([3])))
  """
  recordings, clips = np.unique(store.recordings, return_index=True)
  sounds = store.sounds()[clips]
  copied = sounds != recordings
  return clips[copied], clips[np.searchsorted(recordings, sounds[copied])]
