"""An ONNX model -> the same with quantised weights. Needs the extra [onnx]."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from contrastive_audio.exporting import quantising

_LAYERS = ("Conv", "MatMul", "Gemm")
_WEIGHTS = 1  # position among the inputs of these operators


def quantise(model: Any, kind: str, kept: Sequence[np.ndarray]) -> Any:
  """Quantises the weights of an ONNX model, and says so in its metadata.

  Args:
    model: an onnx.ModelProto, all in float32; it may be changed.
    kind: "float16" or "int8".
    kept: arrays that stay in float32.

  Returns:
    An onnx.ModelProto.

  Example:
    >>> import pytest
    >>> onnx = pytest.importorskip("onnx")
    >>> x, y = (onnx.helper.make_tensor_value_info(name, 1, [1, 64]) for name in "xy")
    >>> w = onnx.numpy_helper.from_array(np.ones([64, 64], np.float32), "w")
    >>> dense = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "dense")
    >>> model = onnx.helper.make_model(onnx.helper.make_graph([dense], "g", [x], [y], [w]))
    >>> half = quantise(model, "float16", kept=[])
    >>> len(half.SerializeToString()) < 1.1 * 2 * 64 * 64, half.metadata_props[0].value
    (True, 'float16')
  """
  layers = list(_layers(model, kept))
  model = _to_int8(model, layers) if kind == "int8" else _to_float16(model, layers)
  entry = model.metadata_props.add()
  entry.key, entry.value = quantising.KEY, kind
  return model


def _layers(model: Any, kept: Sequence[np.ndarray]) -> Iterator[Any]:
  """Yields the nodes whose weights are quantised."""
  import onnx

  constants = {constant.name: constant for constant in model.graph.initializer}
  for node in model.graph.node:
    if node.op_type in _LAYERS and (constant := constants.get(node.input[_WEIGHTS])):
      weights = onnx.numpy_helper.to_array(constant)
      if weights.dtype == np.float32 and quantising.is_quantised(weights, kept):
        yield node


def _to_float16(model: Any, layers: Sequence[Any]) -> Any:
  """Keeps weights as float16; a cast, which runtimes do once, makes float32 of them."""
  import onnx

  names = dict.fromkeys(node.input[_WEIGHTS] for node in layers)
  casts = []
  for constant in model.graph.initializer:
    if constant.name in names:
      name, half = constant.name, f"{constant.name}/float16"
      weights = onnx.numpy_helper.to_array(constant).astype(np.float16)
      constant.CopyFrom(onnx.numpy_helper.from_array(weights, half))
      casts.append(onnx.helper.make_node("Cast", [half], [name], half, to=onnx.TensorProto.FLOAT))
  for cast in reversed(casts):
    model.graph.node.insert(0, cast)
  return model


def _to_int8(model: Any, layers: Sequence[Any]) -> Any:
  import onnx
  from onnxruntime import quantization

  chosen = {node.name for node in layers}
  others = [n.name for n in model.graph.node if n.op_type in _LAYERS and n.name not in chosen]
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "int8.onnx")
    quantization.quantize_dynamic(
      model,
      path,
      op_types_to_quantize=list(_LAYERS),
      per_channel=True,
      weight_type=quantization.QuantType.QUInt8,  # the runtime multiplies these faster
      nodes_to_exclude=others,
    )
    return onnx.load(path)
