"""The training commands: killed, stopped, refused, resumed, used."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.runs import Run
from tests.contrastive_audio.exporting.test_clip_encoder import noise, run_only_tensorflow
from tests.support import (
  assert_close,
  command,
  environment,
  tone,
  train,
  train_apart,
  wait_for,
  write_clips,
)

PAPER = ["--recipe=paper", "--batch_size=4", "--steps=4", "--checkpoint_every=2"]
ENCODERS = {
  "cola": ("efficientnet_b0, 4.0 M weights, 1280-d", 16_000, 1280),
  "mixback": ("crnn, 0.9 M weights, 64-d", 22_050, 64),
}
MORE = {"cola": [], "mixback": ["--encoder=crnn"]}
# Small enough to be trained four times, bit by bit the same.
CUT = ["--recipe=small", "--batch_size=4", "--steps=6", "--checkpoint_every=2", "--deterministic"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ENCODERS)
def system(request):
  """Which system is trained."""
  return request.param


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twelve clips."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "my clips")
  return folder


def arguments(system, run, *more):
  return [f"--run={system}-{run}", "--dataset=my clips", "--store_dir=stores", *more]


@pytest.fixture(scope="module")
def finished(place, system):
  """(run, output) of an uninterrupted training by the recipe `paper`."""
  options = arguments(system, "whole", *PAPER, *MORE[system])
  result = train_apart(*options, cwd=place, system=system)
  return Run.open(str(place / f"{system}-whole")), result


def test_killed_and_stopped_and_started_again_it_ends_with_exactly_the_same_weights(
  place, system, processes
):
  train_apart(*arguments(system, "uncut", *CUT), cwd=place, system=system)
  checkpoints = place / f"{system}-cut" / "checkpoints"
  options = arguments(system, "cut", *CUT)
  killed = processes.start(f"{system}.train", *options, cwd=place)
  wait_for(checkpoints / "step-2.index", killed)
  killed.send_signal(signal.SIGKILL)
  killed.communicate()
  assert killed.returncode == -signal.SIGKILL
  assert not (place / f"{system}-cut" / "saved_model").exists()
  stopped = processes.start(f"{system}.train", *options, cwd=place)
  wait_for(checkpoints / "step-4.index", stopped)
  stopped.send_signal(signal.SIGTERM)
  output, errors = stopped.communicate()
  assert stopped.returncode == 0, errors
  assert "Traceback" not in errors
  if "stopped    after step" in output:  # unless the signal came during the last step
    assert "the same command resumes from there" in output
  train_apart(*options, cwd=place, system=system)
  runs = [Run.open(str(place / f"{system}-{name}")) for name in ("cut", "uncut")]
  ours, theirs = (run.encoder() for run in runs)
  for one, other in zip(ours.weights, theirs.weights, strict=True):
    np.testing.assert_array_equal(one.numpy(), other.numpy())
  assert_close(*(run.metrics("knn_accuracy") for run in runs))


def test_the_summary_says_what_was_trained_and_where_it_is(finished, system):
  output = finished[1].stdout
  for part in (
    "data       12 audio files",
    "store      12 clips",
    "recipe     paper: 4 steps of 4",
  ):
    assert part in output
  for part in (
    f"trained    {system}",
    f"encoder    {ENCODERS[system][0]}",
    "chance 50.0",
    "linear     ",
  ):
    assert part in output
  assert f"model      {system}-whole/saved_model" in output
  assert "\nnext       " in output
  assert ("\nstatistics mean " in output) == (system == "mixback")


def test_the_terminal_shows_progress_and_results_and_no_noise(finished):
  errors = finished[1].stderr
  for noise_of in ("Warning", "WARNING", "cuda", "I0000", "E0000", "oneDNN", "Traceback"):
    assert noise_of not in finished[1].stdout + errors
  lines = [line for line in errors.replace("\r", "\n").splitlines() if line.strip()]
  assert all(line.startswith(("decoding:", "statistics:", "training:")) for line in lines), errors


def test_its_saved_model_embeds_any_length_with_only_tensorflow(finished, place, system):
  run = finished[0]
  _, rate_hz, size = ENCODERS[system]
  waves = {str(seconds): noise(seconds * rate_hz / 16_000) for seconds in (0.1, 1, 60)}
  results = run_only_tensorflow(place / f"{system}-whole", waves)
  desired = ClipEmbedder(ClipEncoder(run.front_end(), run.encoder())).embed(waves.values())
  for name, embedding in zip(waves, desired, strict=True):
    assert embedding.shape == (size,)
    assert_close(results[name], embedding, atol=1e-5 * max(1, np.abs(embedding).max()))
  assert (results["rate"], results["size"]) == (rate_hz, size)


def test_export_writes_the_same_model_again(finished, place, system):
  old = tf.saved_model.load(finished[0].saved_model)
  os.rename(finished[0].saved_model, place / f"{system}_old_model")
  result = command("contrastive_audio.export", f"--run={system}-whole", cwd=place)
  _, rate_hz, size = ENCODERS[system]
  assert result.stdout.splitlines() == [
    f"exported   {system}-whole/saved_model",
    f"takes      waveform [B, n] at {rate_hz} Hz",
    f"gives      embedding [B, {size}]",
  ]
  new = tf.saved_model.load(finished[0].saved_model)
  after, before = (model.embed(noise(1)[None])["embedding"] for model in (new, old))
  assert_close(after, before, atol=1e-5 * float(np.abs(before).max()))


def refused(*options, cwd, system):
  """Runs a command that must end in one line and without a traceback; returns that line."""
  result = train(*options, cwd=cwd, check=False, system=system)
  assert result.returncode == 1, result.stderr
  assert "Traceback" not in result.stderr
  (line,) = [x for x in result.stderr.splitlines() if x and not x.startswith("decoding:")][-1:]
  return line


def test_other_options_on_the_same_folder_are_refused_naming_the_fields(finished, place, system):
  changed = {"cola": ("similarity", "bilinear", "cosine"), "mixback": ("mix", "batch", "none")}
  field, old, new = changed[system]
  options = arguments(system, "whole", *PAPER, *MORE[system], "--batch_size=6", f"--{field}={new}")
  line = refused(*options, cwd=place, system=system)
  assert line.startswith(f"error: '{system}-whole' holds a run with other settings")
  assert "batch_size was 4 and is now 6" in line
  assert f"{field} was {old!r} and is now {new!r}" in line
  assert "seed" not in line


def write_oddities(folder):
  """Adds to two classes of clips everything that people's folders hold."""
  low = write_clips(folder, clips=20) / "low"
  (low / "bad.wav").write_text("no sound")
  (low / "empty.wav").touch()
  soundfile.write(low / "nan.wav", np.array([0, np.nan], "f"), 16_000, subtype="FLOAT")
  whole = (low / "0.wav").read_bytes()
  (low / "cut.wav").write_bytes(whole[: len(whole) // 2])
  soundfile.write(low / "silent.wav", np.zeros(16_000), 16_000)
  soundfile.write(low / "one sample.wav", np.array([0.5]), 16_000)
  soundfile.write(low / "-dash.wav", tone(440, 1.2), 16_000)
  soundfile.write(low / "ümläut 音.wav", tone(440, 1.2, 8_000), 8_000)
  soundfile.write(low / "eight.wav", np.stack([tone(440, 1.2, 192_000)] * 8, axis=1), 192_000)
  os.symlink(folder, low / "loop")


def test_a_folder_of_oddities_trains_and_lists_what_is_no_audio(place, system):
  folder = f"{system} odd"
  write_oddities(place / folder)
  options = [f"--dataset=folder:{folder}", "--store_dir=stores", f"--run={system} odd run"]
  options += ["--steps=2", "--batch_size=40", *MORE[system]]
  assert "4 of 49 clips could not be used" in refused(*options, cwd=place, system=system)
  result = train(*options, "--max_bad_fraction=0.1", cwd=place, system=system)
  assert "data       49 audio files in 2 classes" in result.stdout
  assert "store      45 clips" in result.stdout
  assert "skipped    4 unusable clips" in result.stdout
  assert "silent     1 clip of nothing but zeros, kept" in result.stdout
  listed = (place / f"{system} odd run" / "skipped.csv").read_text().splitlines()
  names = ["file", *(f"low/{name}.wav" for name in ("bad", "cut", "empty", "nan"))]
  assert [line.split(",")[0] for line in listed] == names
  assert "small (the default for 45 clips" in result.stdout
  losses = Run.open(str(place / f"{system} odd run")).metrics("loss")[1]
  assert np.isfinite(losses).all()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--dataset=folder:nowhere"], "error: no such folder: 'nowhere'"),
    (["--dataset=spoken_digt"], "error: unknown data set 'spoken_digt'. Did you mean spoken_digit"),
    (["--dataset=folder:my clips", "--batch_size=13"], "error: a batch of 13 pairs needs as many"),
    (["10"], "error: unexpected argument '10'"),
    (["--dataset=folder:my clips", "--keys=no file"], "error: cannot read --keys=no file: "),
    (["--dataset=folder:my clips", "--keys=keys"], "error: --keys=keys: 1 of 2 keys are no clips"),
  ],
)
def test_a_mistake_is_one_line_without_a_traceback(place, options, message, system):
  (place / "keys").write_text("low/0.wav\nlow/nowhere.wav\n")
  line = refused(*options, "--store_dir=stores", cwd=place, system=system)
  assert line.startswith(message)


def test_help_names_every_flag_that_others_build_on(place, system):
  result = train("--help", cwd=place, system=system)
  names = "dataset data_dir manual_dir run recipe steps batch_size seed monitor_every deterministic"
  mixback = ["encoder", "positives", "mix", "mix_alpha", "mix_energy", "augment"]
  own = {"cola": ["similarity"], "mixback": mixback}
  names = [*names.split(), "max_bad_fraction", "views_on", "store_dir", "split", *own[system]]
  for name in names:
    assert f"--{name}" in result.stdout or f"--[no]{name}" in result.stdout
  assert "logtostderr" not in result.stdout  # nor any other flag of absl's
  assert result.stdout.count(f"  python -m {system}.train --") == 2
  assert result.stderr == ""
  assert train("-h", cwd=place, system=system).stdout == result.stdout


def test_several_data_sets_are_one_and_keys_choose_the_clips(place, system, tmp_path):
  write_clips(tmp_path / "others", classes=["other"], clips=3)
  (tmp_path / "keys").write_text(
    "".join(f"{n}/{i}.wav\n" for n in ("low", "other") for i in (0, 1))
  )
  data = [f"--dataset=folder:{place / 'my clips'}", f"--dataset=folder:{tmp_path / 'others'}"]
  options = ["--steps=1", "--batch_size=4", "--run=joined", f"--keys={tmp_path / 'keys'}"]
  result = train(*data, *options, cwd=tmp_path, system=system)
  assert "store      4 clips, " in result.stdout
  config = Run.open(str(tmp_path / "joined")).config
  assert config["data"]["clips"] == 4
  assert config["config"]["dataset"].endswith("my clips + " + data[1].removeprefix("--dataset="))


MISTAKES = {
  "--recipe=fast": "--recipe=fast: value should be one of <paper|",
  "--steps=-1": "--steps=-1: -1 is not",
  "--stepz=1": "Unknown command line flag 'stepz'. Did you mean: steps",
  "--set=stepz=1": "--set=stepz=1: there is no field 'stepz'; did you mean steps",
  "--steps=ten": "--steps=ten: 'ten' is not a whole number",
  "--set=batch_size=-3": "batch_size=-3: must be at least 2",
  "--set=mask_fill=red": "mask_fill='red': must be one of minimum, mean",
  "--augment=echo": "augment='echo': no augmentation is called echo",
}


@pytest.mark.parametrize("option", MISTAKES)
def test_a_mistyped_value_is_one_line(place, option, system):
  line = refused(option, cwd=place, system=system)
  assert line.startswith(f"error: {MISTAKES[option]}")


SPLITS = """
import sys
from {system}.train import run
try:
  run(["train", *sys.argv[1:]])
finally:
  assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--recipe=fast"], "value should be one of"),
    (["--set=steps=many"], "'many' is not"),
    (["--set=hop_samples=0"], "hop_samples=0: must be at least 1"),
    (["--dataset=clips.csv", "--split=dev"], "no clip with split 'dev'; it has test, train"),
  ],
)
def test_what_needs_no_audio_is_checked_before_tensorflow_is_imported(
  tmp_path, options, message, system
):
  (tmp_path / "clips.csv").write_text("file,label,split\na.wav,x,train\nb.wav,y,test\n")
  done = subprocess.run(
    [sys.executable, "-c", SPLITS.format(system=system), *options],
    cwd=tmp_path, env=environment(), capture_output=True, text=True,
  )  # fmt: skip
  assert done.returncode == 1
  assert message in done.stderr
  assert "AssertionError" not in done.stderr
