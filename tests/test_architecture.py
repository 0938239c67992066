"""The shape of the house: floors, arrows, sizes, types, examples."""

import ast
import importlib
import re
import subprocess
import sys

import pytest

from tests.support import ROOT, environment

CORE = "contrastive_audio"
# Package -> packages of ours that it may import.
ALLOWED = {CORE: set(), "cola": {CORE}, "mixback": {CORE}, "downstream": {CORE}}
# Top to bottom; a folder or module imports only from floors below its own.
FLOORS = (
  ("prepare", "export", "presets"),
  ("cli",),
  ("training",),
  ("monitoring", "pretrained"),
  ("store", "exporting", "runs", "views"),
  ("datasets", "frontend", "networks"),
  ("utils", "sound", "configuration", "distributed"),
  ("errors",),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))
ALL_FILES = FILES + sorted(
  path
  for folder in ("benchmarks", "tests", "notebooks", "docs")
  for path in (ROOT / folder).rglob("*.py")
)
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_TOP_FILES = 300, 40, 8
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def tree_of(path):
  return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(path):
  """All modules that a file imports, wherever in it; those named in `import_module` strings too."""
  for node in ast.walk(tree_of(path)):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f"{path}: relative import"
      yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
      "import_module", "run_module", "__import__",
    ):  # fmt: skip
      yield ast.unparse(node.args[0]).strip("f'\"").split("{")[0].rstrip(".")


def part_of(module):
  """`contrastive_audio.store.chunks.write` -> `store`."""
  return module.split(".")[1] if "." in module else None


@each_file
def test_a_package_imports_only_where_an_arrow_points(path):
  package = path.relative_to(ROOT).parts[0]
  forbidden = set(ALLOWED) - ALLOWED[package] - {package}
  assert not forbidden & {module.split(".")[0] for module in imported_modules(path)}


@pytest.mark.parametrize(
  "path",
  [path for path in FILES if path.relative_to(ROOT).parts[0] == CORE],
  ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_core_imports_only_from_floors_below(path):
  own = path.relative_to(ROOT).parts[1].removesuffix(".py")
  if own == "__init__":
    return
  for module in imported_modules(path):
    if module.split(".")[0] == CORE and (part := part_of(module)) != own:
      if part in FLOOR_OF:
        assert FLOOR_OF[part] > FLOOR_OF[own], f"{own} imports {module}"
      else:
        assert module in (CORE, f"{CORE}.__version__"), module


def test_every_part_of_the_core_stands_on_a_floor():
  parts = {path.name.removesuffix(".py") for path in (ROOT / CORE).iterdir()}
  assert parts - {"__init__", "__init__.pyi", "__pycache__", "py.typed"} == set(FLOOR_OF)
  assert len([path for path in (ROOT / CORE).iterdir() if path.suffix == ".py"]) <= MAX_TOP_FILES


def test_the_arrows_are_checked_on_real_files():
  assert {ROOT / CORE / "store" / "store.py", ROOT / "cola" / "train.py"} <= set(FILES)
  assert f"{CORE}.cli.main.run_main" in set(imported_modules(ROOT / "cola" / "train.py"))
  assert f"{CORE}.datasets.corpora" in set(
    imported_modules(ROOT / CORE / "datasets/corpora/__init__.py")
  )


def test_no_file_and_no_function_is_too_long():
  for path in ALL_FILES:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MAX_FILE_LINES, path
    for node in ast.walk(ast.parse(source)):
      if isinstance(node, ast.FunctionDef):
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert lines <= MAX_FUNCTION_LINES, f"{path}: {node.name}"


COMMANDS = [
  *(f"{CORE}/{name}" for name in ("export", "prepare", "presets")),
  *("cola/train", "mixback/train", "mixback/import_weights"),
  *(
    f"downstream/{name}"
    for name in (
      *("detect", "embed", "finetune", "knn", "label", "linear", "neighbours", "tables", "tasks"),
      "worth",
    )
  ),
]


def test_only_commands_and_the_cli_know_flags():
  readers = {path for path in FILES if re.search(r"\babsl\b|\bFLAGS\b", path.read_text())}
  commands = {ROOT / f"{name}.py" for name in COMMANDS}
  others = {path for path in readers - commands if path.parent != ROOT / CORE / "cli"}
  # Flags that the evaluating commands share, and those of `downstream.tables`.
  allowed = {ROOT / "downstream" / name for name in ("flags.py", "table_flags.py")}
  assert others <= allowed | {ROOT / CORE / "datasets" / "tfds_features.py"}  # silences absl's log
  assert commands <= readers


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_flags_and_main_in_one_idiom(command):
  tree = tree_of(ROOT / f"{command}.py")
  functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
  assert {"main", "_define_flags", "run"} <= functions
  names = {
    target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
  }
  assert "EXAMPLES" in names
  assert ast.get_docstring(tree).startswith(f"python -m {command.replace('/', '.')}: ")


def public(body):
  kinds = (ast.FunctionDef, ast.ClassDef)
  return [node for node in body if isinstance(node, kinds) and not node.name.startswith("_")]


@each_file
def test_every_module_and_public_name_says_what_it_is(path):
  tree = tree_of(path)
  assert ast.get_docstring(tree), path
  for node in public(tree.body):
    if node.name != "main":
      assert ast.get_docstring(node), node.name


def is_builder(path):
  return "builders" in path.parts and path.name.endswith("_dataset_builder.py")


def modules_of(folder):
  """The public modules and packages in a package, without what TFDS asks of a builder's."""
  paths = [path for path in folder.iterdir() if path.suffix == ".py" and not is_builder(path)]
  paths += [path.parent for path in folder.glob("*/__init__.py")]
  return sorted(path.stem for path in paths if not path.name.startswith("_"))


@pytest.mark.parametrize(
  "folder",
  [
    path.parent
    for path in ALL_FILES
    if path.match("__init__.py") and ROOT / "tests" not in path.parents
  ],
  ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_docstring_of_a_package_lists_its_modules(folder):
  text = ast.get_docstring(tree_of(folder / "__init__.py"))
  for name in modules_of(folder):  # at the start of a line, or written as a name
    listed = rf"^ *(\w+, )*{name}\b|`{name}`|\b{name}(\.py|/)"
    assert re.search(listed, text, re.MULTILINE), name


def test_the_listing_is_checked_on_real_modules():
  assert {"annotations", "folder", "tfds"} <= set(modules_of(ROOT / CORE / "datasets"))


@each_file
def test_every_public_function_and_class_has_an_example(path):
  commands = ("main", "run")
  for node in public(tree_of(path).body):
    if node.name not in commands and not is_builder(path):
      assert ">>> " in (ast.get_docstring(node) or ""), node.name


def arguments_of(function):
  arguments = function.args
  every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
  every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
  return [argument for argument in every if argument.arg not in ("self", "cls")]


@each_file
def test_every_public_function_and_method_is_typed(path):
  for node in public(tree_of(path).body):
    methods = public(node.body) if isinstance(node, ast.ClassDef) else [node]
    if isinstance(node, ast.ClassDef):
      methods += [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"]
    for function in methods:
      if isinstance(function, ast.FunctionDef):
        untyped = [
          a.arg for a in arguments_of(function) if a.annotation is None and a.arg != "kwargs"
        ]
        assert not untyped, f"{node.name}.{function.name}: {untyped}"
        assert function.returns or function.name == "__init__", f"{node.name}.{function.name}"


@each_file
def test_no_field_of_a_dataclass_is_any_object(path):
  for node in ast.walk(tree_of(path)):
    if isinstance(node, ast.AnnAssign):
      assert ast.unparse(node.annotation) != "object", ast.unparse(node)


PACKAGES = (CORE, f"{CORE}.datasets", "cola", "mixback", "downstream")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_says_what_it_is_and_stands_in_the_help_of_its_package(package):
  package = importlib.import_module(package)
  assert len(set(package.__all__)) == len(package.__all__) >= 3
  assert set(package.__all__) <= set(dir(package))  # Tab completion shows them
  for name in package.__all__:
    value = getattr(package, name)
    assert len((value.__doc__ or "").split()) > 1, name
    assert re.search(rf"\b{name}\b", package.__doc__), name
  with pytest.raises(AttributeError, match="nothing"):
    _ = package.nothing


IMPORTS = """
import sys
import cola, contrastive_audio, downstream, mixback
assert "tensorflow" not in sys.modules
ours = {name for name in sys.modules if name.split(".")[0] in ("contrastive_audio", "downstream")}
hook = {"contrastive_audio.utils", "contrastive_audio.utils.keras_objects"}
assert ours == {"contrastive_audio", "downstream"} | hook, ours
from contrastive_audio import *
assert Run is contrastive_audio.Run and read
"""


def test_a_package_is_imported_without_its_modules_until_they_are_asked_for():
  done = subprocess.run(
    [sys.executable, "-c", IMPORTS], env=environment(), capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr


def test_a_file_of_the_users_called_audio_is_in_nobodys_way(tmp_path):
  (tmp_path / "audio.py").write_text("raise RuntimeError('the user's file')\n")
  done = subprocess.run(
    [sys.executable, "-m", "cola.train", "--help"],
    cwd=tmp_path, env=environment(), capture_output=True, text=True,
  )  # fmt: skip
  assert (done.returncode, done.stderr) == (0, "")
