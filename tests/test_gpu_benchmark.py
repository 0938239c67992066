"""benchmarks.gpu: checks are bounded, kept and resumed; wrong numbers of a device are seen."""

import csv
import time

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import gpu
from benchmarks.lib import checks, gpu_checks, gpu_speed
from benchmarks.lib.checks import Check, Finding, Results
from benchmarks.lib.fault_worker import Worker
from benchmarks.lib.forked import Forked
from contrastive_audio.errors import UserError
from tests.support import command

TINY = ("--batch=4", "--steps=2", "--batch_sizes=8", "--timed_steps=2", "--encoder=frame_cnn",
        "--hours=0.005", "--model=preset:general")  # fmt: skip


def sleep(seconds):
  """A check that takes its time."""
  time.sleep(seconds)
  return Finding("slept")


def fail():
  """A check that fails."""
  raise ValueError("no such thing\nat all")


def count(path, limit_s):
  """A check that says how often it was called."""
  with open(path, "a+") as file:
    file.write("x")
    file.seek(0)
    return Finding(f"call {len(file.read())} of {limit_s:g} s")


def test_a_check_that_fails_or_hangs_is_a_row_and_only_what_found_nothing_runs_again(tmp_path):
  path = str(tmp_path / "new" / "gpu.csv")
  todo = [
    Check("a", "fails", 30.0, fail),
    Check("a", "hangs", 0.5, sleep, (60,)),
    Check("a", "works", 30.0, count, (str(tmp_path / "calls"),), "here"),
  ]
  worker = Worker(checks.answer, forked=True)
  found = list(checks.run(todo, Results(path, "one card"), 60.0, worker))
  assert [(name, finding.found, finding.why) for name, finding, _ in found] == [
    ("fails", "", "ValueError: no such thing"),
    ("hangs", "", "not done after 0 s"),
    ("works", "call 1 of 30 s", ""),
  ]
  with open(path) as file:
    assert [row["check"] for row in csv.DictReader(file)] == ["fails", "hangs", "works"]
  again = list(checks.run(todo[::2], Results(path, "one card"), 60.0, worker))
  assert [(finding.found, is_new) for _, finding, is_new in again] == [
    ("", True), ("call 1 of 30 s", False),
  ]  # fmt: skip
  other = list(checks.run(todo[2:], Results(path, "another card"), 60.0, worker))
  assert [(finding.found, is_new) for _, finding, is_new in other] == [("call 2 of 30 s", True)]
  ((_, finding, _),) = checks.run(todo[:1], Results(path, "one card"), 0.0, worker)
  assert finding.why.startswith("no time left")
  worker.close()


def test_log_mels_and_views_of_another_device_are_compared(monkeypatch):
  compute = gpu_checks._on
  monkeypatch.setattr(gpu_checks, "_device", lambda: "GPU")
  for error, verdict in [(0.0, "ok"), (0.01, "differs")]:
    errors = {"GPU": error, "CPU": 0.0}
    monkeypatch.setattr(
      gpu_checks, "_on", lambda place, *args, e=errors: compute("CPU", *args) + e[place]
    )
    assert gpu_checks.log_mels("cola", golden=False).verdict == verdict
    assert gpu_checks.log_mels("mixback", golden=True).verdict == verdict
    assert gpu_checks.view_step("noise", 4).verdict == verdict


def test_log_mels_whose_operands_were_rounded_may_differ_more(monkeypatch):
  compute = gpu_checks._on
  allowed = []

  def compute_rounded(place, *args):
    allowed.append(tf.config.experimental.tensor_float_32_execution_enabled())
    return compute("CPU", *args) + (3e-4 if place == "GPU" else 0.0)

  monkeypatch.setattr(gpu_checks, "_device", lambda: "GPU")
  monkeypatch.setattr(gpu_checks, "_on", compute_rounded)
  assert gpu_checks.log_mels("cola", golden=False).verdict == "differs"
  assert gpu_checks.log_mels("cola", golden=False, rounded=True).verdict == "ok"
  assert allowed == [False, False, True, True]


def test_losses_that_leave_their_bounds_or_are_not_finite_are_seen(monkeypatch):
  losses = {"CPU": [2.0, 1.0], "GPU": [2.0, 1.001]}
  trained = lambda place: gpu_checks.ShortTraining(tuple(losses[place]), 0, 1.0)  # noqa: E731
  monkeypatch.setattr(gpu_checks, "_device", lambda: "GPU")
  monkeypatch.setattr(gpu_checks, "_short_training", lambda *args, **_: trained(args[4]))
  assert gpu_checks.training("cola", "float32", 2, 4).verdict == "ok"
  losses["GPU"] = [2.02, 0.981]  # the mean is the same
  assert gpu_checks.training("cola", "float32", 2, 4).verdict == "differs"
  assert gpu_checks.training("cola", "mixed_float16", 2, 4).verdict == "ok"
  losses["GPU"] = [2.0, 1.4]
  assert gpu_checks.training("cola", "mixed_float16", 2, 4).verdict == "differs"
  losses["GPU"] = [2.0, np.nan]
  assert gpu_checks.training("cola", "mixed_float16", 2, 4).verdict == "differs"


@pytest.mark.slow
def test_without_a_gpu_the_table_says_what_was_not_checked_and_a_second_call_goes_on(tmp_path):
  options = (*TINY, "--checks=log_mels", "--output=gpu.csv")
  first = command("benchmarks.gpu", *options, cwd=tmp_path)
  with open(tmp_path / "gpu.csv") as file:
    rows = list(csv.DictReader(file))
  assert [(row["verdict"], bool(row["why"])) for row in rows] == [
    ("not checked", True), ("ok", False), ("not checked", True),
  ] * 2  # fmt: skip
  assert all("mean error" in row["found"] and "no GPU" in row["conditions"] for row in rows)
  second = command("benchmarks.gpu", *options, cwd=tmp_path)
  assert (first.stdout.count("(before)"), second.stdout.count("(before)")) == (0, 6)
  assert first.stdout.partition("\n\n")[2] == second.stdout.partition("\n\n")[2]


def start_forked(arguments, **_):
  """Starts `python -m MODULE ...` without TensorFlow's start, in place of subprocess.Popen."""
  _, _, module, *flags = arguments
  return Forked(module, flags)


@pytest.mark.slow
def test_without_a_gpu_a_check_of_each_kind_finds_something(tmp_path, monkeypatch):
  kinds = ("resuming", "input", "speed")  # log_mels and views above; others take minutes
  every = gpu.all_checks

  def first_of_each(*arguments):
    named = {check.group: check for check in reversed(list(every(*arguments)))}
    return [named[kind] for kind in kinds]

  monkeypatch.setattr(gpu, "all_checks", first_of_each)
  monkeypatch.setattr(gpu_speed, "_STEPS", 20)
  monkeypatch.setattr(gpu_speed.subprocess, "Popen", start_forked)
  options = (*TINY, f"--checks={','.join(kinds)}", "--output=gpu.csv")
  done = command("benchmarks.gpu", *options, cwd=tmp_path)
  with open(tmp_path / "gpu.csv") as file:
    found = {row["check"]: row["found"] for row in csv.DictReader(file)}
  assert len(found) == len(kinds)
  assert all(found.values()), done.stdout
  assert found["resuming"].endswith("the same weights, bit for bit")


def test_loops_are_chosen_and_what_differs_from_the_recipe_is_measured_at_the_middle_batch():
  chosen = {"batch": 4, "steps": 2, "batch_sizes": (8, 32, 16), "parts": 4, "timed_steps": 2}
  chosen |= {"encoder": None, "hours": 0.1, "model": "preset:general", "systems": ("mixback",)}
  loops = ("whole", "microbatch", "views_on_host", "xla")
  sizes = gpu.Sizes(**chosen, loops=loops)
  fields = [c.arguments[2] for c in gpu.all_checks(sizes, "place", True) if c.group == "speed"]
  by_size = [
    [{"batch_size": n}, {"batch_size": n, "microbatch": n // 4}] for n in (8, 32, 16)
  ]  # fmt: skip
  others = [{"batch_size": 16, "views_on": "host"}, {"batch_size": 16, "xla": True}]
  assert fields == [*by_size[0], *by_size[1], *by_size[2], *others]
  # What is found of one loop does not depend on what else was chosen, so it is not measured again.
  assert str(sizes) == str(gpu.Sizes(**(chosen | {"systems": ("cola",)}), loops=("whole",)))


@pytest.mark.parametrize(
  ("option", "message"),
  [
    ("--checks=speed,heat", "--checks=heat: there are devices, log_mels,"),
    ("--loops=whole,half", "--loops=half: there are whole, microbatch, mixed_bfloat16"),
    ("--systems=colas", "--systems=colas: there are cola, mixback"),
    ("--batch_sizes=256,many", "--batch_sizes=256,many: write whole numbers of at least 8"),
    ("--batch_sizes=4", "--batch_sizes=4: write whole numbers of at least 8"),
  ],
)
def test_a_mistake_is_one_line_before_anything_starts(option, message, tmp_path):
  done = command("benchmarks.gpu", option, cwd=tmp_path, check=False)
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith(f"error: {message}")


def test_a_folder_is_no_output(tmp_path):
  done = command("benchmarks.gpu", "--output=/dev/null/gpu.csv", cwd=tmp_path, check=False)
  assert done.returncode == 1
  assert "--output=/dev/null/gpu.csv" in done.stderr
  assert UserError.__name__ not in done.stderr
