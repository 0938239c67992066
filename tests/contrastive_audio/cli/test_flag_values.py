"""No flag of any command takes nothing, no number, or a number that fits no computer."""

import importlib

import pytest
from absl import flags

from contrastive_audio.cli.help import forget_flags, own_flags
from tests.support import command

MODULES = ["cola.train", "mixback.train", "mixback.import_weights"]
MODULES += [f"contrastive_audio.{name}" for name in ("prepare", "export")]
NAMES = ("linear", "knn", "finetune", "worth", "embed", "neighbours", "detect", "label", "tables")
NAMES += ("tasks",)
MODULES += [f"downstream.{name}" for name in NAMES]
MAY_BE_EMPTY = ["log_to"]  # nothing is a place to log to, see tests/test_shown_training.py
NO_NUMBERS = ["nan", "-inf", "1e300", "", "abc", "1e", str(10**30)]


def flags_of(module):
  """name -> type of value, of all flags of a command; what each needs to get past the required."""
  forget_flags()
  importlib.import_module(module)._define_flags()
  try:
    found = {name: flags.FLAGS[name].flag_type() for name in own_flags()}
    needed = found.keys() & {
      "model",
      "task",
      "input",
      "output",
      "checkpoint",
      "run",
      "table",
      "labels",
    }
    kinds = {name: kind for name, kind in found.items() if kind != "bool"}
    return {name: kind for name, kind in kinds.items() if name not in MAY_BE_EMPTY}, needed
  finally:
    forget_flags()


@pytest.mark.parametrize("module", MODULES)
def test_a_flag_without_a_sensible_value_is_one_line_that_names_it(module, tmp_path):
  kinds, needed = flags_of(module)
  given = [f"--{name}={'cola_similarity' if name == 'table' else 'x'}" for name in needed]
  for name, kind in kinds.items():
    for text in NO_NUMBERS if kind in ("int", "float") else [""]:
      done = command(module, *given, f"--{name}={text}", cwd=tmp_path, check=False)
      assert done.returncode == 1, (name, text)
      (line,) = done.stderr.splitlines()
      said = "model" if (module, name) == ("contrastive_audio.export", "run") else name  # an alias
      assert line.startswith(f"error: --{said}="), line
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", MODULES)
def test_a_list_that_is_given_twice_is_refused(module, tmp_path):
  kinds, needed = flags_of(module)
  given = [f"--{name}={'cola_similarity' if name == 'table' else 'x'}" for name in needed]
  for name in (name for name, kind in kinds.items() if kind.startswith("comma separated list")):
    done = command(module, *given, f"--{name}=a", f"--{name}=b", cwd=tmp_path, check=False)
    assert done.stderr == f"error: --{name} was given 2 times: give it once, --{name}=A,B\n"


def test_a_flag_that_may_be_repeated_keeps_all_values(tmp_path):
  done = command("cola.train", "--dataset=a", "--dataset=b", cwd=tmp_path, check=False)
  assert "'a'" in done.stderr
