"""Keras can load models with layers of ours wherever the package is imported, in either order."""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

_LAYERS = "contrastive_audio.frontend.front_end"  # importing it registers all of them


def register_with_keras() -> None:
  """Registers the layers of this package with Keras: now, or once Keras is imported.

  Importing Keras takes seconds and belongs to whoever needs it, so this does not.

  Example:
    >>> import keras
    >>> register_with_keras()
    >>> keras.saving.get_registered_object("audio>LogMelWindows").__name__
    'FrontEnd'
  """
  if "keras" in sys.modules:
    _import_layers(sys.modules["keras"])
  elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _KerasFinder())


def _import_layers(keras: types.ModuleType) -> None:
  backend = getattr(keras, "backend", None)  # None: another import of it has only begun
  if backend is not None and backend.backend() == "tensorflow":  # elsewhere they are of no use
    with contextlib.suppress(Exception):  # whatever is wrong, whoever needs them will hear of it
      importlib.import_module(_LAYERS)


class _KerasFinder(importlib.abc.MetaPathFinder):
  """Finds Keras as the other finders do, and lets our layers be imported after it."""

  def find_spec(
    self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
  ) -> importlib.machinery.ModuleSpec | None:
    if name != "keras":
      return None
    others = [finder for finder in sys.meta_path if not isinstance(finder, _KerasFinder)]
    specs = (finder.find_spec(name, path, target) for finder in others)
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is not None and spec.loader is not None:
      spec.loader = _KerasLoader(spec.loader)
    return spec


class _KerasLoader(importlib.abc.Loader):
  """Loads Keras as its own loader does, then our layers."""

  def __init__(self, loader: importlib.abc.Loader):
    self._loader = loader

  def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
    return self._loader.create_module(spec)

  def exec_module(self, module: types.ModuleType) -> None:
    module.__loader__ = self._loader
    if module.__spec__ is not None:
      module.__spec__.loader = self._loader
    self._loader.exec_module(module)
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _KerasFinder)]
    _import_layers(module)
