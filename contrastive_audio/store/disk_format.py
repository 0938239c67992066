"""The format of a store on disk: names of files, columns, quantisation, manifest."""

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

VERSION = 2
MANIFEST, INDEX = "store.json", "index.arrow"
SKIPPED, MISSING = "skipped.csv", "missing.csv"

CLIP_FIELDS = [
  pa.field("key", pa.string()),
  pa.field("label", pa.string()),
  pa.field("group", pa.string()),
  pa.field("gain", pa.float32()),
  pa.field("mean", pa.float32()),
  pa.field("peak", pa.float32()),
  pa.field("centred_peak", pa.float32()),  # largest absolute value once the mean is removed
  pa.field("l2", pa.float32()),
]
SHARD_SCHEMA = pa.schema([pa.field("pcm", pa.large_list(pa.int16())), *CLIP_FIELDS])
INDEX_SCHEMA = pa.schema(
  [
    *CLIP_FIELDS,
    pa.field("num_samples", pa.int64()),
    pa.field("shard", pa.int32()),
    pa.field("byte_offset", pa.int64()),  # of the clip's PCM in its shard file
  ]
)


def quantise(wave: np.ndarray) -> tuple[np.ndarray, float]:
  """Converts a wave to 16-bit PCM and the gain that restores it.

  The gain is the smallest power of two at which the wave is not clipped.

  Args:
    wave: float32 `[n]`, finite.

  Returns:
    (int16 `[n]`, gain): `pcm * gain` differs from `wave` by at most half a gain.

  Example:
    >>> pcm, gain = quantise(np.array([0.5, -0.25], np.float32))
    >>> pcm.tolist(), gain == 2**-15
    ([16384, -8192], True)
  """
  peak = float(np.abs(wave).max())
  if peak == 0:
    return np.zeros(len(wave), np.int16), 2.0**-15
  # The smallest power of two with peak / gain <= 2^15, kept within float32's normal numbers.
  gain = 2.0 ** max(float(np.ceil(np.log2(peak))) - 15, -100)
  if np.rint(wave.max() / gain) > 32767:  # the range of int16 is one larger below zero than above
    gain *= 2
  return np.rint(wave / gain).astype(np.int16), gain


def read_manifest(folder: str) -> dict[str, Any] | None:
  """Returns the content of store.json; None if the folder holds no complete store.

  Args:
    folder: of a store.

  Example:
    >>> read_manifest("no/such/folder") is None
    True
  """
  try:
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
      manifest = json.load(file)
  except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
    return None
  if manifest.get("version") != VERSION or not are_complete(folder, manifest["shards"]):
    return None
  return manifest


def are_complete(folder: str, shards: Iterable[tuple[str, int]]) -> bool:
  """Returns whether all shards exist and have their full size.

  Args:
    folder: of the store.
    shards: (file name, size in bytes) of each shard.

  Example:
    >>> np.zeros(5, np.int16).tofile("shard-00000-00.arrow")
    >>> are_complete(".", [("shard-00000-00.arrow", 10)])
    True
    >>> are_complete(".", [("shard-00000-00.arrow", 99)])
    False
  """
  try:
    return all(os.path.getsize(os.path.join(folder, name)) == size for name, size in shards)
  except OSError:
    return False
