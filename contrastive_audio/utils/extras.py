"""How to install an optional dependency, in words that fit this installation."""

import os

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
