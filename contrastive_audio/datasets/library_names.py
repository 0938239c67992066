"""Which data sets tensorflow-datasets has: read from its source, without importing it.

Its own list takes TensorFlow, several seconds, and asks servers of Google for credentials.
"""

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Iterator

_BUILDER = re.compile(r"^class (\w+)\(", re.MULTILINE)
_PACKAGES = "datasets"  # folder of the builders that are packages: the others are classes in files
_NO_BUILDERS = ("core", "proto", "scripts", "stdout", "testing", _PACKAGES)


def is_in_library(name: str) -> bool:
  """Whether tensorflow-datasets has a builder of this name, or somebody has registered one with it.

  Args:
    name: `name[/config][:version]`.

  Example:
    >>> is_in_library("spoken_digit"), is_in_library("spoken_digits")
    (True, False)
  """
  plain = re.split("[/:]", name)[0]
  return plain in library_names() or plain in _registered()


@functools.cache
def library_names() -> frozenset[str]:
  """Returns the names of all builders of tensorflow-datasets, and of some classes beside them.

  Example:
    >>> "librispeech" in library_names(), "vctk" in library_names()
    (True, True)
  """
  spec = importlib.util.find_spec("tensorflow_datasets")
  if spec is None or spec.origin is None:
    return frozenset()
  root = os.path.dirname(spec.origin)
  packages = os.listdir(os.path.join(root, _PACKAGES))
  return frozenset(
    [name for name in packages if os.path.isfile(_module(root, name))] + list(_classes(root))
  )


def _module(root: str, name: str) -> str:
  return os.path.join(root, _PACKAGES, name, f"{name}_dataset_builder.py")


def _classes(root: str) -> Iterator[str]:
  for folder, subfolders, files in os.walk(root):
    if folder == root:
      subfolders[:] = [name for name in subfolders if name not in _NO_BUILDERS]
    for file in files:
      if file.endswith(".py") and not file.endswith("_test.py"):
        with open(os.path.join(folder, file), encoding="utf-8") as source:
          yield from map(_snake_case, _BUILDER.findall(source.read()))


def _snake_case(name: str) -> str:
  """Returns the name of a builder's class as the library writes it: CremaD -> crema_d."""
  name = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
  return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def _registered() -> list[str]:
  """Returns what was registered, if the library was imported at all."""
  library = sys.modules.get("tensorflow_datasets")
  return library.list_builders(with_community_datasets=False) if library else []
