"""The command that measures a table: from pre-training to files, stopped and resumed."""

import csv
import json
import signal
import subprocess
import sys
import time

import filelock
import pytest

from tests.downstream.cards import fake_corpora
from tests.support import command, command_apart, environment, write_clips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def audio_root(tmp_path_factory):
  """A folder that looks like the audio of two cards: ESC-10 and Philharmonia."""
  folder = tmp_path_factory.mktemp("root")
  write_clips(folder / "philharmonia", clips=6)
  write_clips(folder / "esc10", clips=10, seconds=1)
  for name in ("high", "low"):
    for index in range(10):
      path = folder / "esc10" / name / f"{index}.wav"
      path.rename(path.with_name(f"{1 + index % 5}-{name}{index}-A.wav"))
  return folder


@pytest.mark.usefixtures("trainings_in_this_process")
def test_a_table_is_trained_measured_interrupted_and_printed(audio_root, tmp_path):
  options = ["--table=mixback_linear", "--seeds=0,1", "--steps=2", "--batch_size=4"]
  options += ['--variants="frame_cnn, random weights","frame_cnn, pre-trained"']
  options += [f"--audio_root={audio_root}", "--tasks=esc10_fold5,instrument", "--store_dir=stores"]
  options += ["--pretraining_tasks=esc10_fold5,instrument", "--runs_dir=t"]
  first = command("downstream.tables", *options, cwd=tmp_path)
  commands = [text for text in first.stdout.splitlines() if text.startswith("pre-train  ")]
  assert ["--steps=1" in text.split() for text in commands] == [True, True, False, False]
  assert first.stdout.count("measured   ") == 8
  assert "mixback, frame_cnn, pre-trained, seed 1 (about " in first.stdout
  assert (
    "cell       2 of 8: mixback, frame_cnn, random weights, instrument, seed 0 (ab" in first.stdout
  )
  keys = (tmp_path / "t" / "keys-esc10_fold5-instrument.txt").read_text().splitlines()
  assert len(keys) == 16 + 8  # folds 1 to 4, and two of three
  assert not [key for key in keys if key.split("/")[1].startswith("5-")]
  results = sorted((tmp_path / "t" / "results").iterdir())
  results[0].unlink()
  again = command("downstream.tables", *options, cwd=tmp_path)
  assert "pre-train  " not in again.stdout
  assert again.stdout.count("measured   ") == 1
  assert again.stdout[again.stdout.index("\nlinear evaluation") :] in first.stdout
  assert 'difference from "frame_cnn, random weights" within each seed' in again.stdout
  assert (tmp_path / "t" / "mixback_linear-small.csv").exists()
  assert json.loads(results[1].read_text())["result"]["num_test"] == 4


@pytest.mark.usefixtures("trainings_in_this_process")
def test_the_papers_suite_measures_what_is_there_and_names_what_is_not(tmp_path):
  corpora = tmp_path / "corpora"
  fake_corpora.fsdnoisy18k(corpora, seconds=1.2)
  options = ["--suite=papers", "--seeds=0", "--steps=2", "--batch_size=4", "--runs_dir=t"]
  options += [f"--data_dir={corpora}", "--store_dir=stores"]
  options += ["--table=mixback_mix", "--variants=other clips", "--tasks=musan,fsdnoisy18k"]
  printed = command("downstream.tables", *options, cwd=tmp_path).stdout
  assert printed.count("pre-train  python -m mixback.train") == 1
  assert "--dataset=fsdnoisy18k --data_dir=" in printed
  assert printed.count("measured   knn_patches fsdnoisy18k") == 1
  (line,) = [line for line in printed.splitlines() if line.startswith("no data")]
  assert line.startswith("no data    musan: no musan in ")
  assert printed.index("no data") < printed.index("pre-train")
  (row,) = [line for line in printed.splitlines() if line.startswith("| other clips")]
  _, music, events, average = [cell.strip() for cell in row.split("|")[1:-1]]
  assert float(events) > 0  # one seed: no spread
  assert not music + average  # nothing was measured, nothing is published
  assert "comparable fsdnoisy18k: by protocol only" in printed
  config = json.loads(next((tmp_path / "t" / "runs").glob("*/config.json")).read_text())
  assert "fsdnoisy18k" in str(config)


# Table -> rows that are ours (a default alpha has two names), and tasks.
ROWS_OF_THE_PAPERS = {
  "cola_downstream": (4, 9),
  "cola_baselines": (3, 9),
  "cola_similarity": (2, 9),
  "cola_batch_size": (4, 9),
  "mixback_sampling": (3, 2),
  "mixback_mix": (9, 2),
  "mixback_augment": (8, 2),
  "mixback_temperature": (4, 2),
  "cola_batch_clips": (4, 9),
  "cola_views": (2, 9),
  "cola_projection": (2, 9),
  "mixback_linear": (6, 1),
  "mixback_finetune": (6, 2),
}


@pytest.mark.usefixtures("answers_in_this_process")
@pytest.mark.parametrize("table", ROWS_OF_THE_PAPERS)
def test_every_row_of_the_papers_has_its_data_and_its_protocol(table, corpora, tmp_path):
  options = [f"--table={table}", "--suite=papers", "--seeds=0", f"--data_dir={corpora}"]
  printed = command("downstream.tables", *options, "--dry_run", cwd=tmp_path).stdout
  rows, tasks = ROWS_OF_THE_PAPERS[table]
  assert f"measure {rows * tasks} of {rows * tasks} numbers\n" in printed
  assert "no data" not in printed


@pytest.mark.usefixtures("answers_in_this_process")
def test_log_mel_statistics_fill_a_column_of_colas_nine_tasks(corpora, tmp_path):
  options = ["--table=cola_baselines", "--suite=papers", "--seeds=0", "--runs_dir=t"]
  options += [f"--data_dir={corpora}", "--store_dir=stores", "--variants=log-mel statistics"]
  options += ["--name=mine"]
  printed = command("downstream.tables", *options, cwd=tmp_path).stdout
  assert printed.count("measured   linear_cached ") == 9
  with open(tmp_path / "t" / "mine.csv", newline="") as file:
    means = {row["task"]: row["mean"] for row in csv.DictReader(file)}
  assert len(means) == 10  # and their average
  assert all(float(mean) > 0 for mean in means.values())


# The training is replaced; whatever else the command does before it takes no TensorFlow.
WATCHED = """
import sys
from downstream import tables
from downstream.papers import pretrainings

def run_child(module, *flags):
  assert "tensorflow" not in sys.modules
  print("pre-training fails")
  return 1

pretrainings.run_child = run_child
tables.run(["tables", *sys.argv[1:]])
"""


def test_no_device_is_held_while_a_model_is_trained_and_a_failure_leaves_the_rest(tmp_path):
  corpora = tmp_path / "corpora"
  fake_corpora.fsdnoisy18k(corpora, seconds=1.2)
  options = ["--suite=papers", "--seeds=0", "--runs_dir=t", f"--data_dir={corpora}"]
  options += ["--table=cola_baselines", "--tasks=fsdnoisy18k", "--store_dir=stores"]
  options += ["--pretraining_dataset=fsdnoisy18k", "--variants=log-mel statistics,COLA"]
  done = subprocess.run(
    [sys.executable, "-c", WATCHED, *options],
    cwd=tmp_path,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert done.stdout.count("pre-training fails\n") == 1, done.stderr
  assert "measured   linear_cached fsdnoisy18k logmel_stats" in done.stdout
  assert done.stderr.splitlines()[-1].startswith("error: 1 training or measurement failed (see ab")
  assert done.returncode == 1
  assert "COLA" in (tmp_path / "t" / "cola_baselines-papers.md").read_text()


def test_a_dry_run_takes_no_tensorflow_and_does_nothing(audio_root, tmp_path):
  options = ["--table=cola_similarity", f"--audio_root={audio_root}", "--dry_run"]
  check = "import sys; from downstream.tables import run; run(['tables', *sys.argv[1:]])\n"
  check += "assert not {'tensorflow', 'keras'} & set(sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", check, *options],
    cwd=tmp_path,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (0, "")
  assert "stage 1    train 6 runs\n" in done.stdout
  assert "stage 2    measure 30 of 30 numbers\n" in done.stdout
  assert list(tmp_path.iterdir()) == []


_METRICS = "runs/*/metrics.jsonl"


def _has_steps(path):
  return '"loss"' in path.read_text()


def test_a_signal_stops_the_training_of_a_table_which_saves_its_step(
  audio_root, tmp_path, processes
):
  options = ["--table=mixback_mix", "--seeds=0", "--steps=100000", "--batch_size=4"]
  options += ["--variants=no mix-back", f"--audio_root={audio_root}", "--tasks=instrument"]
  options += ["--pretraining_tasks=instrument", "--runs_dir=t", "--store_dir=stores"]
  options += ["--encoder=frame_cnn"]
  process = processes.start("downstream.tables", *options, cwd=tmp_path)
  # Steps are logged by a training that has left its set-up.
  while not (logged := [path for path in (tmp_path / "t").glob(_METRICS) if _has_steps(path)]):
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)
  process.send_signal(signal.SIGTERM)
  printed, errors = process.communicate()
  assert process.returncode == 143
  assert errors.splitlines()[-1] == "interrupted; the same command resumes where it stopped"
  assert "\nstopping   waiting for what runs to save its state" in printed
  assert "\nstopped    after step " in printed
  run = logged[0].parent
  filelock.FileLock(run / "lock").acquire(timeout=0)  # nobody trains any more
  assert list((run / "checkpoints").glob("step-*.index"))


def test_several_hosts_are_refused(tmp_path):
  done = command_apart(
    "downstream.tables", "--table=cola_similarity",
    cwd=tmp_path, check=False, env={"TF_CONFIG": "{}"},
  )  # fmt: skip
  assert done.stderr == "error: TF_CONFIG is set: tables are measured on one host, so unset it\n"
