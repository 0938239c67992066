"""The benchmark of a day of audio runs the commands as they are, and notices what it looks for."""

import dataclasses
import importlib
import subprocess

import numpy as np
import pytest
import soundfile
from absl import flags

from benchmarks import long_recordings
from benchmarks.long_recordings import RATE_HZ, Work
from contrastive_audio.cli.help import forget_flags
from contrastive_audio.errors import UserError


@pytest.mark.parametrize("step", ["embedding", "detecting"])
def test_the_commands_have_these_flags(step):
  module, *words = getattr(Work("place", "all", "logmel_stats", 1.0), step)()
  forget_flags()
  importlib.import_module(module)._define_flags()
  try:
    assert flags.FLAGS([module, *words]) == [module]
    assert flags.FLAGS.hop_s == 1
    assert flags.FLAGS.output.startswith("place/all-out.")
  finally:
    forget_flags()


def test_recordings_repeat_a_scene_with_other_noise_and_last_as_long_as_asked(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(long_recordings, "_REPEATED_S", 20)
  long_recordings.write_recordings(str(tmp_path / "all"), hours=50 / 3600)
  wave, rate_hz = soundfile.read(tmp_path / "all" / "00.wav")
  assert (rate_hz, len(wave)) == (RATE_HZ, 50 * RATE_HZ)
  first, second = wave[: 20 * RATE_HZ], wave[20 * RATE_HZ : 40 * RATE_HZ]
  assert np.abs(first - second).max() > 0.01
  assert np.corrcoef(first, second)[0, 1] > 0.2
  assert np.abs(wave).max() < 1


def test_what_is_killed_has_finished_a_part_and_another_result_is_noticed(tmp_path, monkeypatch):
  started = []

  def start(command, cache):
    """Writes a part at once, and its result later; undisturbed at once."""
    (output,) = [word.partition("=")[2] for word in command if word.startswith("--output=")]
    killed = "-killed." in output and output not in started
    started.append(output)
    waiting = f"touch '{output}.part-00000.arrow' && sleep 30;" if killed else ""
    return subprocess.Popen(["sh", "-c", f"{waiting} printf %s '{text or output}' > '{output}'"])

  monkeypatch.setattr(long_recordings, "_start", start)
  monkeypatch.setattr(long_recordings, "_PART", "*part-00000.arrow")
  work = Work(str(tmp_path), "all", "logmel_stats", 1.0)
  text = "all results are alike"
  row = long_recordings.check_resuming(work, hours=1)
  assert row[:2] == ["killed, resumed: identical", "1"]
  assert [output.rpartition("-")[2] for output in started] == [
    *("out.npz", "killed.npz", "killed.npz"),
    *("out.csv", "killed.csv", "killed.csv"),
  ]
  started.clear()
  text = ""
  work = dataclasses.replace(work, name="others")
  with pytest.raises(
    UserError, match=r"others-killed.npz: killed after its first part and resumed"
  ):
    long_recordings.check_resuming(work, hours=1)
  with pytest.raises(UserError, match="ended before it could be killed"):
    long_recordings.kill_command([*work.embedding()], str(tmp_path / "no part"))
