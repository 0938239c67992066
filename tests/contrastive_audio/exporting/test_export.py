"""Every export format gives the embedding of the run, on clips of any length."""

import dataclasses
import functools
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

import cola.config
import mixback.config
from contrastive_audio.errors import UserError
from contrastive_audio.exporting import converters, export
from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from contrastive_audio.sound import reading
from tests.support import assert_close, command, shared_data

SECONDS = (0.0007, 0.1, 0.975, 0.98, 1, 1.37, 2.5, 5, 10.01, 21)
RELATIVE = 1e-4
SYSTEMS = {
  "frame_cnn": (cola.config, "small"),
  "efficientnet_b0": (cola.config, "paper"),
  "crnn": (mixback.config, "paper"),
}

# Even cut it takes TensorFlow and both converters many seconds.
NETWORKS = ["frame_cnn", "crnn", pytest.param("efficientnet_b0", marks=pytest.mark.slow)]


def onnx_or_skip():
  pytest.importorskip("tf2onnx", reason="the extra [onnx] is not installed")
  return pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")


def make_run(folder, network):
  """A run folder with random weights and, in BatchNorm, random statistics."""
  system, recipe = SYSTEMS[network]
  changes = {name: deviation.value for name, deviation in system.RECIPES[recipe].items()}
  config = dataclasses.replace(system.Config(), **(changes | {"encoder": network}))
  config = dataclasses.replace(config, mean=-2.0, std=1.5)
  run = Run.start_or_resume(
    str(folder), system.__name__, dataclasses.asdict(config), {}, config.front_end()
  )
  keras.utils.set_random_seed(0)
  encoder = make_encoder(network, config.num_mels)
  rng = np.random.default_rng(0)
  for layer in encoder.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
      layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.moving_variance.shape))
    elif isinstance(layer, keras.layers.Normalization):
      layer.set_weights([np.array([0.1]), np.array([0.8]), np.array(1)])
  run.save_encoder(encoder)
  return run


def make_encoder(network, num_mels):
  """An encoder; of EfficientNet-B0 the first four blocks, which hold every kind of its layers.

  The other twelve repeat them, and would make these tests three times as long.
  """
  encoder = getattr(encoders, network)(num_mels)
  if network != "efficientnet_b0":
    return encoder
  cut = encoder.get_layer("block3a_project_bn").output
  shorter = keras.Model(encoder.input, keras.layers.GlobalMaxPooling2D()(cut), name=network)
  assert {type(layer) for layer in shorter.layers} == {type(layer) for layer in encoder.layers}
  return shorter


@pytest.fixture(scope="module", params=NETWORKS)
def run(request, tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("export") / request.param, request.param)


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("small") / "run", "frame_cnn")


def waves(run):
  rng = np.random.default_rng(0)
  rate_hz = run.front_end().sample_rate_hz
  return [rng.normal(0, 0.1, int(seconds * rate_hz)).astype("f") for seconds in SECONDS]


@functools.cache
def desired_of(run):
  return embeddings_of(run, waves(run))


def embeddings_of(run, clips):
  return list(ClipEmbedder(ClipEncoder(run.front_end(), run.encoder())).embed(clips))


def assert_agrees(embed, run, clips=None):
  pairs = zip(clips, embeddings_of(run, clips)) if clips else zip(waves(run), desired_of(run))
  for wave, desired in pairs:
    largest = np.abs(desired).max()
    assert largest > 0
    assert_close(embed(wave[None])[0], desired, atol=RELATIVE * largest)


def tflite(path):
  """A callable, waveform -> outputs; the interpreter says that it is going to move."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    runner = tf.lite.Interpreter(str(path)).get_signature_runner()
  return lambda wave: runner(waveform=wave)


def onnx(path):
  """A callable, waveform -> outputs."""
  session = onnx_or_skip().InferenceSession(str(path))
  names = [output.name for output in session.get_outputs()]
  return lambda wave: dict(zip(names, session.run(names, {"waveform": wave})))


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


@pytest.mark.slow
def test_the_whole_of_efficientnet_b0_agrees_as_tflite(tmp_path, monkeypatch):
  whole = encoders.efficientnet_b0
  monkeypatch.setattr(sys.modules[__name__], "make_encoder", lambda _, num_mels: whole(num_mels))
  run = make_run(tmp_path / "run", "efficientnet_b0")
  assert run.encoder().output_shape == (None, 1280)
  embed = tflite(export.export(run, "tflite").path)
  assert_agrees(lambda wave: embed(wave)["embedding"], run, waves(run)[6:8])


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
  exported = export.export(small_run, "onnx", str(tmp_path / "a.onnx"))
  assert exported.takes.startswith(
    "log_mels [N, 96, 64], as the front end does not convert (no such"
  )
  session = onnx_or_skip().InferenceSession(exported.path)
  log_mels = np.random.default_rng(0).normal(0, 1, [3, 96, 64]).astype("f")
  desired = small_run.encoder()(log_mels[..., None]).numpy()
  (found,) = session.run(["embedding"], {"log_mels": log_mels})
  assert_close(found, desired, atol=RELATIVE * np.abs(desired).max())


# With a classifier


def make_classifier(run, multi_label=False, **changes):
  embedder = ClipEmbedder(ClipEncoder(run.front_end(), run.encoder()))
  rng = np.random.default_rng(1)
  fields = {
    "weights": rng.normal(0, 0.05, [run.encoder().output_shape[-1], 3]).astype("f"),
    "bias": np.array([0.2, -0.1, 0], "f"),
    "class_names": ("dog", "rain", "Vögel, viele"),
    "multi_label": multi_label,
    "model": "runs/x",
    "fingerprint": fingerprint(embedder, run.front_end().sample_rate_hz),
  }
  return LinearClassifier(**(fields | changes))


def by_hand(classifier, embedding):
  logits = embedding @ classifier.weights + classifier.bias
  if classifier.multi_label:
    return 1 / (1 + np.exp(-logits))
  return np.exp(logits) / np.exp(logits).sum()


ONLY_TENSORFLOW = """
import sys
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load("model")
assert not {"audio", "downstream"} & {name.split(".")[0] for name in sys.modules}
result = loaded.signatures["classify"](waveform=tf.constant(np.load("waves.npy")))
names = [label.decode() for label in result["labels"].numpy()]
assert names == ["dog", "rain", "Vögel, viele"], names
np.save("scores.npy", result["scores"])
"""


def test_a_saved_model_with_a_classifier_needs_only_tensorflow(small_run, tmp_path):
  classifier = make_classifier(small_run)
  classifier.save(str(tmp_path / "head"))
  exported = export.export(
    small_run, "saved_model", str(tmp_path / "model"), str(tmp_path / "head")
  )
  assert exported.gives.endswith("scores [., 3]")
  batch = np.stack([wave[:16_000] for wave in waves(small_run)[-2:]])
  np.save(tmp_path / "waves.npy", batch)
  (tmp_path / "use.py").write_text(ONLY_TENSORFLOW)
  done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  desired = [by_hand(classifier, one) for one in embeddings_of(small_run, list(batch))]
  assert_close(np.load(tmp_path / "scores.npy"), np.stack(desired), atol=1e-5)


@pytest.mark.parametrize(("file_format", "multi_label"), [("tflite", True), ("onnx", False)])
def test_files_with_a_classifier_give_both_and_class_names_stand_beside(
  small_run, tmp_path, file_format, multi_label
):
  if file_format == "onnx":
    onnx_or_skip()
  classifier = make_classifier(small_run, multi_label)
  classifier.save(str(tmp_path))
  output = str(tmp_path / f"mine.{file_format}")
  path = export.export(small_run, file_format, output, str(tmp_path)).path
  found = {"tflite": tflite, "onnx": onnx}[file_format](path)(waves(small_run)[-1][None])
  (desired,) = embeddings_of(small_run, waves(small_run)[-1:])
  assert_close(found["embedding"][0], desired, atol=RELATIVE * np.abs(desired).max())
  assert_close(found["scores"][0], by_hand(classifier, desired), atol=1e-5)
  labels = tmp_path / "mine.labels.txt"
  assert labels.read_text(encoding="utf-8").splitlines() == list(classifier.class_names)


def test_labels_of_an_older_export_go(tmp_path):
  path = str(tmp_path / "a.tflite")
  (tmp_path / "a.labels.txt").touch()
  converters._write(path, b"new", None)
  assert [path.name for path in tmp_path.iterdir()] == ["a.tflite"]


def test_a_classifier_belongs_to_its_encoder(small_run, tmp_path):
  other = make_run(tmp_path / "other", "frame_cnn")
  encoder = other.encoder()
  encoder.layers[1].kernel.assign(1.1 * encoder.layers[1].kernel)
  other.save_encoder(encoder)
  make_classifier(small_run).save(str(tmp_path / "head"))
  with pytest.raises(UserError, match=r"trained on another encoder \(runs/x\).*other values"):
    export.export(other, "saved_model", None, str(tmp_path / "head"))
  smaller = make_classifier(small_run, fingerprint=np.ones(4, "f"))
  smaller.save(str(tmp_path / "head"))
  with pytest.raises(UserError, match="4 values and not 3072"):
    export.export(small_run, "saved_model", None, str(tmp_path / "head"))


# Wrong input


def refused(run, *arguments):
  with pytest.raises(UserError) as caught:
    export.export(run, *arguments)
  message = str(caught.value)
  assert "\n" not in message
  return message


def test_what_is_no_export_is_not_replaced(small_run, tmp_path):
  (tmp_path / "holiday.jpg").touch()
  assert "is no SavedModel" in refused(small_run, "saved_model", str(tmp_path))
  (tmp_path / "x.tflite").mkdir()
  assert "is a folder" in refused(small_run, "tflite", str(tmp_path / "x.tflite"))
  assert "ends in .tflite" in refused(small_run, "tflite", str(tmp_path / "x"))
  assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.jpg", "x.tflite"]


def test_classifiers_that_are_none(small_run, tmp_path):
  folder = str(tmp_path)
  assert "holds no classifier.npz" in refused(small_run, "tflite", None, folder)
  assert "the encoder alone" in refused(small_run, "keras", None, folder)
  (tmp_path / "classifier.npz").write_bytes(b"PK nonsense")
  assert "is damaged" in refused(small_run, "tflite", None, folder)
  np.savez(tmp_path / "classifier.npz", weights=np.ones(3))
  assert "is damaged" in refused(small_run, "tflite", None, folder)


def test_a_missing_package_is_named(small_run, monkeypatch):
  monkeypatch.setitem(sys.modules, "tf2onnx", None)
  message = refused(small_run, "onnx")
  assert 'pip install -e ".[onnx]"' in message
  assert "tf2onnx" in message


def test_an_encoder_that_does_not_convert_leaves_the_old_file(small_run, tmp_path, monkeypatch):
  log_mels = keras.Input([96, 64, 1])
  weird = keras.Model(log_mels, keras.ops.sum(keras.ops.erfinv(log_mels), axis=(1, 2)))
  monkeypatch.setattr(Run, "encoder", lambda self: weird)
  (tmp_path / "a.tflite").write_bytes(b"old")
  message = refused(small_run, "tflite", str(tmp_path / "a.tflite"))
  assert "does not convert to builtin operations" in message
  assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_command_prints_where_and_what_and_nothing_else(small_run, tmp_path):
  done = command(
    "contrastive_audio.export", f"--run={small_run.folder}", "--format=tflite", "--output=a.tflite",
    cwd=tmp_path,
  )  # fmt: skip
  assert done.stderr == ""
  assert done.stdout == (
    "exported   a.tflite\ntakes      waveform [B, n] at 16000 Hz\ngives      embedding [., 3072]\n"
  )
