"""The versions that results depend on."""

import platform

import keras
import numpy as np
import tensorflow as tf


def versions() -> dict[str, str]:
  """Returns the versions that results depend on.

  Example:
    >>> sorted(versions())
    ['keras', 'numpy', 'python', 'tensorflow']
  """
  return {
    "python": platform.python_version(),
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "numpy": np.__version__,
  }
