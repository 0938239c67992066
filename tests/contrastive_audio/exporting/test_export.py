"""Every export format gives the embedding of the run, on clips of any length."""

import functools
import re
import sys

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting import converters, export, saved_model
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from contrastive_audio.sound import reading
from contrastive_audio.utils.extras import install_hint
from tests.contrastive_audio.exporting.exported import (
  RELATIVE,
  assert_agrees,
  embeddings_of,
  make_run,
  onnx,
  onnx_or_skip,
  tflite,
  waves,
)
from tests.support import assert_close, command, shared_data

# Even cut it takes TensorFlow and both converters many seconds.
NETWORKS = ["frame_cnn", "crnn", pytest.param("efficientnet_b0", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=NETWORKS)
def run(request, tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("export") / request.param, request.param)


@functools.cache
def export_once(run, file_format):
  """What export.export returns; several tests read the same file."""
  return export.export(run, file_format)


def test_a_saved_model_agrees(run):
  path = export_once(run, "saved_model").path
  loaded = tf.saved_model.load(path)
  assert path == run.saved_model
  assert "classify" not in loaded.signatures
  assert_agrees(lambda wave: loaded.embed(wave)["embedding"], run)


@pytest.mark.slow
def test_tflite_agrees_with_builtin_operations_only(run):
  exported = export_once(run, "tflite")
  path = exported.path
  assert path == run.path("model.tflite")
  assert exported.takes.startswith("waveform [B, n]")
  with open(path, "rb") as file:
    assert b"Flex" not in file.read()
  assert_agrees(lambda wave: tflite_of(path)(wave)["embedding"], run)


def tflite_of(path, made={}):  # noqa: B006  one interpreter for all clips: it resizes its input
  return made.setdefault(path, tflite(path))


def test_onnx_takes_a_waveform_and_agrees(run):
  onnx_or_skip()
  exported = export_once(run, "onnx")
  assert exported.takes.startswith("waveform [B, n]")
  embed = onnx(exported.path)
  assert_agrees(lambda wave: embed(wave)["embedding"], run)


@functools.cache
def real_clips(rate_hz):
  """Ten recordings of instruments and of the environment, each of another length."""
  notes = sorted(shared_data("philharmonia").rglob("*.mp3"))[::20]
  by_length = {soundfile.info(path).frames: path for path in notes}
  chosen = np.linspace(0, len(by_length) - 1, 9).astype(int)
  paths = [by_length[sorted(by_length)[index]] for index in chosen]
  paths.append(min(shared_data("esc10").rglob("*.ogg")))
  return [reading.read(path, rate_hz) for path in paths]


@pytest.mark.parametrize("file_format", ["saved_model", "tflite", "onnx"])
def test_every_format_agrees_on_ten_real_clips(run, file_format):
  if file_format == "onnx":
    onnx_or_skip()
  clips = real_clips(run.front_end().sample_rate_hz)
  assert len({len(clip) for clip in clips}) == 10
  path = export_once(run, file_format).path
  if file_format == "saved_model":
    loaded = tf.saved_model.load(path)  # its functions do not keep it alive
    model = loaded.embed
  else:
    model = {"tflite": tflite, "onnx": onnx}[file_format](path)
  assert_agrees(lambda wave: model(wave)["embedding"], run, clips)


@pytest.mark.parametrize("file_format", ["saved_model", "tflite", "onnx"])
def test_a_clip_with_a_sample_that_is_not_finite_is_nan_and_the_others_stay(run, file_format):
  if file_format == "onnx":
    onnx_or_skip()
  path = export_once(run, file_format).path
  if file_format == "saved_model":
    loaded = tf.saved_model.load(path)
    embed = loaded.embed
  else:
    embed = {"tflite": tflite_of, "onnx": onnx}[file_format](path)
  clean = np.stack([wave[:40_000] for wave in waves(run)[-3:]])
  desired = np.array(embed(clean)["embedding"])
  for bad, sample, value in [(0, 0, np.nan), (1, 20_001, np.inf), (2, -1, -np.inf)]:
    batch = clean.copy()
    batch[bad, sample] = value
    embeddings = np.array(embed(batch)["embedding"])
    assert np.isnan(embeddings[bad]).all()
    others = np.delete(embeddings, bad, axis=0)
    assert_close(others, np.delete(desired, bad, axis=0), atol=1e-6)


@pytest.mark.slow
def test_the_whole_of_efficientnet_b0_agrees_as_tflite(tmp_path):
  run = make_run(tmp_path / "run", "efficientnet_b0", encoder=encoders.efficientnet_b0(64))
  assert run.encoder().output_shape == (None, 1280)
  embed = tflite(export.export(run, "tflite").path)
  assert_agrees(lambda wave: embed(wave)["embedding"], run, waves(run)[6:8])


def test_a_saved_model_traces_its_encoder_once_and_holds_each_weight_once(small_run, tmp_path):
  encoder, calls = small_run.encoder(), []
  run_layers = encoder.call
  encoder.call = lambda *inputs, **options: calls.append(1) or run_layers(*inputs, **options)
  saved_model.export_saved_model(small_run.front_end(), encoder, str(tmp_path / "model"))
  assert len(calls) == 1
  size = sum(path.stat().st_size for path in (tmp_path / "model" / "variables").iterdir())
  weights_size = 4 * encoder.count_params()
  assert weights_size < size < 1.05 * weights_size


def test_silence_and_batches(small_run, tmp_path):
  embed = tflite(export.export(small_run, "tflite", str(tmp_path / "a.tflite")).path)
  silence = np.zeros(40_000, "f")
  assert_agrees(lambda wave: embed(wave)["embedding"], small_run, [silence])
  both = np.stack([waves(small_run)[7][:40_000], silence])
  for row, desired in zip(embed(both)["embedding"], embeddings_of(small_run, list(both))):
    assert_close(row, desired, atol=RELATIVE * np.abs(desired).max())


def test_keras_is_the_encoder_on_log_mels(small_run, tmp_path):
  exported = export.export(small_run, "keras", str(tmp_path / "new" / "mine.keras"))
  assert exported.takes.startswith("log_mels")
  front_end, (wave, *_) = small_run.front_end(), waves(small_run)
  log_mels = front_end(front_end.cut(*front_end.covering(wave[None]))[0])
  encoder = keras.saving.load_model(exported.path)
  assert_close(encoder(log_mels[..., None])[0], embeddings_of(small_run, [wave])[0], atol=1e-5)
  assert export.export(small_run, "keras").path == small_run.path("encoder.keras")


def test_where_the_front_end_does_not_convert_onnx_is_the_encoder(small_run, tmp_path, monkeypatch):
  onnx_or_skip()

  def refuse(*args, **kwargs):
    raise converters._DoesNotConvert("no such operation")

  monkeypatch.setattr(converters, "PortableEncoder", refuse)
  exported = export.export(small_run, "onnx", str(tmp_path / "a.onnx"), clip_pooling="windows")
  assert exported.takes.startswith(
    "log_mels [N, 96, 64], as the front end does not convert (no such"
  )
  session = onnx_or_skip().InferenceSession(exported.path)
  log_mels = np.random.default_rng(0).normal(0, 1, [3, 96, 64]).astype("f")
  desired = small_run.encoder()(log_mels[..., None]).numpy()
  log_mels[1, 5, 7] = np.nan
  (found,) = session.run(["embedding"], {"log_mels": log_mels})
  assert np.isnan(found[1]).all()
  assert_close(found[::2], desired[::2], atol=RELATIVE * np.abs(desired).max())


def refused(run, *arguments):
  with pytest.raises(UserError) as caught:
    export.export(run, *arguments)
  message = str(caught.value)
  assert "\n" not in message
  return message


def test_what_is_no_export_is_not_replaced(small_run, tmp_path):
  (tmp_path / "holiday.jpg").touch()
  assert "is not a SavedModel" in refused(small_run, "saved_model", str(tmp_path))
  (tmp_path / "x.tflite").mkdir()
  assert "is a folder" in refused(small_run, "tflite", str(tmp_path / "x.tflite"))
  assert "ends in .tflite" in refused(small_run, "tflite", str(tmp_path / "x"))
  assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.jpg", "x.tflite"]


def test_a_missing_package_is_named(small_run, monkeypatch):
  monkeypatch.setitem(sys.modules, "tf2onnx", None)
  message = refused(small_run, "onnx")
  assert install_hint("onnx") in message
  assert "tf2onnx" in message


def test_an_encoder_that_does_not_convert_leaves_the_old_file(small_run, tmp_path, monkeypatch):
  log_mels = keras.Input([96, 64, 1])
  weird = keras.Model(log_mels, keras.ops.sum(keras.ops.erfinv(log_mels), axis=(1, 2)))
  monkeypatch.setattr(Run, "encoder", lambda self: weird)
  (tmp_path / "a.tflite").write_bytes(b"old")
  message = refused(small_run, "tflite", str(tmp_path / "a.tflite"))
  assert "does not convert to builtin operations" in message
  assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize(
  ("model", "message"),
  [
    ("nowhere", "--model=nowhere: there is no such folder; export takes a run folder"),
    ("empty", "--model=empty is not a run folder: it holds no config.json"),
    ("started", "--model=started has no encoder.keras yet: let its training end"),
  ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(model, message, tmp_path):
  (tmp_path / "empty").mkdir()
  (tmp_path / "started").mkdir()
  (tmp_path / "started" / "config.json").write_text("{}")
  done = command("contrastive_audio.export", f"--model={model}", cwd=tmp_path, check=False)
  assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
  assert done.stderr.startswith(f"error: {message}")


def test_the_command_prints_where_and_what_and_how_long_it_took(small_run, tmp_path):
  done = command(
    "contrastive_audio.export", f"--run={small_run.folder}", "--format=tflite", "--output=a.tflite",
    cwd=tmp_path,
  )  # fmt: skip
  assert re.fullmatch(r"exporting tflite \.\.\. \d+\.\d s\n", done.stderr)
  assert done.stdout == (
    "exported   a.tflite\ntakes      waveform [B, n] at 16000 Hz\n"
    "gives      embedding [B, 3072], clip_pooling=windows_max\n"
  )


def test_of_the_two_names_of_the_model_the_help_requires_one(tmp_path):
  groups = command("contrastive_audio.export", "--help", cwd=tmp_path).stdout.split("\n\n")
  (required,) = [group for group in groups if group.startswith("Required:")]
  assert required.count("\n") == 1
  assert "  --run=VALUE  Alias for --model.\n" in groups[-1]
