"""The benchmarks compare what they say, and are commands like all others."""

import csv
import importlib
import os
import shlex
import signal
import time

import pytest
from absl import flags

import benchmarks
import cola.config
import mixback.config
from benchmarks import faults, labelling, labels, recipes
from benchmarks.lib import fault_tally, fault_worker, fuzzing, own_process
from contrastive_audio.cli.help import forget_flags
from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.configuration import configure, parse_settings
from contrastive_audio.errors import UserError
from downstream.choices import TaskChoice
from tests.support import ROOT, command, write_clips

SYSTEMS = {"cola": cola.config, "mixback": mixback.config}
COMMANDS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))


def test_the_package_lists_every_benchmark_once():
  listed = [line.split()[0] for line in benchmarks.__doc__.splitlines() if line[:2] == "  "]
  assert sorted(listed) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_is_a_command_whose_examples_use_its_flags(name):
  module = importlib.import_module(f"benchmarks.{name}")
  assert module.__doc__.startswith(f"python -m benchmarks.{name}: ")
  assert 1 <= len(module.EXAMPLES) <= 2
  for example in module.EXAMPLES:
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", f"benchmarks.{name}"]
    forget_flags()
    module._define_flags()
    try:
      assert flags.FLAGS(words[2:]) == words[2:3]  # nothing is left over
    finally:
      forget_flags()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_benchmark_shows_its_flags(name, capsys):
  module = importlib.import_module(f"benchmarks.{name}")
  with pytest.raises(SystemExit) as done:
    module.run([name, "--help"])
  assert done.value.code == 0
  shown = capsys.readouterr().out
  assert module.EXAMPLES[0] in shown
  assert "\n  --" in shown.partition("Examples:")[2]


def config_of(system, recipe, settings):
  code = SYSTEMS[system]
  fields = parse_settings(code.Config, settings)
  return configure(code.Config, code.RECIPES[recipe], fields, num_clips=3000)


@pytest.mark.parametrize("name", [n for n, variant in recipes.VARIANTS.items() if variant])
def test_every_variant_is_a_configuration_and_only_the_recipes_themselves_change_nothing(name):
  system, recipe, settings = recipes.VARIANTS[name]
  reference = config_of(system, "small", [])
  unchanged = config_of(system, recipe, settings) == reference
  assert unchanged == (name in recipes.REFERENCES or name.startswith("random weights"))


def test_variants_are_chosen_in_the_order_of_their_names():
  names = ["COLA small", "log-mel statistics"]
  assert [variant.name for variant in recipes.chosen_variants(names, steps=None)] == names
  assert len(recipes.chosen_variants(None, steps=5)) == len(recipes.VARIANTS)
  with pytest.raises(UserError, match="there is no 'COLA large'"):
    recipes.chosen_variants(["COLA large"], steps=None)


def test_every_training_of_few_labels_takes_as_many_steps():
  for task, clips in labels.TASKS.items():
    for condition in labels.CONDITIONS:
      seen = 10 * condition.labels_per_class if condition.labels_per_class else clips
      epochs = labels.epochs_of(task, condition)
      steps, final = (max(1, int(share * seen) // 64) * epochs for share in (0.8, 1))
      assert 250 <= steps < 250 + 25
      assert steps <= final <= 1.25 * steps


def test_another_process_is_called_with_an_environment_of_its_own():
  assert own_process.call(os.getpid) != os.getpid()
  assert own_process.call(os.getenv, "SOME_SWITCH", environment={"SOME_SWITCH": "on"}) == "on"
  assert "SOME_SWITCH" not in os.environ
  with pytest.raises(ValueError, match="invalid literal"):
    own_process.call(int, "many")


def test_damaged_files_depend_on_seed_and_number_alone():
  names = {fuzzing.name_of(number) for number in range(100)}
  assert {"wav", "flac", "ogg", "mp3", "m4a", "3gp", "flv", "caf", "aiff"} <= names
  for number in range(20):
    damaged = fuzzing.damaged(0, number)
    assert damaged == fuzzing.damaged(0, number)
    assert damaged != fuzzing.damaged(1, number)


def answer(request):
  """Ends, hangs, or answers."""
  if request == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
  time.sleep(60 if request == "hang" else 0)
  return f"saw {request}"


@pytest.mark.parametrize("forked", [False, True])
def test_a_worker_that_crashes_or_hangs_is_an_outcome_and_the_next_one_answers(forked):
  worker = fault_worker.Worker(answer, limit_s=10, forked=forked)
  assert worker.ask("one") == "saw one"
  assert worker.ask("crash") == "crash: Segmentation fault"
  worker._limit_s = 0.1
  assert worker.ask("hang").startswith("hang: ")
  worker._limit_s = 60
  assert worker.ask("two") == "saw two"
  worker.close()


def test_a_wrong_outcome_is_counted_shown_and_written_even_if_there_is_none(tmp_path, capsys):
  tally = fault_tally.Tally("fuzz", wrong=("crash", "hang"))
  for number, outcome in enumerate(["read", "crash: signal 11", "read"]):
    tally.add(outcome, f"file {number}")
  assert capsys.readouterr().out == "wrong      fuzz, file 1: crash: signal 11\n"
  fault_tally.write(str(tmp_path / "new" / "faults.csv"), [tally])
  with open(tmp_path / "new" / "faults.csv") as file:
    rows = [list(row.values())[1:] for row in csv.DictReader(file)]
  assert rows == [
    ["3", "read", "False", "2"], ["3", "crash", "True", "1"], ["3", "hang", "True", "0"],
  ]  # fmt: skip


@pytest.mark.slow
def test_every_campaign_tries_as_many_faults_as_it_is_asked_for(tmp_path):
  counts = {"files": 30, "damages": 3, "checkpoints": 1, "rounds": 1, "kills": 1, "disks": 1}
  options = [f"--{name}={count}" for name, count in counts.items()]
  done = command("benchmarks.faults", *options, "--notraining", "--output=f.csv", cwd=tmp_path,
                 check=False)  # fmt: skip
  with open(tmp_path / "f.csv") as file:
    rows = list(csv.DictReader(file))
  assert {row["campaign"]: int(row["tried"]) for row in rows} == dict(
    zip(faults.CAMPAIGNS, counts.values())
  )
  for name, count in zip(faults.CAMPAIGNS, counts.values()):
    assert sum(int(row["count"]) for row in rows if row["campaign"] == name) == count
  wrong = sum(int(row["count"]) for row in rows if row["is_wrong"] == "True")
  assert done.returncode == bool(wrong), done.stderr


def test_curves_of_a_labelling_are_those_of_the_clips_that_were_labelled(clip_folder, tmp_path):
  location = DataLocation(store_dir=str(tmp_path / "stores"))
  others = write_clips(tmp_path / "others", clips=7)
  identities = [
    labelling.Oracle("logmel_stats", TaskChoice(f"folder:{folder}"), location).identity
    for folder in (clip_folder, clip_folder, others)
  ]
  assert identities[0] == identities[1] != identities[2]
