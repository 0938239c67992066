"""Networks in .keras files, read with everything verified."""

import os
import zipfile

import keras

from contrastive_audio.errors import UserError, reason_of


def load_network(path: str | os.PathLike, cure: str) -> keras.Model:
  """Loads a network without its optimiser.

  A .keras file is a zip archive, whose checksums Keras does not look at.

  Args:
    path: a .keras file.
    cure: what to do if it is damaged.

  Raises:
    UserError: it is damaged, or holds no network that this version of Keras can build.

  Example:
    >>> keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save("network.keras")
    >>> load_network("network.keras", "train again").output_shape
    (None, 1)
  """
  try:
    with zipfile.ZipFile(path) as archive:
      if (damaged := archive.testzip()) is not None:
        raise ValueError(f"its part {damaged} has changed")
    network = keras.saving.load_model(path, compile=False)
  except Exception as error:  # damage shows itself in any way
    raise UserError(f"{os.fspath(path)} cannot be read ({reason_of(error)}): {cure}") from error
  if not isinstance(network, keras.Model):
    raise UserError(f"{os.fspath(path)} holds no network, but a {type(network).__name__}: {cure}")
  return network
