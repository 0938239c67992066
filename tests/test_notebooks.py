"""The notebooks are up to date with their sources, clean, and run."""

import pathlib
import re
import tempfile

import nbformat
import pytest

from notebooks import make
from tests.support import ROOT

SOURCES = make.sources()
MAX_BYTES = 1_000_000  # of a notebook with its outputs
SMALL = {"STEPS": 2, "CLIPS_PER_CLASS": 8, "NUM_SEEDS": 1}
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=]+")
_COMMAND = re.compile(r"^!python -m (\S+) (.*)$", re.MULTILINE)
# The same command, where TensorFlow has been started already.
_HERE = r"""
import shlex, tests.support
_done = tests.support.command("\1", *shlex.split(f"\2"), cwd=".")
print(_done.stdout, _done.stderr)
"""

each_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def committed(source):
  """The notebook that is kept beside a source, outputs included."""
  return nbformat.read(source.with_suffix(".ipynb"), 4)


def cells(notebook):
  return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


def code_cells(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook):
  """Everything that a notebook writes or displays, except players and pictures."""
  for cell in code_cells(notebook):
    for output in cell.outputs:
      data = output.get("data", {})
      shown = [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
      yield _EMBEDDED.sub("", " ".join(shown))


def streams(notebook):
  return {output.get("name") for cell in code_cells(notebook) for output in cell.outputs}


def test_the_notebooks_are_numbered():
  assert [path.name[:2] for path in SOURCES] == ["00", "01", "02", "03", "04", "05"]


@each_notebook
def test_a_notebook_is_made_from_its_source(source):
  assert cells(committed(source)) == cells(make.read(source)), "run: python notebooks/make.py"


@each_notebook
def test_a_notebook_has_run_from_top_to_bottom(source):
  counts = [cell.execution_count for cell in code_cells(committed(source))]
  assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_a_notebook_is_small_and_clean(source):
  assert source.with_suffix(".ipynb").stat().st_size < MAX_BYTES
  assert_clean(committed(source))


@each_notebook
def test_a_notebook_ends_by_saying_what_to_try_next(source):
  last = make.read(source).cells[-1]
  assert last.cell_type == "markdown"
  assert "## Try next" in last.source


@each_notebook
def test_links_of_a_notebook_and_of_the_list_lead_to_notebooks(source):
  written = [cell.source for cell in make.read(source).cells]
  written.append((ROOT / "notebooks" / "README.md").read_text(encoding="utf-8"))
  for target in re.findall(r"\]\(([^)\s]+)\)", "".join(written)):
    assert (source.parent / target).exists(), target


@pytest.mark.slow
@each_notebook
def test_a_notebook_runs(source, tmp_path):
  notebook = make.read(source)
  for cell in code_cells(notebook):
    cell.source = _COMMAND.sub(_HERE, cell.source)
    assert "!python" not in cell.source
  make.execute(notebook, tmp_path, **SMALL)
  assert_clean(notebook)


def test_parameters_that_a_notebook_has_are_replaced():
  notebook = make.read(ROOT / "notebooks" / "03_evaluate_an_encoder.py")
  make.override(notebook, {"STEPS": 2, "ANOTHER": 3})
  (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
  values = {}
  exec(cell.source, values)
  assert values["STEPS"] == 2
  assert "ANOTHER" not in values


def assert_clean(notebook):
  """Asserts that standard error is empty, and that no path of this machine is named."""
  assert "stderr" not in streams(notebook)
  paths = [str(ROOT), tempfile.gettempdir(), str(pathlib.Path.home())]
  for text in texts(notebook):
    assert not re.search("warning|Traceback", text, re.IGNORECASE)
    assert not [path for path in paths if path in text]
