"""Encoders by name: networks of keras.applications, and those that functions of others build.

`keras:NAME` is a network of keras.applications for one channel, with random weights and without
the preprocessing of images. `module:function` is what a function makes of the number of mel bands.
"""

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable

import keras

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.networks.nesting import layers_of
from contrastive_audio.networks.plain_keras import require_plain_keras
from contrastive_audio.utils.backend import require_channels_last

layers = keras.layers


def named_encoder(
  name: str,
  num_mels: int,
  frames: int,
  pooling: str = "avg",
  batchnorm_momentum: float = 0.99,
) -> keras.Model:
  """Builds an encoder, and makes sure that it fits and can be saved.

  Args:
    name: "keras:NAME" or "module:function".
    num_mels: F.
    frames: T of an excerpt; the encoder may take others, too.
    pooling: "avg" or "max", over time and frequency of the last layer, of "keras:NAME" only.
    batchnorm_momentum: momentum of the moving averages, of "keras:NAME" only.

  Returns:
    The encoder, `[B, T, F, 1] -> [B, D]`, a functional model.

  Raises:
    UserError: there is no such network, module or function, or what it builds does not fit.

  Example:
    >>> encoder = named_encoder("keras:MobileNetV3Small", num_mels=64, frames=96)
    >>> encoder.input_shape, encoder.output_shape
    ((None, None, 64, 1), (None, 576))
    >>> named_encoder("keras:MobileNetV4", num_mels=64, frames=96)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: encoder=keras:MobileNetV4: keras.applications has no ...
  """
  require_channels_last()
  source, _, part = name.partition(":")
  if source == "keras":
    encoder = _of_keras(part, num_mels, pooling)
    for layer in layers_of(encoder):
      if isinstance(layer, layers.BatchNormalization):
        layer.momentum = batchnorm_momentum
  else:
    encoder = _call(name, _function_of(name), num_mels)
  return _fitting(name, encoder, num_mels, frames)


def _of_keras(name: str, num_mels: int, pooling: str) -> keras.Model:
  """Builds a network of keras.applications, without what prepares images for it."""
  known = [each for each in dir(keras.applications) if each[0].isupper()]
  if name not in known:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
    raise UserError(
      f"encoder=keras:{name}: keras.applications has no {name!r}; did you mean {' or '.join(near)}?"
    )
  build = getattr(keras.applications, name)
  log_mels = keras.Input([None, num_mels, 1], name="log_mel")
  options = {"include_preprocessing": False}
  if "include_preprocessing" not in inspect.signature(build).parameters:
    options = {}
  # EfficientNet, the first version, always begins by dividing by 255.
  divides = name.startswith("EfficientNetB")
  scaled = layers.Rescaling(255.0)(log_mels) if divides else log_mels
  shape = (None, num_mels, 1)
  try:
    network = build(
      include_top=False,
      weights=None,
      input_tensor=scaled,
      input_shape=shape,
      pooling=pooling,
      **options,
    )
  except ValueError as error:
    raise UserError(
      f"encoder=keras:{name} does not take {num_mels} mel bands ({reason_of(error)}): choose "
      "another network or --set=num_mels=N"
    ) from error
  return keras.Model(log_mels, network.output)


def _function_of(name: str) -> Callable[[int], keras.Model]:
  """Imports a function; modules in the working folder are found, too."""
  module_name, _, function_name = name.partition(":")
  if not {"", os.getcwd()} & set(sys.path):
    sys.path.append(os.getcwd())  # console commands begin with their own folder instead
  try:
    module = importlib.import_module(module_name)
  except Exception as error:  # whatever a module of others does
    raise UserError(
      f"encoder={name}: cannot import {module_name} ({reason_of(error)}): run the command in the "
      f"folder that holds {module_name.split('.')[0]}, or install it"
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    raise UserError(f"encoder={name}: {module_name} has no function {function_name!r}")
  return function


def _call(name: str, function: Callable[[int], keras.Model], num_mels: int) -> keras.Model:
  try:
    return function(num_mels)
  except Exception as error:
    kind = type(error).__name__
    raise UserError(
      f"encoder={name}: the call with num_mels={num_mels} fails ({kind}: {reason_of(error)})"
    ) from error


def _fitting(name: str, encoder: keras.Model, num_mels: int, frames: int) -> keras.Model:
  """Returns a model from one tensor to one, with a name of its own; refuses one that does not fit.

  The name matters: some are those of networks that other code treats in a way of their own.
  """
  ends: list[list] = [getattr(encoder, end, None) or [] for end in ("inputs", "outputs")]
  if not isinstance(encoder, keras.Model) or not all(ends):
    raise UserError(
      f"encoder={name} gives {type(encoder).__name__}, and no model whose layers are known: return "
      "keras.Model(inputs, outputs) or a keras.Sequential that begins with keras.Input"
    )
  (given, *more_inputs), (made, *more_outputs) = ends
  if more_inputs or len(given.shape) != 4 or not _takes(given.shape, (frames, num_mels, 1)):
    raise UserError(
      f"encoder={name} takes {_shapes(ends[0])}, and log-mels are (None, None, {num_mels}, 1): "
      "batch, frames, mel bands, one channel"
    )
  if more_outputs or len(made.shape) != 2 or made.shape[1] is None:
    raise UserError(
      f"encoder={name} gives {_shapes(ends[1])}, and an embedding is a vector, (None, D): end with "
      "keras.layers.GlobalAveragePooling2D(), say"
    )
  require_size(name, lambda: encoder, num_mels, frames)
  _require_no_losses(name, encoder, keras.ops.zeros([2, frames, num_mels, 1]))
  _require_saving(name, encoder)
  return keras.Model(given, made, name=name.replace(":", "_").replace(".", "_"))


def require_size(name: str, build: Callable[[], keras.Model], num_mels: int, frames: int) -> None:
  """Raises an error unless an encoder takes log-mels of a size.

  Args:
    name: of the encoder.
    build: returns it.
    num_mels: number of mel bands.
    frames: of an excerpt.

  Raises:
    UserError: it cannot be built, or called, for example because it pools too often.

  Example:
    >>> network = keras.Sequential([keras.Input([None, 8, 1]), keras.layers.MaxPooling2D(8)])
    >>> require_size("mine:build", lambda: network, num_mels=8, frames=6)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: encoder=mine:build does not take 6 frames of 8 mel ...
  """
  try:
    build().compute_output_spec(keras.KerasTensor([2, frames, num_mels, 1]))
  except UserError:
    raise
  except Exception as error:  # whatever layers raise
    raise UserError(
      f"encoder={name} does not take {frames} frames of {num_mels} mel bands ({reason_of(error)})"
    ) from error


def _takes(shape: tuple[int | None, ...], sizes: tuple[int, ...]) -> bool:
  return all(axis in (None, size) for axis, size in zip(shape[1:], sizes))


def _shapes(tensors: list[keras.KerasTensor]) -> str:
  return " and ".join(str(tuple(tensor.shape)) for tensor in tensors)


def _require_no_losses(name: str, encoder: keras.Model, log_mels: keras.KerasTensor) -> None:
  """Refuses a network with losses of its own: nothing would add them to that of the pairs."""
  values = [(variable, variable.value) for variable in encoder.variables]
  with keras.StatelessScope(values, collect_losses=True):  # the call changes no variable
    encoder(log_mels, training=True)
    owners = [layer for layer in [encoder, *layers_of(encoder)] if layer.losses]
  if owners:
    innermost = min(owners, key=lambda layer: len(layers_of(layer)))
    raise UserError(
      f"encoder={name}: its layer {innermost.name} has a loss of its own (a regularizer, or what "
      "add_loss adds), and training minimises the loss of the pairs alone: remove it; "
      "--set=weight_decay=1e-4 keeps weights small"
    )


def _require_saving(name: str, encoder: keras.Model) -> None:
  """Refuses a network whose file nobody could open."""
  try:
    require_plain_keras(keras.saving.serialize_keras_object(encoder), "it")
  except UserError as error:
    raise UserError(
      f"encoder={name} could not be opened from its file: {error} "
      "(with @keras.saving.register_keras_serializable())"
    ) from error
