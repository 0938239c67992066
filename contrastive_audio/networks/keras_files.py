"""Networks in .keras files, read with everything verified."""

import json
import os
import shutil
import zipfile

import keras

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.networks.plain_keras import require_plain_keras
from contrastive_audio.utils.files import replacing

_METADATA = "metadata.json"  # of an archive; it holds the date


def save_network(network: keras.Model, path: str | os.PathLike) -> None:
  """Writes a .keras file atomically; one that holds the same network stays as it is.

  Keras writes the date into it, and whoever knows a network by the digest of its file would take
  the same weights for others.

  Args:
    network: the network.
    path: of the file.

  Example:
    >>> network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    >>> save_network(network, "network.keras")
    >>> load_network("network.keras", "train again", rank=2).output_shape
    (None, 1)
  """
  with replacing(path) as unfinished:
    network.save(unfinished)
    if os.path.exists(path) and _hold_the_same(path, unfinished):
      shutil.copyfile(path, unfinished)


def _hold_the_same(path: str | os.PathLike, other: str | os.PathLike) -> bool:
  """Whether two archives differ in nothing but their dates; False if the first is damaged."""
  try:
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(other) as theirs:
      names = ours.namelist()
      versions = [json.loads(each.read(_METADATA))["keras_version"] for each in (ours, theirs)]
      return (
        names == theirs.namelist()
        and versions[0] == versions[1]
        and all(ours.read(name) == theirs.read(name) for name in names if name != _METADATA)
      )
  except Exception:  # damage shows itself in any way
    return False


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
