"""Reads PyTorch state dicts of mix-back's encoders and puts them into the same Keras networks.

The layers of the encoders in contrastive_audio.networks.encoders have the names of the published
state dicts, with _ for each dot. Here arrays change their layout, from PyTorch's to Keras'.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.errors import UserError
from contrastive_audio.utils.extras import install_hint

if TYPE_CHECKING:  # reading and recognising a file needs no TensorFlow
  import keras

# How the names of a layer begin that only this network has -> the network.
_FIRST_NAMES = {"layer4.0.conv1": "resnet18", "dense1": "vgg_like", "rnn1": "crnn"}
_GRU_SUFFIXES = {"forward": "", "backward": "_reverse"}
_CLASSIFIERS = ("fc.", "dense.", "dense_out.")
_NORMALISATION_ARRAYS = ("weight", "bias", "running_mean", "running_var")


def read_state_dict(path: str) -> dict[str, np.ndarray]:
  """Reads a PyTorch checkpoint; nothing in the file is executed.

  Args:
    path: the file.

  Returns:
    Name -> array, without the prefix "module." of DataParallel.

  Raises:
    UserError: PyTorch is missing, or the file is not a state dict.

  Example:
    >>> read_state_dict("missing.pth")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: cannot read 'missing.pth': No such file or directory
  """
  try:
    import torch
  except ImportError as error:
    hint = install_hint("torch")
    raise UserError(f"reading a PyTorch file needs PyTorch: {hint}") from error
  try:
    _require_whole(path)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # of formats that PyTorch no longer writes
      state = torch.load(path, map_location="cpu", weights_only=True)
  except OSError as error:
    raise UserError(f"cannot read {path!r}: {error.strerror or error}") from error
  except Exception as error:  # damage shows itself in any way
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UserError(f"{path!r} is not a PyTorch state dict of plain tensors: {reason}") from error
  if not isinstance(state, Mapping):
    raise UserError(f"{path!r} holds {type(state).__name__}, not a dictionary of tensors")
  return {
    str(name).removeprefix("module."): _array(value, name, path) for name, value in state.items()
  }


def _require_whole(path: str) -> None:
  """Raises an error unless a zip file has the checksums it states: PyTorch does not look at them.

  Raises:
    ValueError: it has not.
  """
  if not zipfile.is_zipfile(path):  # what PyTorch wrote before 1.6 has none
    return
  with zipfile.ZipFile(path) as archive:
    if (damaged := archive.testzip()) is not None:
      raise ValueError(f"its part {damaged} is damaged")


def _array(value: object, name: object, path: str) -> np.ndarray:
  """Returns a tensor of any device and type as float32.

  Raises:
    UserError: it is none, it has no name, or it holds what is no number.
  """
  import torch

  if not isinstance(name, str) or not isinstance(value, torch.Tensor):
    raise UserError(
      f"{path!r} is not a state dict of names and tensors: it holds {type(value).__name__} under "
      f"{name!r}; save model.state_dict() alone"
    )
  try:
    array = value.detach().to(device="cpu", dtype=torch.float32).numpy()
  except Exception as error:  # sparse, quantised, without data, too large
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UserError(f"{path!r}: {name} is not a plain tensor ({reason})") from error
  if not np.isfinite(array).all():
    raise UserError(f"{path!r}: {name} holds values that are not finite: the file is damaged")
  return array


def recognise(names: Iterable[str], path: str) -> str:
  """Recognises the network that a state dict belongs to.

  Args:
    names: the names of its arrays.
    path: of the file, for the error message.

  Returns:
    "resnet18", "vgg_like" or "crnn".

  Raises:
    UserError: it is none of them.

  Example:
    >>> recognise(["conv0.conv.weight", "dense1.weight"], "VGG_best.pth")
    'vgg_like'
  """
  names = list(names)
  for first_name, network in _FIRST_NAMES.items():
    if any(name.startswith(first_name) for name in names):
      return network
  raise UserError(
    f"{path!r} is none of {', '.join(_FIRST_NAMES.values())}: its first layers are "
    f"{', '.join(names[:3]) or 'missing'}"
  )


def assign(encoder: "keras.Model", arrays: Mapping[str, np.ndarray]) -> None:
  """Puts the arrays of a state dict into the encoder of the same network.

  Args:
    encoder: changed in place.
    arrays: from `read_state_dict`.

  Raises:
    UserError: a layer is missing, unknown or has another shape; the message names it.

  Example:
    >>> import keras
    >>> dense = keras.layers.Dense(2, name="dense1")
    >>> arrays = {"dense1.weight": np.array([[1, 2, 3], [4, 5, 6]]), "dense1.bias": np.zeros(2)}
    >>> assign(keras.Sequential([keras.Input([3]), dense]), arrays)
    >>> tuple(dense.kernel.shape)  # PyTorch's is its transpose
    (3, 2)
  """
  used_names: set[str] = set()

  def take(name):
    used_names.add(name)
    return np.asarray(arrays[name])

  for layer in encoder.layers:
    if layer.weights:
      layer.set_weights(_weights_of(layer, take))
  if unknown := sorted(filter(_has_a_layer_here, arrays.keys() - used_names)):
    raise UserError(f"the checkpoint has layers this {encoder.name} lacks: {unknown[0]}")


def _has_a_layer_here(name: str) -> bool:
  """Whether an array has to have a layer: classifiers, and the counters of BatchNorm, have none."""
  return not name.startswith(_CLASSIFIERS) and not name.endswith("num_batches_tracked")


def _weights_of(layer: "keras.Layer", take: Callable[[str], np.ndarray]) -> list[np.ndarray]:
  """Returns the weights of one layer, in the order, layout and shapes of Keras."""
  try:
    values = _converted(layer, take)
  except KeyError as error:
    raise UserError(
      f"the checkpoint lacks {error.args[0]!r}, which the layer {layer.name} needs"
    ) from error
  except ValueError as error:  # another number of axes, or gates that are not three
    raise UserError(
      f"layer {layer.name}: the arrays of the checkpoint have shapes of another network ({error})"
    ) from error
  for weight, value in zip(layer.weights, values, strict=True):
    if tuple(weight.shape) != value.shape:
      raise UserError(
        f"layer {layer.name}: the checkpoint has shape {value.shape}, the network needs "
        f"{tuple(weight.shape)} (both in Keras' order)"
      )
  return values


def _converted(layer: "keras.Layer", take: Callable[[str], np.ndarray]) -> list[np.ndarray]:
  kind, name = type(layer).__name__, layer.name.replace("_", ".")
  if kind == "Conv2D":
    return [take(f"{name}.weight").transpose(2, 3, 1, 0)]
  if kind == "BatchNormalization":
    return [take(f"{name}.{array}") for array in _NORMALISATION_ARRAYS]
  if kind == "Dense":
    return [take(f"{name}.weight").T, take(f"{name}.bias")]
  name, direction = name.split(".")
  return _gru_weights(lambda array: take(f"{name}.{array}_l0{_GRU_SUFFIXES[direction]}"))


def _gru_weights(take: Callable[[str], np.ndarray]) -> list[np.ndarray]:
  """PyTorch stacks the gates reset, update, new; Keras update, reset, new."""

  def gates(array):
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])

  biases = np.stack([gates(take("bias_ih")), gates(take("bias_hh"))])
  return [gates(take("weight_ih")).T, gates(take("weight_hh")).T, biases]
