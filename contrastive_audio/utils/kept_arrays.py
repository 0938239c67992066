"""Arrays that are measured once and kept in a small file beside what they were measured of."""

import base64
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from contrastive_audio.errors import UserError
from contrastive_audio.utils import checksums

_DIGEST_LETTERS = 16  # in the name of a file; all of them are in it


def kept_arrays(
  folder: str, name: str, digest: str, measure: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
  """Returns what was measured before; measures it now where it was not, or where that is damaged.

  A folder that cannot be written to is no reason to fail: then it is measured each time.

  Args:
    folder: where the file is.
    name: how it begins.
    digest: of everything that the measurement depends on, hex.
    measure: returns name -> array; only called where nothing is kept.

  Example:
    >>> kept_arrays(".", "levels", "9f86d081", lambda: {"peak": np.array([0.5, 1.0])})
    {'peak': array([0.5, 1. ])}
    >>> kept_arrays(".", "levels", "9f86d081", measure=None)  # it is kept
    {'peak': array([0.5, 1. ])}
  """
  path = os.path.join(folder, f"{name}-{digest[:_DIGEST_LETTERS]}.json")
  with contextlib.suppress(OSError):
    content = checksums.read_sealed_json(path)
    if content is not None and content["digest"] == digest:
      return {each: _decoded(**array) for each, array in content["arrays"].items()}
  arrays = dict(measure())
  with contextlib.suppress(OSError, UserError):
    encoded = {each: _encoded(array) for each, array in arrays.items()}
    checksums.write_sealed_json(path, {"digest": digest, "arrays": encoded})
  return arrays


def _encoded(array: np.ndarray) -> dict[str, Any]:
  values = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
  return {"dtype": array.dtype.str, "shape": list(array.shape), "values": values}


def _decoded(dtype: str, shape: list[int], values: str) -> np.ndarray:
  return np.frombuffer(base64.b64decode(values), dtype).reshape(shape).copy()
