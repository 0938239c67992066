"""A network from a file of others must be made of plain Keras, or of layers this process knows.

Keras itself refuses to run code from a .keras file. This refuses what has been a way around that
before, whatever the version of Keras, and names it before anything is built.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from contrastive_audio.errors import UserError

# Layers that hold code, or the path of a program to load.
_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")


def require_plain_keras(config: Any, path: str) -> None:
  """Refuses the description of a network that holds code, or layers that are not known here.

  Layers of others are known once the program has imported the module that registers them.

  Args:
    config: what config.json in a .keras file holds, or `serialize_keras_object` returned.
    path: of the file, for the message.

  Raises:
    UserError: what it holds.

  Example:
    >>> network = keras.Sequential([keras.Input([2]), keras.layers.Lambda(lambda x: x + 1)])
    >>> require_plain_keras(keras.saving.serialize_keras_object(network), "foreign.keras")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: foreign.keras holds code (Lambda), which is never run: ...
  """
  for item in _objects(config):
    kind, module = str(item["class_name"]), str(item.get("module") or "builtins")
    if kind in _CODE:
      raise UserError(
        f"{path} holds code ({kind}), which is never run: build the network of layers instead"
      )
    is_known = keras.saving.get_registered_object(str(item.get("registered_name") or kind))
    if module.split(".")[0] not in ("keras", "builtins") and not is_known:
      raise UserError(
        f"{path} holds {kind} of {module}, which is not known here: import the module that "
        "registers it first, if you trust it"
      )


def _objects(config: Any) -> Iterator[Mapping[str, Any]]:
  """Yields all descriptions of objects, however deep they stand."""
  if isinstance(config, Mapping):
    if "class_name" in config:
      yield config
    config = list(config.values())
  if isinstance(config, (list, tuple)):
    for part in config:
      yield from _objects(part)
