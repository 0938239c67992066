"""A model with layers of ours opens wherever this package and Keras are imported."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from cola.config import Config
from tests.support import assert_close, environment

# Keras and our layers are stand-ins, so that the process needs no TensorFlow.
KERAS = """
import types
backend = types.SimpleNamespace(backend=lambda: {backend!r})
"""
IMPORTS = """
import importlib.util, sys
{first}
from contrastive_audio.utils import keras_objects
keras_objects._LAYERS = "layers"
assert importlib.util.find_spec("keras") is not None  # looked for, not imported
import keras
keras_objects.register_with_keras()
assert type(keras.__loader__).__name__ == "SourceFileLoader"
assert not any(isinstance(finder, keras_objects._KerasFinder) for finder in sys.meta_path)
print("layers" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import contrastive_audio", "import keras, contrastive_audio"])
@pytest.mark.parametrize(("backend", "registered"), [("tensorflow", "True"), ("torch", "False")])
@pytest.mark.parametrize("layers", ["x = 1", "raise ValueError('of no concern to Keras')"])
def test_layers_are_imported_once_keras_is_there(first, backend, registered, layers, tmp_path):
  (tmp_path / "keras").mkdir()
  (tmp_path / "keras" / "__init__.py").write_text(KERAS.format(backend=backend))
  (tmp_path / "layers.py").write_text(layers)
  done = subprocess.run(
    [sys.executable, "-c", IMPORTS.format(first=first)],
    cwd=tmp_path, env=environment(), capture_output=True, text=True,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert done.stdout.strip() == (registered if layers == "x = 1" else "False")


def test_a_model_of_front_end_and_encoder_is_saved_and_opened(tmp_path):
  front_end = Config().front_end()
  waves = keras.Input([front_end.num_samples])
  log_mels = keras.ops.expand_dims(front_end(waves), -1)
  model = keras.Model(waves, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(log_mels)))
  model.save(tmp_path / "mine.keras")
  again = keras.saving.load_model(tmp_path / "mine.keras")
  wave = np.random.default_rng(0).normal(0, 0.1, [1, front_end.num_samples]).astype("f")
  assert_close(again(wave), model(wave))
