"""Every command and example of the README is run, made small."""

import re
import shlex

import pytest

import cola.config
import mixback.config
from tests.support import ROOT, command, write_clips

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TINY = ["--steps=2", "--batch_size=4"]
# What makes a command small, by the end of its module's name.
SMALL = {"train": TINY, "finetune": ["--epochs=1"]}
SMALL["tables"] = [*TINY, "--seeds=0", "--tasks=instrument", "--pretraining_tasks=instrument"]


def pieces():
  """All single commands of all blocks, in order."""
  return [
    piece.strip() for block in COMMANDS for piece in re.split(r"&&|\n", block) if piece.strip()
  ]


def test_the_blocks_are_found():
  assert len(pieces()) == 16
  assert len(EXAMPLES) == 1


@pytest.mark.parametrize("system", [cola.config, mixback.config])
def test_the_table_of_the_recipe_is_that_of_the_code(system):
  for field, deviation in system.RECIPES["quick"].items():
    paper = getattr(system.Config(), field)
    assert f"| `{field}` | {paper} | {deviation.value} | {deviation.reason} |" in README


def test_installing_and_testing_is_what_ci_does():
  ci = (ROOT / ".ci" / "run").read_text()
  assert 'pip install -e ".[test]" && pytest' in README
  assert '-e ".[test]"' in ci
  assert "\npytest\n" in ci


@pytest.mark.slow
def test_every_command_and_the_example_run(tmp_path):
  write_clips(tmp_path / "audio")
  write_clips(tmp_path / "root" / "philharmonia")
  for piece in pieces():
    piece = piece.replace("/path/to/your/audio", str(tmp_path / "audio"))
    arguments = shlex.split(piece.replace("/path/to/audio_root", str(tmp_path / "root")))
    if arguments[:2] != ["python", "-m"] or "spoken_digit" in piece or "import" in piece:
      continue  # CI runs pip and pytest; the others: test_real_audio.py, test_import_weights.py
    small = SMALL.get(arguments[2].rpartition(".")[2], [])
    command(*arguments[2:], *small, cwd=tmp_path)
  code = EXAMPLES[0].replace("runs/mine", str(tmp_path / "runs" / "mine"))
  values = {}
  exec(compile(code, "README.md", "exec"), values)
  assert (values["rate_hz"], values["size"]) == (16_000, 1280)
  assert values["embedding"].shape == (1, 1280)
