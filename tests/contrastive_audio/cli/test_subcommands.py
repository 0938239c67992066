"""`contrastive-audio SUBCOMMAND` runs every command that the packages register."""

import importlib.metadata

import pytest

from contrastive_audio.cli import subcommands

NAMES = ["detect", "embed", "export", "finetune", "import_weights", "knn", "label"]
NAMES += ["linear", "neighbours", "prepare", "presets", "tables", "tasks", "worth"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_answers_help(name, capsys):
  with pytest.raises(SystemExit) as ended:
    subcommands.run(["contrastive-audio", name, "--help"])
  assert ended.value.code == 0
  output = capsys.readouterr().out
  assert f".{name}: " in output.splitlines()[0]
  assert "Examples:\n  python -m " in output


def test_there_are_no_others_and_an_unknown_one_names_them(capsys):
  entries = importlib.metadata.entry_points(group=subcommands.GROUP)
  assert sorted(entry.name for entry in entries) == sorted(NAMES)
  with pytest.raises(SystemExit) as ended:
    subcommands.run(["contrastive-audio", "sing"])
  assert ended.value.code == 1
  assert "there is no subcommand 'sing'; there are detect, embed, export" in capsys.readouterr().err


def test_without_a_subcommand_it_lists_them(capsys):
  with pytest.raises(SystemExit) as ended:
    subcommands.run(["contrastive-audio"])
  assert ended.value.code == 0
  output = capsys.readouterr().out
  assert "  embed           embeds audio of any format and length" in output
  assert [line.split()[0] for line in output.splitlines()[2:]] == sorted(NAMES)


def test_it_knows_its_version(capsys):
  with pytest.raises(SystemExit) as ended:
    subcommands.run(["contrastive-audio", "--version"])
  assert ended.value.code == 0
  assert importlib.metadata.version("contrastive-audio") in capsys.readouterr().out
