"""Networks in .keras files, read with everything verified."""

import json
import os
import zipfile

import keras

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.networks.plain_keras import require_plain_keras


def load_network(path: str | os.PathLike, cure: str, rank: int) -> keras.Model:
  """Loads a network without its optimiser.

  A .keras file is a zip archive, whose checksums Keras does not look at.

  Args:
    path: a .keras file.
    cure: what to do if it is damaged.
    rank: number of axes of its input, the batch among them; it gives vectors.

  Raises:
    UserError: it is damaged, holds code, or holds no network that this version of Keras can build.

  Example:
    >>> keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save("network.keras")
    >>> load_network("network.keras", "train again", rank=2).output_shape
    (None, 1)
  """
  try:
    with zipfile.ZipFile(path) as archive:
      if (damaged := archive.testzip()) is not None:
        raise ValueError(f"its part {damaged} has changed")
      require_plain_keras(json.loads(archive.read("config.json")), os.fspath(path))
    network = keras.saving.load_model(path, compile=False)
  except UserError:
    raise
  except Exception as error:  # damage shows itself in any way
    raise UserError(f"{os.fspath(path)} cannot be read ({reason_of(error)}): {cure}") from error
  shapes = [getattr(network, name, None) for name in ("input_shape", "output_shape")]
  ranks = [len(shape) if isinstance(shape, tuple) else None for shape in shapes]
  if not isinstance(network, keras.Model) or ranks != [rank, 2]:
    raise UserError(
      f"{os.fspath(path)} holds another network, from {shapes[0]} to {shapes[1]}: {cure}"
    )
  return network
