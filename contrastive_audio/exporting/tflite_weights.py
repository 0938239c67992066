"""A TFLite model -> the same with quantised weights.

The converter of TensorFlow can do that, too, but only with all constants of a model: see quantising
for why the front end must not be.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from contrastive_audio.exporting import quantising

_OPERATORS = schema.BuiltinOperator
# Operator -> (axis of the outputs of its weights, version that takes int8 weights by output).
_LAYERS = {
  _OPERATORS.CONV_2D: (0, 5),
  _OPERATORS.DEPTHWISE_CONV_2D: (3, 6),
  _OPERATORS.FULLY_CONNECTED: (0, 12),
}
_WEIGHTS = 1  # position among the inputs of these operators
_FLOAT16_VERSION = 3  # of DEQUANTIZE


def quantise(content: bytes, kind: str, kept: Sequence[np.ndarray]) -> bytes:
  """Quantises the weights of a TFLite model, and says so in its metadata.

  Args:
    content: of the file, all in float32.
    kind: "float16" or "int8".
    kept: arrays that stay in float32.

  Returns:
    The content of another file.

  Example:
    >>> import tensorflow as tf
    >>> dense = tf.function(lambda x: x @ tf.fill([64, 64], 0.5), [tf.TensorSpec([1, 64])])
    >>> dense = dense.get_concrete_function()
    >>> content = tf.lite.TFLiteConverter.from_concrete_functions([dense]).convert()
    >>> len(quantise(content, "int8", kept=[])) < len(quantise(content, "float16", kept=[]))
    True
  """
  model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
  apply = _Int8(model) if kind == "int8" else _Float16(model)
  for graph in model.subgraphs:
    weights: dict[int, int] = {}  # number of the tensor -> operator
    for operator in graph.operators:
      if (code := _code(model, operator)) in _LAYERS:
        weights[int(operator.inputs[_WEIGHTS])] = code
    for number, code in weights.items():
      array = apply.original(graph.tensors[number])
      if array is not None and quantising.is_quantised(array, kept):
        apply(graph, number, code, array)
  apply.clear()
  _note(model, kind)
  return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def metadata(content: bytes) -> dict[str, str]:
  """Returns what the metadata of a TFLite model says about its weights.

  Args:
    content: of the file.

  Example:
    >>> import tensorflow as tf
    >>> double = tf.function(lambda x: 2 * x, [tf.TensorSpec([1])]).get_concrete_function()
    >>> converter = tf.lite.TFLiteConverter.from_concrete_functions([double])
    >>> metadata(quantise(converter.convert(), "int8", kept=[]))
    {'quantise': 'int8'}
  """
  model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
  return dict(_notes(model))


def _notes(model: Any) -> Iterator[tuple[str, str]]:
  for entry in model.metadata or []:
    if entry.name == quantising.KEY.encode():
      yield quantising.KEY, bytes(model.buffers[entry.buffer].data).decode()


def _note(model: Any, kind: str) -> None:
  entry = schema.MetadataT()
  entry.name, entry.buffer = quantising.KEY, _add_buffer(model, kind.encode())
  model.metadata = [*(model.metadata or []), entry]


def _code(model: Any, operator: Any) -> int:
  code = model.operatorCodes[operator.opcodeIndex]
  return max(code.builtinCode, code.deprecatedBuiltinCode)


def _add_buffer(model: Any, data: bytes) -> int:
  buffer = schema.BufferT()
  buffer.data = np.frombuffer(data, np.uint8)
  model.buffers.append(buffer)
  return len(model.buffers) - 1


class _Weights:
  """Quantises tensors of a model; several of them may share a buffer."""

  def __init__(self, model: Any):
    self.model = model
    self._made: dict[int, tuple[int, Any]] = {}  # buffer -> (what replaces it, scales)

  def original(self, tensor: Any) -> np.ndarray | None:
    """Returns a constant float32 tensor; None: it is something else."""
    data = self.model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or not len(data):
      return None
    return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)

  def clear(self) -> None:
    """Empties the buffers that are no longer used."""
    used = {tensor.buffer for graph in self.model.subgraphs for tensor in graph.tensors}
    for number in self._made.keys() - used:
      self.model.buffers[number].data = None


class _Int8(_Weights):
  """The operators take int8 weights themselves."""

  def __call__(self, graph: Any, number: int, code: int, array: np.ndarray) -> None:
    axis, version = _LAYERS[code]
    tensor = graph.tensors[number]
    if tensor.buffer not in self._made:
      numbers, scales = quantising.to_int8(array, axis)
      self._made[tensor.buffer] = _add_buffer(self.model, numbers.tobytes()), scales
    tensor.buffer, scales = self._made[tensor.buffer]
    tensor.type = schema.TensorType.INT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = scales
    tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
    tensor.quantization.quantizedDimension = axis
    for operator in graph.operators:
      if _code(self.model, operator) == code and operator.inputs[_WEIGHTS] == number:
        of_operator = self.model.operatorCodes[operator.opcodeIndex]
        of_operator.version = max(version, of_operator.version)
        if code == _OPERATORS.FULLY_CONNECTED:
          operator.builtinOptions.asymmetricQuantizeInputs = True


class _Float16(_Weights):
  """An operator makes float32 weights of the float16 ones when the model is loaded."""

  def __call__(self, graph: Any, number: int, code: int, array: np.ndarray) -> None:
    tensor = graph.tensors[number]
    if tensor.buffer not in self._made:
      data = array.astype(np.float16).tobytes()
      self._made[tensor.buffer] = _add_buffer(self.model, data), None
    half = schema.TensorT()
    half.name, half.shape = bytes(tensor.name) + b"/float16", tensor.shape
    half.type, half.buffer = schema.TensorType.FLOAT16, self._made[tensor.buffer][0]
    graph.tensors.append(half)
    tensor.buffer = 0  # no constant: an operator computes it
    operator = schema.OperatorT()
    operator.opcodeIndex = self._dequantize()
    operator.inputs = np.array([len(graph.tensors) - 1], np.int32)
    operator.outputs = np.array([number], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    graph.operators.insert(0, operator)

  def _dequantize(self) -> int:
    """Returns the number of the operator that makes float32 of float16."""
    for number, code in enumerate(self.model.operatorCodes):
      if code.builtinCode == _OPERATORS.DEQUANTIZE:
        return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = _OPERATORS.DEQUANTIZE
    code.version = _FLOAT16_VERSION
    self.model.operatorCodes.append(code)
    return len(self.model.operatorCodes) - 1
