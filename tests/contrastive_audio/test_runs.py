"""Run folders: created, resumed, refused."""

import dataclasses
import json
import os
import re
import threading

import keras
import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from tests import failing_disk, tiny
from tests.support import assert_close


def start(folder, config=None, data=None, **options):
  config = config or tiny.config()
  fields, data = dataclasses.asdict(config), data or {"clips": 12, "digest": "x"}
  return Run.start_or_resume(str(folder), "cola", fields, data, config.front_end(), **options)


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


def test_the_same_clips_under_another_path_are_the_same_run(tmp_path):
  start(tmp_path / "run", tiny.config(dataset="folder:clips"))
  config = tiny.config(dataset="folder:/home/me/clips/")
  assert start(f"{tmp_path}/run/", config).config["config"]["dataset"] == "folder:clips"
  with pytest.raises(UserError, match=r"dataset was 'folder:clips' and is now .*digest was 'x'"):
    start(tmp_path / "run", config, {"clips": 12, "digest": "y"})


def test_more_steps_extend_a_run_and_fewer_or_a_schedule_do_not(tmp_path):
  start(tmp_path / "run", tiny.config(steps=12))
  assert start(tmp_path / "run", tiny.config(steps=20)).config["config"]["steps"] == 20
  assert Run.open(str(tmp_path / "run")).config["config"]["steps"] == 20
  with pytest.raises(UserError, match="settings: steps was 20 and is now 12. Use"):
    start(tmp_path / "run", tiny.config(steps=12))
  with pytest.raises(UserError, match="steps was 20 and is now 30; it cannot be extended, because"):
    start(tmp_path / "run", tiny.config(steps=30), fixed_steps="its learning rate falls")
  with pytest.raises(UserError, match="settings: seed was 0 and is now 1; steps was 20 and is now"):
    start(tmp_path / "run", tiny.config(steps=30, seed=1))


def test_a_run_of_the_other_system_is_named_and_left_alone(tmp_path):
  run = start(tmp_path / "run")
  with pytest.raises(UserError, match="holds a run of cola, not of mixback: choose another"):
    Run.start_or_resume(run.folder, "mixback", {}, {}, tiny.config().front_end())


def test_a_folder_with_other_files_is_left_alone(tmp_path):
  (tmp_path / "thesis.txt").write_text("precious")
  with pytest.raises(UserError, match="holds files but not a run"):
    start(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_is_made_into_a_run_after_a_kill_or_a_full_disk_at_any_moment(tmp_path):
  config = tiny.config()

  def check(run):
    assert Run.open(run.folder).config == run.config
    assert set(os.listdir(run.folder)) == {"config.json", "lock"}

  tried = failing_disk.check_that_it_goes_on(
    tmp_path / "run", lambda: start(tmp_path / "run", config), check
  )
  assert tried > 8


def test_a_folder_that_version_0_1_left_half_made_becomes_a_run(tmp_path):
  (tmp_path / "plots").mkdir()
  (tmp_path / "tmpa1_b2c3d").touch()
  (tmp_path / "lock").touch()
  assert start(tmp_path).folder == str(tmp_path)


def test_of_three_at_once_one_trains_and_two_say_which_one_does(tmp_path):
  for number in range(30):
    results, told = [], threading.Semaphore(0)
    folder, everybody = str(tmp_path / str(number)), threading.Barrier(3)

    def train(folder=folder, results=results, told=told, everybody=everybody):
      lock = Run.lock(folder)
      everybody.wait()
      try:
        os.makedirs(folder, exist_ok=True)
        with lock.held():
          results.append(start(folder, lock=lock).folder)
          for _ in range(2):
            told.acquire()
      except UserError as error:
        results.append(str(error))
        told.release()

    threads = [threading.Thread(target=train) for _ in range(3)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    assert results.count(folder) == 1, results
    refused = f"another process is training this run (pid {os.getpid()}, host "
    assert sum(result.startswith(refused) for result in results) == 2, results


def networks():
  """An encoder and a head of a few weights."""
  encoder = [keras.Input([None, 64, 1]), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPool2D()]
  return keras.Sequential(encoder), keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])


def load_or_message(load):
  """Returns (weights, None) or (None, message)."""
  try:
    return load().get_weights(), None
  except UserError as error:
    return None, str(error)


def test_networks_that_are_damaged_are_one_line_and_never_other_weights(tmp_path):
  run = start(tmp_path / "run")
  saved = networks()
  run.save_networks(*saved)
  for name, load, network in zip(("encoder", "head"), (run.encoder, run.head), saved):
    path = tmp_path / "run" / f"{name}.keras"
    whole = path.read_bytes()
    flipped = [bytearray(whole) for _ in range(0, len(whole), 211)]
    for number, content in enumerate(flipped):
      content[211 * number] ^= 16
    for content in (b"", b"no network", whole[: len(whole) // 2], *flipped):
      path.write_bytes(content)
      loaded, message = load_or_message(load)
      assert loaded or re.fullmatch(rf"{path} cannot be read \([^\n]+\): [^\n]+", message)
      for ours, theirs in zip(loaded or [], network.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    path.write_bytes(whole)


@pytest.mark.parametrize(
  "damage",
  [
    {"class_name": "Nothing", "registered_name": "audio>Nothing"},
    {"class_name": "Dense", "module": "keras.layers", "registered_name": None},
    {"config": None},
    {"config": {"frames": 96}},
    {"config": []},
    {"registered_name": 7, "class_name": []},
  ],
)
def test_a_front_end_that_cannot_be_built_is_one_line(tmp_path, damage):
  run = start(tmp_path / "run")
  run.config["input"] |= damage
  with pytest.raises(UserError, match=r"^[^\n]*config.json holds no front end that this [^\n]*$"):
    run.front_end()


@pytest.mark.parametrize("name", ["fft_samples", "num_mels", "hop_samples", "fmax_hz", "floor"])
@pytest.mark.parametrize("value", [None, "x", [], {}, -1, float("nan"), 1 << 60, True])
def test_a_number_that_no_front_end_has_is_one_line_and_no_end_of_the_process(
  tmp_path, name, value
):
  run = start(tmp_path / "run")
  run.config["input"]["config"]["log_mel"][name] = value
  if (name, value) in (("floor", -1), ("floor", 1 << 60)):
    return
  with pytest.raises(UserError, match=r"^[^\n]*config.json holds no front end that this [^\n]*$"):
    run.front_end()


def test_a_head_in_the_place_of_the_encoder_is_one_line(tmp_path):
  run = start(tmp_path / "run")
  encoder, head = networks()
  run.save_networks(head, encoder)
  for load in (run.encoder, run.head):
    with pytest.raises(UserError, match=r"keras holds another network, from \(None, "):
      load()


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


def test_metrics_come_back_and_are_forgotten_after_a_step(tmp_path, capsys):
  run = start(tmp_path / "run")
  for step in (10, 20, 30):
    run.log(step, {"loss": step / 10})
  run.log(20, {"knn_accuracy": 0.5})
  with open(run.path("metrics.jsonl"), "ab") as file:
    file.write(b'\xff\x00\n[1]\n{"step": "x"}\n{"step": 40, "lo')  # a process was killed here
  run.forget_after(20)
  assert capsys.readouterr().out.endswith("metrics.jsonl: 3 lines left out\n")
  steps, losses = run.metrics("loss")
  assert_close(steps, [10, 20])
  assert_close(losses, [1, 2])
  assert_close(run.metrics("knn_accuracy")[1], [0.5])
  assert len(run.metrics("unknown")[0]) == 0
  run.forget_after(20, unfinished="loss")
  assert run.metrics("loss")[0].tolist() == [10]
  assert run.metrics("knn_accuracy")[0].tolist() == [20]
