"""The training commands: what they print, write and refuse, and how a run is used."""

import json
import os
import re

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.runs import Run
from tests.contrastive_audio.exporting.test_clip_encoder import noise, run_only_tensorflow
from tests.support import (
  assert_close,
  command,
  refused,
  tone,
  train,
  train_apart,
  write_clips,
)

PAPER = ["--recipe=paper", "--batch_size=4", "--steps=4", "--checkpoint_every=2"]
ENCODERS = {
  "cola": ("efficientnet_b0, 4.0 M weights, 1280-d", 16_000, 1280),
  "mixback": ("crnn, 0.9 M weights, 64-d", 22_050, 64),
}
MORE = {"cola": [], "mixback": ["--encoder=crnn"]}
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


def test_the_summary_says_what_was_trained_and_where_it_is(finished, system):
  output = finished[1].stdout
  for part in (
    "data       12 audio files",
    "store      12 clips",
    "device     CPU, ",
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
  stages = ("building", "decoding", "statistics", "drawing", "evaluating", "training", "exporting")
  assert all(line.startswith(stages) for line in lines), errors


def test_its_saved_model_embeds_any_length_with_only_tensorflow(finished, place, system):
  run = finished[0]
  _, rate_hz, size = ENCODERS[system]
  waves = {str(seconds): noise(seconds * rate_hz / 16_000) for seconds in (0.1, 1, 12)}
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


def test_print_config_prints_what_a_training_records(finished, place, system):
  options = ["--print_config", *arguments(system, "whole", *PAPER, *MORE[system])]
  printed = json.loads(train(*options, cwd=place, system=system).stdout)
  measured = {"mean": None, "std": None} if system == "mixback" else {}
  open_until_decoded = measured | {"piece_s": None}
  assert printed["config"] == finished[0].config["config"] | open_until_decoded


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
  if system == "mixback":
    pytest.skip("both read clips from the same stores: once is enough")
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


def test_several_data_sets_are_one_keys_choose_the_clips_and_others_are_monitored(
  place, system, tmp_path
):
  if system == "cola":
    pytest.skip("both read clips from the same stores: once is enough")
  write_clips(tmp_path / "others", classes=["other"], clips=3)
  (tmp_path / "keys").write_text(
    "".join(f"{n}/{i}.wav\n" for n in ("low", "other") for i in (0, 1))
  )
  data = [f"--dataset=folder:{place / 'my clips'}", f"--dataset=folder:{tmp_path / 'others'}"]
  options = ["--steps=1", "--batch_size=4", "--run=joined", f"--keys={tmp_path / 'keys'}"]
  monitor = f"--monitor={place / 'my clips'}"
  result = train(*data, *options, monitor, cwd=tmp_path, system=system)
  assert "store      4 clips, " in result.stdout
  watched = re.search(r"monitor    (\d+) clips in 2 classes of folder:.*my clips\n", result.stdout)
  assert int(watched[1]) > 4  # not those of the training
  assert "heard      4 of 12 clips of --monitor are trained on, too" in result.stdout  # or copies
  run = Run.open(str(tmp_path / "joined"))
  assert run.metrics("knn_chance")[1].tolist() == [0.5, 0.5]
  config = run.config
  assert config["data"]["clips"] == 4
  assert config["config"]["dataset"].endswith("my clips + " + data[1].removeprefix("--dataset="))
  others = train(*data, *options, cwd=tmp_path, system=system, check=False)
  assert "error: joined has been evaluated on other labelled clips, and one" in others.stderr
  same = train(*data, *options, monitor, cwd=tmp_path, system=system)
  assert "kNN        " in same.stdout
