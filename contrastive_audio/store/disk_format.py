"""The format of a store on disk: names of files, columns, blocks, quantisation.

Version 2, of contrastive_audio 0.1, had no checksums. Its stores still open, unverified.
"""

import numpy as np
import pyarrow as pa
import xxhash

VERSION, UNVERIFIED_VERSION = 3, 2
MANIFEST, INDEX = "store.json", "index.arrow"
SKIPPED, MISSING = "skipped.csv", "missing.csv"
DAMAGED = ".damaged"  # ends the name of an empty file beside a shard that has to be made again
BLOCK_BYTES = 1 << 15  # of a shard, from its first byte on; each block has a checksum

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
# The PCM comes last: the bytes of a record batch end with it, and so its position is known.
SHARD_SCHEMA = pa.schema([*CLIP_FIELDS, pa.field("pcm", pa.large_list(pa.int16()))])
INDEX_SCHEMA = pa.schema(
  [
    *CLIP_FIELDS,
    pa.field("num_samples", pa.int64()),
    pa.field("shard", pa.int32()),
    pa.field("byte_offset", pa.int64()),  # of the clip's PCM in its shard file
  ]
)


def block_checksum(content: bytes | memoryview) -> int:
  """Returns the checksum of a block, 32 bits of XXH3.

  Args:
    content: of the block.

  Example:
    >>> block_checksum(b"") == 0x38D394C2
    True
  """
  return xxhash.xxh3_64_intdigest(content) & 0xFFFFFFFF


def gain_of(lowest: float, highest: float) -> float:
  """Returns the smallest power of two at which 16 bits hold a wave without clipping it.

  Args:
    lowest: the smallest sample of the wave.
    highest: the largest.

  Example:
    >>> gain_of(-1.0, 0.5) == 2**-15
    True
  """
  peak = max(abs(lowest), abs(highest))
  if peak == 0:
    return 2.0**-15
  # The smallest power of two with peak / gain <= 2^15, kept within float32's normal numbers.
  gain = 2.0 ** max(float(np.ceil(np.log2(peak))) - 15, -100)
  # The range of int16 is one larger below zero than above.
  return 2 * gain if np.rint(highest / gain) > 32767 else gain


def to_pcm(wave: np.ndarray, gain: float) -> np.ndarray:
  """Converts samples to 16-bit PCM.

  Args:
    wave: float32 `[n]`, finite.
    gain: what a step of the PCM stands for; see `gain_of`.

  Example:
    >>> to_pcm(np.array([0.5, -0.25], np.float32), 2**-15).tolist()
    [16384, -8192]
  """
  return np.rint(wave / gain).astype(np.int16)


def quantise(wave: np.ndarray) -> tuple[np.ndarray, float]:
  """Converts a wave to 16-bit PCM and the gain that restores it.

  Args:
    wave: float32 `[n]`, finite.

  Returns:
    (int16 `[n]`, gain): `pcm * gain` differs from `wave` by at most half a gain.

  Example:
    >>> pcm, gain = quantise(np.array([0.5, -0.25], np.float32))
    >>> pcm.tolist(), gain == 2**-15
    ([16384, -8192], True)
  """
  gain = gain_of(float(wave.min()), float(wave.max()))
  return to_pcm(wave, gain), gain
