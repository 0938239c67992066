"""Runs a command: quiet start, flags, help, and a user's mistake in one line.

A command is a module with

  EXAMPLES         complete commands, shown by --help
  main(argv)       reads its flags into dataclasses, checks them, then works
  _define_flags()  defines its flags, in groups
  run(argv=None)   what `python -m` and the console entry points call

Nothing at the top of such a module imports TensorFlow: --help and a mistyped flag answer at once.
`start_tensorflow` comes after all that can be checked without it.
"""

import contextlib
import gc
import logging
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence

from absl import flags
from absl import logging as absl_logging

from contrastive_audio.cli.children import end_with_parent
from contrastive_audio.cli.endings import in_one_line
from contrastive_audio.cli.flag_values import require_values
from contrastive_audio.cli.flags import GPU_MEMORY_GROWTH, TENSOR_FLOAT_32
from contrastive_audio.cli.help import HELP_FLAGS, forget_flags, help_text, own_flags
from contrastive_audio.errors import UserError
from contrastive_audio.utils import progress_bar, quiet

_X86 = ("x86_64", "AMD64")  # as Linux and Windows call it

# Flags that name one file or folder, to write or to read.
_PLACES = (
  "run",
  "output",
  "runs_dir",
  "store_dir",
  "data_dir",
  "manual_dir",
  "labels",
  "projector",
  "model",
  "init",
  "classifier",
  "checkpoint",
  "keys",
)


def run_main(
  main: Callable[[Sequence[str]], None],
  define_flags: Callable[[], None],
  description: str | None,
  examples: Sequence[str],
  argv: Sequence[str] | None = None,
) -> None:
  """Runs a command; what a person can mend becomes one line, see `endings`.

  Args:
    main: does the work.
    define_flags: defines the flags of the command.
    description: docstring of its module.
    examples: complete commands, for --help.
    argv: its name and arguments; None: those of this process.

  Raises:
    SystemExit: after --help (code 0), a mistake of the user (1), or Ctrl-C (130).

  Example:
    >>> run_main(lambda argv: print("works"), lambda: None, "python -m works", [], ["works"])
    works
  """
  end_with_parent()
  argv = list(sys.argv if argv is None else argv)
  _set_environment()
  forget_flags()
  define_flags()
  with in_one_line():
    if HELP_FLAGS.intersection(argv[1:]):
      print(help_text(description or "", examples))
      sys.exit(0)
    main(_parse(argv))


def start_tensorflow() -> None:
  """Imports TensorFlow and Keras without their start-up messages.

  A GPU then lends its memory as it is needed, so that several processes can use it. With
  --nogpu_memory_growth, if the command has that flag, TensorFlow takes all of it at once; with
  --notensor_float_32 products of float32 keep all of their bits. A CPU computes with oneDNN, unless
  the environment variable TF_ENABLE_ONEDNN_OPTS says otherwise, or in bfloat16, where TensorFlow
  decides.

  Raises:
    ImportError: Keras was already imported with another backend.

  Example:
    >>> start_tensorflow()
  """
  is_started = "tensorflow" in sys.modules
  _use_onednn()
  with (
    progress_bar.stage("starting TensorFlow", shown=not is_started),
    contextlib.nullcontext() if is_started else _freezing_what_is_made(),
    quiet.native_stderr(),
    warnings.catch_warnings(),
  ):
    warnings.simplefilter("ignore")
    import keras  # noqa: F401
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")  # a missing driver is reported here
  logging.getLogger("tensorflow").setLevel(logging.ERROR)  # deprecations inside libraries
  from contrastive_audio.utils.backend import require_tensorflow_backend, use_default_settings

  require_tensorflow_backend()
  use_default_settings()
  if not _is_on(TENSOR_FLOAT_32):
    tf.config.experimental.enable_tensor_float_32_execution(False)
  if _is_on(GPU_MEMORY_GROWTH):
    for gpu in gpus:
      # Whoever called the command from a program of their own may have set the GPU up already.
      with contextlib.suppress(RuntimeError, ValueError):
        tf.config.experimental.set_memory_growth(gpu, True)


def _use_onednn() -> None:
  """Turns oneDNN on; TensorFlow does so only on x86 processors with AVX512-VNNI or newer.

  For bfloat16 TensorFlow decides: oneDNN computes it only with AVX-512, and complains without.
  """
  precision = flags.FLAGS["precision"].value if "precision" in flags.FLAGS else None
  if platform.machine() in _X86 and precision != "mixed_bfloat16":
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextlib.contextmanager
def _freezing_what_is_made() -> Iterator[None]:
  """Looks for no garbage among what imports make: it stays, and to look takes a second."""
  was_enabled = gc.isenabled()
  gc.disable()
  try:
    yield
  finally:
    gc.freeze()
    if was_enabled:
      gc.enable()


def _is_on(name: str) -> bool:
  """Whether a flag that commands may lack, and that is on unless it is switched off, is on."""
  return name not in flags.FLAGS or bool(flags.FLAGS[name].value)


def _set_environment() -> None:
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"
  absl_logging.set_verbosity(absl_logging.ERROR)


def _parse(argv: list[str]) -> list[str]:
  """Parses the flags; returns what is left of the arguments."""
  try:
    left = flags.FLAGS(argv)
  except flags.Error as error:
    raise UserError(f"{_reason(error)} (--help lists all options)") from error
  if len(left) > 1:
    raise UserError(
      f"unexpected argument {left[1]!r}: options are written --name=value; see --help"
    )
  require_values(own_flags())
  _expand_home()
  return left


def _expand_home() -> None:
  """Expands ~ in places, as shells do not in --flag=~/place; data sets are expanded elsewhere."""
  for name in _PLACES:
    place = str(flags.FLAGS[name].value) if name in flags.FLAGS else ""
    if place.startswith("~"):
      flags.FLAGS[name].value = os.path.expanduser(place)


def _reason(error: flags.Error) -> str:
  """What absl says, in one line; the names of required flags that are missing."""
  text = " ".join(str(error).split())
  if missing := re.findall(r"flag --(\w+)=None: Flag --\1 must have a value", text):
    return f"required: {', '.join(f'--{name}' for name in missing)}"
  text = re.sub(
    r"invalid literal for int\(\) with base 10: (.*)", r"\1 is not a whole number", text
  )
  text = re.sub(r"could not convert string to float: (.*)", r"\1 is not a number", text)
  return text.removeprefix("flag ").rstrip(".").replace(" ?", "?")
