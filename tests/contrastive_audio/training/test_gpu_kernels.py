"""All of a training step can run on a GPU; what cannot is moved to the processor without a word.

TensorFlow says which kernels it has, also where there is no GPU.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import kernels

from benchmarks.lib import systems
from contrastive_audio.views import stateless_random
from contrastive_audio.views.augmentation_config import AUGMENTATIONS

EXCERPT_SAMPLES = {"cola": 15_600, "mixback": 24_048}
SEED = tf.TensorSpec([2], tf.int32)


def kernels_of(operation):
  """What the types must be for each kernel of an operation that runs on a GPU."""
  for kernel in kernels.get_registered_kernels_for_op(operation).kernel:
    if kernel.device_type in ("GPU", "DEFAULT"):
      yield {rule.name: set(rule.allowed_values.list.type) for rule in kernel.constraint}


pytestmark = pytest.mark.skipif(
  not list(kernels_of("MatMul")), reason="this TensorFlow was built without GPU kernels"
)


def without_kernel(graph):
  """Operations of a graph and its loops that have no kernel on a GPU, with their types."""
  definition, missing = graph.as_graph_def(), set()
  for nodes in (definition.node, *(each.node_def for each in definition.library.function)):
    for node in nodes:
      types = {name: value.type for name, value in node.attr.items() if value.type}
      if not any(
        all(not allowed or types.get(name) in (None, *allowed) for name, allowed in rules.items())
        for rules in kernels_of(node.op)
      ):
        names = sorted(types_pb2.DataType.Name(number) for number in types.values())
        missing.add((node.op, *names))
  return missing


def graph_of(function, *inputs):
  return tf.function(function, autograph=False).get_concrete_function(*inputs).graph


def test_operations_without_kernels_are_seen():
  spec = tf.TensorSpec([3, 4], tf.int32)
  found = without_kernel(graph_of(lambda x: tf.argmax(x, axis=1), spec))
  assert found == {("ArgMax", "DT_INT32", "DT_INT32", "DT_INT64")}
  looped = graph_of(lambda x: tf.map_fn(lambda row: tf.argmax(row), x, tf.int64), spec)
  assert found == without_kernel(looped)


@pytest.mark.parametrize("microbatch", [0, 2])
@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_a_whole_step_with_all_views_has_a_kernel_for_everything(system, microbatch):
  config = systems.recipe_config(
    system, "paper", encoder="frame_cnn", augment=",".join(AUGMENTATIONS), batch_size=4, steps=2
  )
  config = dataclasses.replace(config, microbatch=microbatch)
  model = systems.model_builder(system)(config)
  model.optimizer.build(model.trainable_variables)
  excerpts = tf.TensorSpec([4, 2, EXCERPT_SAMPLES[system]], tf.float32)
  assert without_kernel(graph_of(model.train_step, excerpts)) == set()


DRAWS = {
  "uniform": lambda seed: stateless_random.uniform([3], seed),
  "integers": lambda seed: stateless_random.integers([3], seed, 0, 5),
  "below": lambda seed: stateless_random.below(np.array([3, 4], np.int32), seed),
  "normal": lambda seed: stateless_random.normal([3], seed),
  "split": lambda seed: stateless_random.split(seed, 2),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_have_kernels_for_everything(draw):
  assert without_kernel(graph_of(draw, SEED)) == set()
