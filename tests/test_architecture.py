"""The arrows of the design: who may import whom."""

import ast
import importlib
import pathlib
import re
import subprocess
import sys

import pytest

from tests.support import ROOT, environment

ALLOWED = {"audio": set(), "cola": {"audio"}, "mixback": {"audio"}, "downstream": {"audio"}}
FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imported_packages(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f"{path}: relative import"
      yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_imports_only_where_an_arrow_points(path):
  package = path.relative_to(ROOT).parts[0]
  forbidden = set(ALLOWED) - ALLOWED[package] - {package}
  assert not forbidden & set(imported_packages(path))


def test_the_arrows_are_checked_on_real_files():
  assert {ROOT / "audio" / "store.py", ROOT / "cola" / "train.py"} <= set(FILES)
  assert "audio" in set(imported_packages(ROOT / "cola" / "train.py"))


def test_flags_are_read_only_by_commands():
  readers = {path for path in FILES if "flags.FLAGS" in path.read_text()}
  commands = ["audio/export", "audio/prepare"]
  commands += ["cola/train", "mixback/train", "mixback/import_weights"]
  downstream = ["embed", "finetune", "knn", "linear", "neighbours", "tables", "tasks"]
  commands += [f"downstream/{name}" for name in downstream]
  assert readers == {ROOT / f"{name}.py" for name in commands}


def test_every_module_and_public_function_says_what_it_is():
  for path in FILES:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), path
    for node in tree.body:
      public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
      if public and node.name != "main":
        assert ast.get_docstring(node), f"{pathlib.Path(path).name}: {node.name}"


PACKAGES = ("audio", "audio.datasets", "cola", "mixback", "downstream")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_says_what_it_is_and_stands_in_the_help_of_its_package(package):
  package = importlib.import_module(package)
  assert len(set(package.__all__)) == len(package.__all__) >= 3
  for name in package.__all__:
    value = getattr(package, name)
    assert len((value.__doc__ or "").split()) > 1, name
    assert re.search(rf"\b{name}\b", package.__doc__), name
  with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute 'nothing'"):
    _ = package.nothing


IMPORTS = """
import sys
import cola, downstream, mixback
assert "tensorflow" not in sys.modules
import audio
ours = {name for name in sys.modules if name.split(".")[0] in ("audio", "cola", "downstream")}
assert ours == {"audio", "audio.errors", "audio.quiet", "cola", "downstream"}, ours
from audio import *
assert Run is audio.Run and reading.read
"""


def test_a_package_is_imported_without_its_modules_until_they_are_asked_for():
  done = subprocess.run(
    [sys.executable, "-c", IMPORTS], env=environment(), capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr
