"""How to install an optional dependency, in words that fit this installation."""

import importlib.util
import os
from collections.abc import Sequence

from contrastive_audio.errors import UserError

TRACKERS = ("tensorboard", "wandb", "mlflow")  # what shows a training
_DISTRIBUTION = "contrastive-audio"


def install_hint(extra: str) -> str:
  """Returns the pip command that installs one of the project's extras.

  A checkout is recognised by the setup.py beside the package. Its users install from their own
  folder, users of a wheel by the name of the distribution.

  Args:
    extra: name of the extra, for example "onnx".

  Example:
    >>> install_hint("onnx")
    'pip install ...[onnx]"'
  """
  checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
  if not os.path.isfile(os.path.join(checkout, "setup.py")):
    return f'pip install "{_DISTRIBUTION}[{extra}]"'
  folder = "." if checkout == os.path.realpath(os.curdir) else checkout
  return f'pip install -e "{folder}[{extra}]"'


def require_onnx(quantise: str = "none") -> None:
  """Refuses to go on if a package of the extra [onnx] is missing; imports none of them.

  Args:
    quantise: one of configuration.QUANTISATIONS.

  Raises:
    UserError: it says how to install the package.

  Example:
    >>> import sys
    >>> from unittest import mock
    >>> with mock.patch.dict(sys.modules, tf2onnx=None):  # as if it were not installed
    ...   require_onnx()
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --format=onnx needs the package tf2onnx: pip install ...
  """
  quantisers = ("onnxruntime",) if quantise == "int8" else ()
  for package in ("tf2onnx", "onnx", *quantisers):
    _require("--format=onnx", package, "onnx")


def require_faiss() -> None:
  """Refuses to go on if the extra [index] is missing; does not import it.

  Raises:
    UserError: it says how to install the package.

  Example:
    >>> import sys
    >>> from unittest import mock
    >>> with mock.patch("importlib.util.find_spec", return_value=None):  # as if it were missing
    ...   require_faiss()
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --index needs the package faiss: pip install ...[index]"
  """
  _require("--index", "faiss", "index")


def require_trackers(names: Sequence[str]) -> None:
  """Refuses what is no tracker, or whose package is missing; imports none of them.

  Args:
    names: of --log_to.

  Raises:
    UserError: it says what there is, or how to install the package.

  Example:
    >>> require_trackers(["tensorboard", "paper"])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --log_to=paper: must be among tensorboard, wandb, mlflow
  """
  for name in names:
    if name not in TRACKERS:
      raise UserError(f"--log_to={name}: must be among {', '.join(TRACKERS)}")
    if name != "tensorboard":  # it is always there
      _require(f"--log_to={name}", name, name)


def _require(flag: str, package: str, extra: str) -> None:
  if importlib.util.find_spec(package) is None:
    raise UserError(f"{flag} needs the package {package}: {install_hint(extra)}")
