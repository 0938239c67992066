"""A classifier is exported with its encoder, and with no other."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting import converters, export
from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.saved_model import ClipClassifier
from tests.contrastive_audio.exporting.exported import (
  RELATIVE,
  embeddings_of,
  make_run,
  onnx,
  onnx_or_skip,
  tflite,
  waves,
)
from tests.support import assert_close


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
    "clip_pooling": embedder.clip_pooling,
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
assert not {"contrastive_audio", "downstream"} & {name.split(".")[0] for name in sys.modules}
result = loaded.signatures["classify"](waveform=tf.constant(np.load("waves.npy")))
names = [label.decode() for label in result["labels"].numpy()]
assert names == ["dog", "rain", "Vögel, viele"], names
np.save("scores.npy", result["scores"])
frames = loaded.signatures["classify_frames"](waveform=tf.constant(np.load("waves.npy")))
assert frames["scores"].shape == [2, 21, 3], frames["scores"].shape
"""


@pytest.mark.slow
def test_a_saved_model_with_a_classifier_needs_only_tensorflow(small_run, tmp_path):
  classifier = make_classifier(small_run)
  classifier.save(str(tmp_path / "head"))
  exported = export.export(
    small_run, "saved_model", str(tmp_path / "model"), str(tmp_path / "head")
  )
  assert "scores [B, 3]" in exported.gives
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
  wave = waves(small_run)[-1]
  batch = np.stack([wave, np.concatenate([[np.nan], wave[1:]]).astype("f")])
  found = {"tflite": tflite, "onnx": onnx}[file_format](path)(batch)
  (desired,) = embeddings_of(small_run, waves(small_run)[-1:])
  assert_close(found["embedding"][0], desired, atol=RELATIVE * np.abs(desired).max())
  assert_close(found["scores"][0], by_hand(classifier, desired), atol=1e-5)
  assert np.isnan(found["scores"][1]).all()  # its first sample is no number
  labels = pathlib.Path(f"{path}.labels.txt")
  assert labels.read_text(encoding="utf-8").splitlines() == list(classifier.class_names)


@pytest.mark.parametrize("killed_at", ["replacing_whole", "write_text"])
def test_a_killed_export_never_leaves_a_file_beside_class_names_of_another(
  small_run, tmp_path, monkeypatch, killed_at
):
  path, labels = str(tmp_path / "a.tflite"), tmp_path / "a.tflite.labels.txt"
  converters._write(path, b"old", make_classifier(small_run, class_names=("x", "y", "z")))

  def killed(*arguments):
    raise SystemExit(9)

  monkeypatch.setattr(converters, killed_at, killed)
  with pytest.raises(SystemExit):
    converters._write(path, b"new", make_classifier(small_run))
  assert not labels.exists()
  monkeypatch.undo()
  converters._write(path, b"new", make_classifier(small_run))
  assert labels.read_text(encoding="utf-8").startswith("dog")


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_of_a_clip_that_is_not_finite_are_nan(small_run, multi_label):
  classifier = make_classifier(small_run, multi_label)
  module = ClipClassifier(small_run.front_end(), small_run.encoder(), classifier)
  batch = np.stack([wave[:16_000] for wave in waves(small_run)[-2:]])
  desired = module.classify(batch)["scores"][1]
  batch[0, 99] = np.nan
  scores = module.classify(batch)["scores"]
  assert np.isnan(scores[0]).all()
  assert_close(scores[1], desired, atol=1e-6)


def test_labels_of_an_older_export_go(tmp_path):
  path = str(tmp_path / "a.tflite")
  (tmp_path / "a.tflite.labels.txt").touch()
  converters._write(path, b"new", None)
  assert [path.name for path in tmp_path.iterdir()] == ["a.tflite"]


def test_class_names_of_one_format_are_not_those_of_another(small_run, tmp_path):
  paths = [str(tmp_path / f"model.{name}") for name in ("tflite", "onnx")]
  converters._write(paths[0], b"one", make_classifier(small_run, class_names=("x", "y", "z")))
  converters._write(paths[1], b"two", make_classifier(small_run))
  converters._write(paths[1], b"three", None)
  assert pathlib.Path(f"{paths[0]}.labels.txt").read_text().split() == ["x", "y", "z"]


def test_a_classifier_belongs_to_its_encoder(small_run, tmp_path):
  other = make_run(tmp_path / "other", "frame_cnn")
  encoder = other.encoder()
  encoder.layers[1].kernel.assign(1.1 * encoder.layers[1].kernel)
  other.save_networks(encoder)
  make_classifier(small_run).save(str(tmp_path / "head"))
  with pytest.raises(UserError, match=r"trained on another encoder \(runs/x\).*other values"):
    export.export(other, "saved_model", None, str(tmp_path / "head"))
  four = {"fingerprint": np.ones(4, "f"), "weights": np.ones([4, 3], "f")}
  smaller = make_classifier(small_run, **four)
  smaller.save(str(tmp_path / "head"))
  with pytest.raises(UserError, match="4 values and not 3072"):
    export.export(small_run, "saved_model", None, str(tmp_path / "head"))


def refused(run, file_format, folder):
  with pytest.raises(UserError) as error:
    export.export(run, file_format, None, folder)
  assert "\n" not in str(error.value)
  return str(error.value)


def test_classifiers_that_are_none(small_run, tmp_path):
  folder = str(tmp_path)
  assert "holds no classifier.npz" in refused(small_run, "tflite", folder)
  assert "the encoder alone" in refused(small_run, "keras", folder)
  (tmp_path / "classifier.npz").write_bytes(b"PK nonsense")
  assert "is damaged" in refused(small_run, "tflite", folder)
  np.savez(tmp_path / "classifier.npz", weights=np.ones(3))
  assert "is damaged" in refused(small_run, "tflite", folder)
  np.savez(tmp_path / "classifier.npz", weights=np.array([print], object))
  assert "is damaged" in refused(small_run, "tflite", folder)
  for changes, reason in [
    ({"bias": np.zeros(2, "f")}, "weights (3072, 3) and bias (2,)"),
    ({"bias": np.full(3, np.nan, "f")}, "not all of its numbers are finite"),
    ({"class_names": ("a\nb", "c", "d")}, "a class name has several lines"),
  ]:
    make_classifier(small_run, **changes).save(folder)
    assert f"is damaged ({reason}" in refused(small_run, "tflite", folder)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["frame_cnn", "crnn"])
def test_every_moment_is_classified_by_the_window_around_it_inside_the_clip(network, tmp_path):
  run = make_run(tmp_path / "run", network)
  front_end, rate_hz = run.front_end(), run.front_end().sample_rate_hz
  classifier = make_classifier(run)
  model = ClipClassifier(front_end, run.encoder(), classifier)
  rng = np.random.default_rng(0)
  batch = rng.normal(0, 0.1, [2, round(2.62 * rate_hz)]).astype("f")
  result = model.classify_frames(batch)
  scores, times_ms = result["scores"].numpy(), result["time_ms"].numpy()
  assert scores.shape == (2, 53, 3)
  assert_close(times_ms[1], 50 * np.arange(53))
  assert [name.decode() for name in result["labels"].numpy()] == list(classifier.class_names)
  clip = batch[1] if front_end.level == "excerpt_l2" else np.asarray(
    front_end.normalise_clips(batch)
  )[1]  # fmt: skip
  margin, size = front_end.layout.mirrored_samples, front_end.num_samples
  laid_out = np.pad(clip, margin, mode="reflect") if margin else clip
  for window in (0, 5, 24, 31, 52):
    middle = round(0.05 * window * rate_hz) + margin
    start = min(max(0, middle - size // 2), len(laid_out) - size)
    log_mels = front_end(laid_out[None, start : start + size])
    embedding = np.asarray(run.encoder()(np.asarray(log_mels)[..., None]))[0]
    assert_close(scores[1, window], by_hand(classifier, embedding), atol=1e-4)
  assert_close(scores[:, :9], np.repeat(scores[:, :1], 9, axis=1), atol=1e-6)
  assert np.abs(scores[:, 12] - scores[:, 0]).max() > 1e-4


def test_the_moments_of_a_short_clip_are_classified_as_the_clip_and_nan_stays_apart(small_run):
  model = ClipClassifier(small_run.front_end(), small_run.encoder(), make_classifier(small_run))
  wave = waves(small_run)[-1][:8_000]
  batch = np.stack([wave, np.concatenate([[np.nan], wave[1:]])]).astype("f")
  scores = model.classify_frames(batch)["scores"].numpy()
  whole = model.classify(wave[None])["scores"].numpy()[0]
  assert_close(scores[0], np.tile(whole, [11, 1]), atol=1e-6)
  assert np.isnan(scores[1]).all()


@pytest.mark.parametrize("name", ["classify", "classify_frames"])
def test_what_has_no_samples_is_not_classified(small_run, name):
  model = ClipClassifier(small_run.front_end(), small_run.encoder(), make_classifier(small_run))
  with pytest.raises(tf.errors.InvalidArgumentError, match="the waveform has no samples"):
    getattr(model, name)(np.zeros([1, 0], "f"))


def test_scores_of_validation_clips_are_kept_and_have_to_fit(small_run, tmp_path):
  scores, targets = np.full([4, 3], 0.25, "f"), np.eye(4, 3) > 0
  known = {"validation_scores": scores, "validation_targets": targets}
  make_classifier(small_run, **known).save(str(tmp_path / "whole"))
  again = LinearClassifier.open(str(tmp_path / "whole"))
  assert (again.validation_scores == scores).all()
  assert (again.validation_targets == targets).all()
  make_classifier(small_run).save(str(tmp_path / "without"))
  assert LinearClassifier.open(str(tmp_path / "without")).validation_scores is None
  for wrong in ({"validation_targets": targets[:3]}, {"validation_scores": None}):
    make_classifier(small_run, **(known | wrong)).save(str(tmp_path / "wrong"))
    with pytest.raises(UserError, match="is damaged .scores and targets of the validation clips"):
      LinearClassifier.open(str(tmp_path / "wrong"))
