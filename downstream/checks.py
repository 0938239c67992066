"""What can be checked before TensorFlow is imported and any audio is decoded."""

import os
import socket
from collections.abc import Iterable

from contrastive_audio import datasets
from contrastive_audio.cli.chosen_keys import read_keys
from contrastive_audio.cli.open_data import DataChoice, DataLocation
from contrastive_audio.cli.places import require_folder, require_writable
from contrastive_audio.errors import UserError
from contrastive_audio.utils.run_files import CLASSIFIER
from downstream.cards.opening import check_task
from downstream.choices import EvaluationRequest
from downstream.labelling.label_table import LabelTable
from downstream.labelling.places import Recordings
from downstream.labelling.settings import HOST
from downstream.model_names import require_model, require_parts


def check_request(request: EvaluationRequest) -> None:
  """Raises an error if the model or the task does not exist.

  Args:
    request: what is to be evaluated.

  Raises:
    UserError: what is missing or malformed.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> check_request(EvaluationRequest("logmel_stats", TaskChoice("folder:no/such/folder")))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: 'no/such/folder' ...
  """
  require_model(request.model)
  require_parts(request.model, request.clip_pooling)
  require_folder("output", request.output)
  check_task(request.task, request.location)


def check_input(choice: DataChoice, location: DataLocation) -> None:
  """Raises an error if a data set, or a split of a CSV, does not exist; lists no folder.

  Args:
    choice: which clips.
    location: where they are.

  Raises:
    UserError: what is missing or malformed.

  Example:
    >>> check_input(DataChoice(("./no/such/folder",)), DataLocation())
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: './no/such/folder' ...
  """
  if choice.keys:
    read_keys(choice.keys)
  for name in choice.datasets:
    kind, _, path = datasets.full_name(name).partition(":")
    is_folder = kind == "folder" and os.path.isdir(os.path.expanduser(path))
    is_checked = choice.split is not None or choice.background is not None or not is_folder
    if kind in ("folder", "labels") and is_checked:
      datasets.open_local(name, choice.split, location.data_dir, background=choice.background)
    elif kind not in ("folder", "labels", "store"):
      datasets.require_name(name, location.data_dir, location.manual_dir)


def require_classifier(folder: str) -> None:
  """Raises an error if a folder holds no classifier.

  Args:
    folder: value of --classifier.

  Raises:
    UserError: how to make one.

  Example:
    >>> require_classifier("results/mine")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --classifier=results/mine: it holds no classifier.npz; ...
  """
  if not os.path.exists(os.path.join(folder, CLASSIFIER)):
    raise UserError(
      f"--classifier={folder}: it holds no {CLASSIFIER}; make one with python -m downstream.linear "
      f"--model=RUN --task=TASK --output={folder}"
    )


def require_new_file(path: str, extensions: tuple[str, ...]) -> None:
  """Raises an error if a file exists, or has none of some extensions.

  Args:
    path: value of --output.
    extensions: one of which it has to have.

  Raises:
    UserError: which of the two it is, or why nothing can be written there.

  Example:
    >>> require_new_file("embeddings.txt", (".npz", ".parquet"))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=embeddings.txt: the file has to end in ...
  """
  if not path.endswith(extensions):
    raise UserError(f"--output={path}: the file has to end in {' or '.join(extensions)}")
  if os.path.exists(path):
    raise UserError(f"--output={path} exists already: delete it, or choose another name")
  require_writable("output", path)


def require_table(path: str) -> None:
  """Raises an error if a file is no table with times, or can be none.

  Args:
    path: value of --labels, which need not exist.

  Raises:
    UserError: what is wrong with it.

  Example:
    >>> require_table("labels.txt")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --labels=labels.txt: the file has to end in .csv
  """
  if not path.endswith(".csv"):
    raise UserError(f"--labels={path}: the file has to end in .csv")
  if os.path.isdir(path):
    raise UserError(f"--labels={path} is a folder: name a file")
  require_writable("labels", path)
  if os.path.exists(path) and not os.access(os.path.dirname(path) or ".", os.W_OK):
    raise UserError(f"--labels={path}: its folder cannot be written; answers replace the file")
  LabelTable(path, Recordings(path, [], [], 1))


def require_free_port(port: int) -> None:
  """Raises an error if a port of this machine cannot be served on.

  Args:
    port: value of --port; 0: any.

  Raises:
    UserError: another program has it, or the system keeps it for itself.

  Example:
    >>> with socket.create_server((HOST, 0)) as taken:
    ...   require_free_port(taken.getsockname()[1])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --port=...: ...: choose another, or 0 for any
  """
  try:
    with socket.create_server((HOST, port)):
      pass
  except OSError as error:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    raise UserError(f"--port={port}: {reason}: choose another, or 0 for any") from error


def require_outside(output: str, names: Iterable[str]) -> None:
  """Raises an error if a folder for sounds lies in a data set, whose clips they would become.

  Args:
    output: value of --output.
    names: of data sets.

  Raises:
    UserError: it lies in the folder of one.

  Example:
    >>> os.makedirs("clips")
    >>> require_outside("clips-page", ["clips"])
    >>> require_outside("clips/page", ["clips"])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=clips/page lies in clips: its sounds would be ...
  """
  place = os.path.realpath(os.path.expanduser(output))
  for name in names:
    kind, _, path = datasets.full_name(name).partition(":")
    folder = os.path.realpath(os.path.expanduser(path))
    if (
      kind == "folder"
      and os.path.isdir(folder)
      and f"{place}{os.sep}".startswith(f"{folder}{os.sep}")
    ):
      raise UserError(
        f"--output={output} lies in {path}: its sounds would be clips of that from then on; name "
        "a folder outside"
      )


def require_empty_folder(path: str) -> None:
  """Raises an error if a folder holds files.

  Args:
    path: value of --output.

  Raises:
    UserError: it holds files, or nothing can be written there.

  Example:
    >>> require_empty_folder("new")
    >>> os.makedirs("old/page")
    >>> require_empty_folder("old")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=old holds files already: ...
  """
  require_folder("output", path)
  if os.path.isdir(path) and os.listdir(path):
    raise UserError(f"--output={path} holds files already: delete them, or choose another folder")
