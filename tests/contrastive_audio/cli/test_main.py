"""A command: help, mistakes and interruptions, each as a person should see it."""

import errno
import os
import platform
import subprocess
import sys

import keras
import pytest
import tensorflow as tf
from absl import flags

from contrastive_audio.cli.flags import define_gpu_flags
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from tests.support import environment

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def define_flags():
  with flag_group("Music"):
    flags.DEFINE_integer("beats", 120, "Tempo.", lower_bound=1)
    flags.DEFINE_enum("key", "a", ["a", "b"], "Key.")
    flags.DEFINE_multi_string("part", [], "Part.")
  with flag_group(REQUIRED):
    flags.DEFINE_string("score", None, "What is played.", required=True)


def run(*arguments, main=lambda _: None):
  examples = ["python -m play --score=fugue", "python -m play --score=fugue --beats=60"]
  run_main(main, define_flags, "python -m play: plays a score.", examples, ["play", *arguments])


@pytest.mark.parametrize("flag", ["-h", "--help", "--helpfull"])
def test_help_shows_the_commands_own_flags_required_ones_first_and_exits_with_0(flag, capsys):
  with pytest.raises(SystemExit) as ended:
    run(flag)
  assert ended.value.code == 0
  assert capsys.readouterr().out == (
    "python -m play: plays a score.\n\n"
    "Examples:\n  python -m play --score=fugue\n  python -m play --score=fugue --beats=60\n\n"
    "Required:\n  --score=VALUE  What is played.\n\n"
    "Music:\n  --beats=N  Tempo. Default: 120.\n  --key=VALUE  Key. One of a, b. Default: a.\n"
    "  --part=VALUE  Part. May be repeated.\n"
  )


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "required: --score (--help lists"),
    (["--score=fugue", "--beats=0"], "--beats=0: 0 is not a positive integer"),
    (["--score=fugue", "--key=c"], "--key=c: value should be one of <a|b>"),
    (["--score=fugue", "--tempo=3"], "Unknown command line flag 'tempo'"),
    (["--score=fugue", "60"], "unexpected argument '60'"),
  ],
)
def test_a_mistake_is_one_line_and_exit_code_1(arguments, message, capsys):
  with pytest.raises(SystemExit) as ended:
    run(*arguments)
  assert ended.value.code == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith(f"error: {message}")


def fail(error):
  def main(_):
    raise error

  return main


@pytest.mark.parametrize(
  ("error", "code", "message"),
  [
    (UserError("no such score"), 1, "error: no such score"),
    (KeyboardInterrupt(), 130, "interrupted; the same command resumes"),
    (OSError(errno.ENOSPC, "No space left on device", "x.wav"), 1, "error: cannot write x.wav: no"),
  ],
)
def test_what_a_user_can_mend_is_one_line(error, code, message, capsys):
  with pytest.raises(SystemExit) as ended:
    run("--score=fugue", main=fail(error))
  assert ended.value.code == code
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith(message)


def test_one_process_can_run_several_commands():
  seen = []
  for beats in (60, 90):
    arguments = ["--score=fugue", f"--beats={beats}"]
    run(*arguments, main=lambda _: seen.append(flags.FLAGS.beats))
  run("--score=fugue", main=lambda _: seen.append(flags.FLAGS.beats))
  assert seen == [60, 90, 120]


@pytest.fixture
def growing(monkeypatch):
  """The GPUs, of two that the machine seems to have, whose memory was made to grow."""
  gpus = ["GPU:0", "GPU:1"]
  grown = []
  monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus)
  monkeypatch.setattr(
    tf.config.experimental, "set_memory_growth", lambda gpu, grow: grown.append((gpu, grow))
  )
  return grown


def test_every_gpu_lends_its_memory_as_it_is_needed_unless_a_flag_says_otherwise(growing):
  start_tensorflow()  # a command without the flag
  assert growing == [("GPU:0", True), ("GPU:1", True)]
  growing.clear()
  for arguments, count in (([], 2), (["--nogpu_memory_growth"], 0), (["--gpu_memory_growth"], 2)):
    run_main(lambda _: start_tensorflow(), define_gpu_flags, "", [], ["play", *arguments])
    assert len(growing) == count, arguments
    growing.clear()


def test_products_of_float32_keep_all_bits_if_the_flag_says_so(monkeypatch):
  asked = []
  monkeypatch.setattr(tf.config.experimental, "enable_tensor_float_32_execution", asked.append)
  start_tensorflow()
  for arguments in ([], ["--tensor_float_32"], ["--notensor_float_32"]):
    run_main(lambda _: start_tensorflow(), define_gpu_flags, "", [], ["play", *arguments])
  assert asked == [False]


STARTED = """
import gc
from contrastive_audio.cli.main import start_tensorflow
collections = gc.get_stats()[2]["collections"]
start_tensorflow()
assert gc.isenabled()
assert gc.get_freeze_count() > 100_000, "imports are searched for garbage"
assert gc.get_stats()[2]["collections"] == collections, "garbage was looked for while importing"
frozen = gc.get_freeze_count()
start_tensorflow()
assert gc.get_freeze_count() == frozen, "garbage of commands would stay"
from tensorflow.python.eager import context
assert context.context()._context_handle is None, "a device is in use before its memory may grow"
"""


@pytest.mark.slow
def test_starting_tensorflow_uses_no_device_and_looks_for_no_garbage():
  done = subprocess.run(
    [sys.executable, "-c", STARTED], env=environment(), capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr


CHOSEN = """
from contrastive_audio.cli.main import start_tensorflow
start_tensorflow()
from tensorflow.python.framework import test_util
print(test_util.IsMklEnabled())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN is switched on for x86")
@pytest.mark.parametrize(("chosen", "is_on"), [({}, True), ({ONEDNN: "0"}, False)])
def test_a_processor_of_any_age_computes_with_onednn_unless_the_user_switches_it_off(chosen, is_on):
  without = {name: value for name, value in environment().items() if name != ONEDNN}
  done = subprocess.run(
    [sys.executable, "-c", CHOSEN], env=without | chosen, capture_output=True, text=True
  )
  assert done.stdout.split()[-1:] == [str(is_on)], done.stderr
  assert "oneDNN" not in done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN is switched on for x86")
def test_tensorflow_decides_about_onednn_where_a_training_computes_in_bfloat16(monkeypatch):
  def define():
    with flag_group("Training"):
      flags.DEFINE_string("precision", "float32", "Of the networks.")

  chosen = []
  for precision in ("mixed_bfloat16", "float32"):
    monkeypatch.delenv(ONEDNN, raising=False)
    run_main(lambda _: start_tensorflow(), define, "", [], ["play", f"--precision={precision}"])
    chosen.append(os.environ.get(ONEDNN))
  assert chosen == [None, "1"]


def test_a_keras_json_of_the_user_changes_nothing_in_a_command():
  keras.config.set_image_data_format("channels_first")
  keras.config.set_floatx("float16")
  keras.config.set_epsilon(0.1)
  start_tensorflow()
  assert keras.config.image_data_format() == "channels_last"
  assert (keras.config.floatx(), keras.config.epsilon()) == ("float32", 1e-7)
  assert keras.layers.Dense(1).dtype_policy.name == "float32"


def test_places_may_begin_with_the_home_of_the_user_and_nothing_else_is_expanded(monkeypatch):
  monkeypatch.setenv("HOME", "/home/me")

  def define():
    with flag_group("Places"):
      for name in ("run", "data_dir", "model", "title"):
        flags.DEFINE_string(name, None, "Text.")

  seen = []
  arguments = ["play", "--run=~/runs/mine", "--data_dir=~/sets"]
  arguments += ["--model=random:~/x", "--title=~/fugue"]
  run_main(lambda _: seen.append(flags.FLAGS.flag_values_dict()), define, "play", [], arguments)
  texts = [seen[0][name] for name in ("run", "data_dir", "model", "title")]
  assert texts == ["/home/me/runs/mine", "/home/me/sets", "random:~/x", "~/fugue"]
