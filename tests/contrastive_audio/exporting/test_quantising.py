"""Quantised exports: nearly the same embeddings, smaller files that say what they are."""

import functools
import os

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.exporting import export, quantising, tflite_weights
from contrastive_audio.utils.extras import install_hint
from tests.contrastive_audio.exporting.exported import (
  embeddings_of,
  make_run,
  onnx,
  onnx_or_skip,
  tflite,
  waves,
)
from tests.support import assert_close, command, tone

OPENERS = {"tflite": tflite, "onnx": onnx}
COSINE = {"float16": 1 - 1e-6, "int8": 0.999}
# Of the weights that layers multiply by; a file holds its front end and its graph besides.
BYTES = {"none": 4, "float16": 2, "int8": 1}


@pytest.fixture(scope="module")
def other_run(tmp_path_factory):
  """The other has convolutions and a dense layer; this one depthwise convolutions."""
  return make_run(tmp_path_factory.mktemp("quantised") / "run", "efficientnet_b0")


@functools.cache
def path_of(run, file_format, kind):
  """The path of an export; several tests read the same file."""
  if file_format == "onnx":
    onnx_or_skip()
  exported = export.export(run, file_format, quantise=kind)
  assert exported.path == run.path(export.file_name(file_format, kind))
  assert exported.gives.endswith(f", weights in {kind}") == (kind != "none")
  return exported.path


def clips(run):
  """Noise of several lengths, and a tone above silence, whose bands are 90 dB apart."""
  rising = tone(700, 3.0, run.front_end().sample_rate_hz)
  rising[: len(rising) // 2] = 0
  return [*waves(run)[3:8:2], rising]


def cosine(one, other):
  return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.slow
@pytest.mark.parametrize("file_format", quantising.QUANTISABLE)
@pytest.mark.parametrize(
  "network", ["small_run", pytest.param("other_run", marks=pytest.mark.slow)]
)
def test_quantised_exports_nearly_agree_and_are_smaller(network, file_format, request):
  run = request.getfixturevalue(network)
  sizes = {kind: os.path.getsize(path_of(run, file_format, kind)) for kind in BYTES}
  for kind, lowest in COSINE.items():
    embed = OPENERS[file_format](path_of(run, file_format, kind))
    found = [embed(clip[None])["embedding"][0] for clip in clips(run)]
    assert min(map(cosine, found, embeddings_of(run, clips(run)))) > lowest
  counts = [w.shape.num_elements() for w in run.encoder().weights if len(w.shape) > 1]
  kernels = sum(count for count in counts if count >= quantising.SMALLEST)
  for kind in COSINE:
    saved = (sizes["none"] - sizes[kind]) / (kernels * (BYTES["none"] - BYTES[kind]))
    assert 0.6 < saved < 1.02, kind  # the rest are scales and nodes


def test_files_say_what_their_weights_are(small_run):
  for kind, says in [
    ("float16", {"quantise": "float16"}),
    ("int8", {"quantise": "int8"}),
    ("none", {}),
  ]:
    with open(path_of(small_run, "tflite", kind), "rb") as file:
      assert tflite_weights.metadata(file.read()) == says
  runtime = onnx_or_skip()
  for kind in COSINE:
    session = runtime.InferenceSession(path_of(small_run, "onnx", kind))
    assert session.get_modelmeta().custom_metadata_map["quantise"] == kind


@pytest.fixture(scope="module")
def recurrent_run(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp("quantised") / "recurrent", "crnn")


@pytest.mark.parametrize("kind", COSINE)
@pytest.mark.parametrize("file_format", quantising.QUANTISABLE)
@pytest.mark.parametrize(
  "network",
  ["small_run", *(pytest.param(n, marks=pytest.mark.slow) for n in ("other_run", "recurrent_run"))],
)
def test_a_quantised_clip_with_a_sample_that_is_not_finite_is_nan_and_no_other(
  network, file_format, kind, request
):
  run = request.getfixturevalue(network)
  embed = OPENERS[file_format](path_of(run, file_format, kind))
  clip = waves(run)[7][:60_000]
  (alone,) = embed(clip[None])["embedding"]
  for spoilt, value in ((slice(0, 1), np.nan), (slice(5, 6), np.inf), (slice(None), np.nan)):
    batch = np.stack([clip] * 2)
    batch[0, spoilt] = value
    bad, good = embed(batch)["embedding"]
    assert np.isnan(bad).all()
    assert cosine(good, alone) > 0.99  # activations are rounded by the batch in ONNX


def test_rounded_weights_are_within_half_a_step_of_each_output():
  weights = np.random.default_rng(0).normal(0, [[1.0], [100.0], [0.0]], [3, 500])
  numbers, scales = quantising.to_int8(weights, axis=0)
  assert (np.abs(numbers * scales[:, None] - weights) <= 0.5001 * scales[:, None]).all()
  assert_close(np.abs(numbers).max(axis=1), [127, 127, 0])
  assert 50 < scales[1] / scales[0] < 200
  turned, same = quantising.to_int8(weights.T, axis=-1)
  assert_close(turned.T, numbers)
  assert_close(same, scales)


@pytest.mark.parametrize("file_format", ["saved_model", "keras"])
def test_what_cannot_be_quantised_is_one_line(small_run, file_format, tmp_path):
  line = f"--quantise=int8: --format={file_format} keeps float32 weights; use --format=tflite or"
  with pytest.raises(UserError, match=line):
    export.export(small_run, file_format, quantise="int8")
  options = [f"--model={small_run.folder}", f"--format={file_format}", "--quantise=int8"]
  done = command("contrastive_audio.export", *options, cwd=tmp_path, check=False)
  assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
  assert done.stderr.startswith(f"error: {line}")


def test_the_command_names_the_weights_and_the_file_after_them(small_run, tmp_path):
  options = [f"--model={small_run.folder}", "--format=tflite", "--quantise=float16"]
  done = command("contrastive_audio.export", *options, cwd=tmp_path)
  path = small_run.path("model.float16.tflite")
  assert done.stdout.startswith(f"exported   {path}\n")
  assert done.stdout.endswith(", weights in float16\n")
  tflite(path)


def test_who_exports_onnx_in_8_bits_hears_that_clips_of_a_batch_share_a_range(small_run, tmp_path):
  onnx_or_skip()
  options = [f"--model={small_run.folder}", "--format=onnx", f"--output={tmp_path}/a.onnx"]
  for kind, count in (("int8", 1), ("float16", 0)):
    done = command("contrastive_audio.export", *options, f"--quantise={kind}", cwd=tmp_path)
    assert done.stdout.count("one clip at a time") == count


def test_int8_of_onnx_needs_the_runtime(small_run, monkeypatch):
  import importlib.util

  find = importlib.util.find_spec
  present = lambda name: None if name == "onnxruntime" else find("numpy")  # noqa: E731
  monkeypatch.setattr(importlib.util, "find_spec", present)
  with pytest.raises(UserError, match="needs the package onnxruntime: ") as caught:
    export.export(small_run, "onnx", quantise="int8")
  assert install_hint("onnx") in str(caught.value)
