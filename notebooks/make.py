"""python notebooks/make.py [00 03 ...]: makes notebooks from their sources and runs them.

The source is the `.py`; the `.ipynb` with its outputs is made from it, never edited. Without
arguments all are made.
"""

import os
import pathlib
import sys
import tempfile
import time

import jupytext
import nbclient
import nbformat

HERE = pathlib.Path(__file__).parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SECONDS = 1800  # the longest that a cell may take


def sources(numbers=()):
  """Returns the paths of the sources, those that begin with one of the given numbers."""
  found = sorted(HERE.glob("[0-9][0-9]_*.py"))
  return [path for path in found if not numbers or path.name.startswith(tuple(numbers))]


def read(source):
  """Returns a source as a notebook without outputs."""
  notebook = jupytext.read(source)
  notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
  for number, cell in enumerate(notebook.cells):
    cell.id = f"cell-{number:02d}"  # a random one would change each time
  return notebook


def execute(notebook, folder, **parameters):
  """Runs a notebook in place.

  Args:
    notebook: from `read`.
    folder: working directory of its kernel.
    **parameters: values in place of those of the cell with the tag "parameters".
  """
  override(notebook, parameters)
  client = nbclient.NotebookClient(
    notebook,
    timeout=SECONDS,
    kernel_name="python3",
    record_timing=False,
    coalesce_streams=True,
    extra_arguments=["--log-level=ERROR"],
    resources={"metadata": {"path": str(folder)}},
  )
  client.execute(env=_environment())


def override(notebook, parameters):
  """Replaces values in the cell with the tag "parameters": {name: value}; others are ignored."""
  for cell in notebook.cells:
    if "parameters" in cell.metadata.get("tags", []):
      known = {name: value for name, value in parameters.items() if f"{name} = " in cell.source}
      cell.source += "".join(f"\n{name} = {value!r}" for name, value in known.items())


def _environment():
  """What is made goes into the working directory, named by relative paths; no progress bars."""
  ours = {"CONTRASTIVE_AUDIO_CACHE": "cache", "TQDM_DISABLE": "1", "JUPYTER_PLATFORM_DIRS": "1"}
  first = {"PATH": [os.path.dirname(sys.executable)], "PYTHONPATH": [str(HERE), str(HERE.parent)]}
  for name, places in first.items():
    ours[name] = os.pathsep.join([*places, *filter(None, [os.environ.get(name)])])
  return os.environ | ours


def main():
  for source in sources(sys.argv[1:]):
    started_s = time.perf_counter()
    notebook = read(source)
    with tempfile.TemporaryDirectory() as folder:
      execute(notebook, folder)
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    print(f"{source.stem}: {time.perf_counter() - started_s:.0f} s", flush=True)


if __name__ == "__main__":
  main()
