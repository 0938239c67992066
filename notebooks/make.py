"""python notebooks/make.py [00 03 ...]: builds the notebooks from their sources, and runs them.

The source is the `.py`; the `.ipynb`, with its outputs, is built from it and never edited. Without
arguments all notebooks are built.
"""

import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import jupytext
import nbclient
import nbformat

HERE = pathlib.Path(__file__).parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TIMEOUT_S = 1800  # for each cell


def sources(numbers: Sequence[str] = ()) -> list[pathlib.Path]:
  """Returns the paths of the sources, those that begin with one of the numbers; none: all."""
  paths = sorted(HERE.glob("[0-9][0-9]_*.py"))
  return [path for path in paths if not numbers or path.name.startswith(tuple(numbers))]


def read(source: pathlib.Path) -> nbformat.NotebookNode:
  """Returns a source as a notebook without outputs."""
  notebook = jupytext.read(source)
  notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
  for number, cell in enumerate(notebook.cells):
    cell.id = f"cell-{number:02d}"  # a random one would change each time
  return notebook


def execute(notebook: nbformat.NotebookNode, folder: str | os.PathLike, **parameters: Any) -> None:
  """Runs a notebook in place.

  Args:
    notebook: from `read`.
    folder: working directory of its kernel.
    **parameters: see `override`.
  """
  override(notebook, parameters)
  client = nbclient.NotebookClient(
    notebook,
    timeout=TIMEOUT_S,
    kernel_name="python3",
    record_timing=False,
    coalesce_streams=True,
    extra_arguments=["--log-level=ERROR"],
    resources={"metadata": {"path": str(folder)}},
  )
  client.execute(env=_environment())


def override(notebook: nbformat.NotebookNode, parameters: dict[str, Any]) -> None:
  """Replaces values in the cell with the tag "parameters".

  Args:
    notebook: changed in place.
    parameters: name -> value; names that the cell does not define are ignored.
  """
  for cell in notebook.cells:
    if "parameters" in cell.metadata.get("tags", []):
      defined = {name: parameters[name] for name in parameters if f"{name} = " in cell.source}
      cell.source += "".join(f"\n{name} = {value!r}" for name, value in defined.items())


def _environment() -> dict[str, str]:
  """The cache is in the working directory, so that paths are relative; no progress bars."""
  variables = {
    "CONTRASTIVE_AUDIO_CACHE": "cache",
    "TQDM_DISABLE": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
  }
  first = {"PATH": [os.path.dirname(sys.executable)], "PYTHONPATH": [str(HERE), str(HERE.parent)]}
  for name, folders in first.items():
    variables[name] = os.pathsep.join([*folders, *filter(None, [os.environ.get(name)])])
  return os.environ | variables


def main() -> None:
  for source in sources(sys.argv[1:]):
    started_s = time.perf_counter()
    notebook = read(source)
    with tempfile.TemporaryDirectory() as folder:
      execute(notebook, folder)
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    print(f"{source.stem}: {time.perf_counter() - started_s:.0f} s", flush=True)


if __name__ == "__main__":
  main()
