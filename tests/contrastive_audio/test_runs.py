"""Run folders: created, resumed, refused."""

import dataclasses
import json

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from tests import tiny
from tests.support import assert_close


def start(folder, config=None, data=None):
  config = config or tiny.config()
  fields, data = dataclasses.asdict(config), data or {"clips": 12, "digest": "x"}
  return Run.start_or_resume(str(folder), "cola", fields, data, config.front_end())


def test_a_run_knows_its_config_versions_command_and_front_end(tmp_path):
  run = Run.open(start(tmp_path / "run").folder)
  assert run.config["config"] == json.loads(json.dumps(dataclasses.asdict(tiny.config())))
  assert {"python", "tensorflow", "keras", "numpy"} == set(run.config["versions"])
  assert run.config["command"].startswith("python -m cola.train")
  wave = np.random.default_rng(0).normal(size=[1, 15_600]).astype("f")
  assert_close(run.front_end()(wave), tiny.config().front_end()(wave))


def test_the_same_settings_resume(tmp_path):
  assert start(tmp_path / "run").config == start(tmp_path / "run").config


def test_a_run_of_a_version_that_lacked_a_field_resumes_with_its_default_and_nothing_else(tmp_path):
  run = start(tmp_path / "run")
  older = json.loads((tmp_path / "run" / "config.json").read_text())
  del older["config"]["precision"]
  (tmp_path / "run" / "config.json").write_text(json.dumps(older))
  config = tiny.config()
  defaults = {field.name: field.default for field in dataclasses.fields(config)}
  data = {"clips": 12, "digest": "x"}

  def resume(**changes):
    fields = dataclasses.asdict(config) | changes
    arguments = str(tmp_path / "run"), "cola", fields, data, config.front_end()
    return Run.start_or_resume(*arguments, defaults=defaults)

  assert resume().folder == run.folder
  with pytest.raises(UserError, match="precision was 'float32' and is now 'mixed_float16'"):
    resume(precision="mixed_float16")


def test_other_settings_are_refused_naming_every_field(tmp_path):
  start(tmp_path / "run")
  with pytest.raises(UserError) as error:
    start(tmp_path / "run", tiny.config(batch_size=8, seed=3), {"clips": 13, "digest": "x"})
  message = str(error.value)
  assert "batch_size was 4 and is now 8" in message
  assert "seed was 0 and is now 3" in message
  assert "data.clips was 12 and is now 13" in message
  assert "steps" not in message
  assert "\n" not in message


def test_a_run_of_the_other_system_is_named_and_left_alone(tmp_path):
  run = start(tmp_path / "run")
  with pytest.raises(UserError, match="holds a run of cola, not of mixback: choose another"):
    Run.start_or_resume(run.folder, "mixback", {}, {}, tiny.config().front_end())


def test_a_folder_with_other_files_is_left_alone(tmp_path):
  (tmp_path / "thesis.txt").write_text("precious")
  with pytest.raises(UserError, match="holds files but not a run"):
    start(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_no_run_cannot_be_opened(tmp_path):
  with pytest.raises(UserError, match="is not a run folder"):
    Run.open(str(tmp_path))


def test_a_run_without_an_encoder_says_so(tmp_path):
  with pytest.raises(UserError, match="no encoder.keras yet"):
    start(tmp_path / "run").encoder()


def test_two_trainings_in_one_folder_are_refused(tmp_path):
  run = start(tmp_path / "run")
  with (
    run.locked(),
    pytest.raises(UserError, match="another process"),
    Run.open(run.folder).locked(),
  ):
    pass


def test_metrics_come_back_and_are_forgotten_after_a_step(tmp_path):
  run = start(tmp_path / "run")
  for step in (10, 20, 30):
    run.log(step, {"loss": step / 10})
  run.log(20, {"knn_accuracy": 0.5})
  with open(run.path("metrics.jsonl"), "a") as file:
    file.write('{"step": 40, "lo')  # a process was killed here
  run.forget_after(20)
  steps, losses = run.metrics("loss")
  assert_close(steps, [10, 20])
  assert_close(losses, [1, 2])
  assert_close(run.metrics("knn_accuracy")[1], [0.5])
  assert len(run.metrics("unknown")[0]) == 0
