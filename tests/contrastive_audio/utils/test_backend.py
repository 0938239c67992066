"""Keras has to run on TensorFlow; another backend is refused before anything else is imported."""

import subprocess
import sys

import keras
import pytest

from contrastive_audio.utils.backend import require_tensorflow_backend
from tests.support import ROOT, environment

MESSAGE = "Keras runs on the backend 'jax'; contrastive_audio needs 'tensorflow'"
ON_ANOTHER_BACKEND = """
import sys, types
keras = types.ModuleType("keras")
keras.backend = types.SimpleNamespace(backend=lambda: "jax")
sys.modules["keras"] = keras
import contrastive_audio.{package}
"""


def test_another_backend_is_refused(monkeypatch):
  monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
  with pytest.raises(ImportError, match=f"{MESSAGE}: .*KERAS_BACKEND=tensorflow"):
    require_tensorflow_backend()


@pytest.mark.parametrize("package", ["frontend", "networks"])
def test_packages_with_layers_check_the_backend_first(package):
  result = subprocess.run(
    [sys.executable, "-c", ON_ANOTHER_BACKEND.format(package=package)],
    cwd=ROOT,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert MESSAGE in result.stderr
