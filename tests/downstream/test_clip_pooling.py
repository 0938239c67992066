"""--clip_pooling means the same in every command, and is written beside what it has made."""

import json

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.configuration import CLIP_POOLINGS
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.runs import Run
from contrastive_audio.sound import reading
from downstream import hear
from downstream.encoders.models import open_model
from tests.support import assert_close, command, write_clips


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "clips", clips=8, seconds=2.7)
  return folder


@pytest.fixture(scope="module")
def exported(tiny_run, place):
  """A SavedModel of whole clips."""
  options = ["--clip_pooling=clip", "--output=whole"]
  done = command("contrastive_audio.export", f"--model={tiny_run}", *options, cwd=place)
  assert done.stdout.endswith("gives      embedding [B, 4], clip_pooling=clip\n")
  return place / "whole"


def desired(run, pooling, waves):
  opened = Run.open(str(run))
  clip_encoder = ClipEncoder(opened.front_end().pooled(pooling), opened.encoder())
  return np.stack(list(ClipEmbedder(clip_encoder).embed(waves)))


def embed(place, model, *options):
  """The content of the file that downstream.embed writes, and the waves that it has read."""
  arguments = [f"--model={model}", "--input=clips", "--output=out.npz", "--store_dir=stores"]
  (place / "out.npz").unlink(missing_ok=True)
  command("downstream.embed", *arguments, *options, cwd=place)
  with np.load(place / "out.npz") as content:
    waves = [reading.read(str(place / "clips" / key), 16_000) for key in content["key"]]
    return dict(content), waves


def test_the_poolings_differ_and_files_hold_the_one_that_is_asked_for(tiny_run, place):
  found = {}
  for pooling in CLIP_POOLINGS:
    content, waves = embed(place, tiny_run, f"--clip_pooling={pooling}")
    found[pooling] = content["embedding"]
    assert str(content["clip_pooling"]) == pooling
    assert_close(found[pooling], desired(tiny_run, pooling, waves), atol=2e-3)  # 16 bits
  default, _ = embed(place, tiny_run)
  np.testing.assert_array_equal(default["embedding"], found["windows"])
  assert len({np.round(rows, 2).tobytes() for rows in found.values()}) == 3


def test_an_exported_model_keeps_its_pooling_everywhere(tiny_run, exported, place):
  content, waves = embed(place, exported)
  assert str(content["clip_pooling"]) == "clip"
  whole = desired(tiny_run, "clip", waves)
  assert_close(content["embedding"], whole, atol=2e-3)
  scenes = hear.get_scene_embeddings(np.stack(waves), hear.load_model(str(exported)))
  assert_close(scenes, whole, atol=1e-4)
  content, _ = embed(place, exported, "--clip_pooling=windows")
  assert_close(content["embedding"], desired(tiny_run, "windows", waves), atol=2e-3)
  with pytest.raises(UserError, match=r"has no clip_pooling=clip: .* --clip_pooling=clip$"):
    open_model(str(tiny_run / "saved_model"), clip_pooling="clip")


def test_identities_tell_poolings_apart_and_stay_for_windows(tiny_run, exported):
  for model in (str(tiny_run), str(exported)):
    names = (None, "windows_max", "windows" if model == str(exported) else "clip")
    assert len({open_model(model, clip_pooling=name).identity for name in names}) == 3
  default, windows = (open_model(str(tiny_run), clip_pooling=name) for name in (None, "windows"))
  assert default.identity == windows.identity


def evaluate(name, place, model, *options, check=True):
  arguments = [f"--model={model}", "--task=folder:clips", "--store_dir=stores", *options]
  return command(f"downstream.{name}", *arguments, cwd=place, check=check)


@pytest.mark.parametrize("name", ["linear", "knn"])
def test_results_say_how_clips_were_embedded_and_are_not_mixed(name, tiny_run, place):
  output = f"--output={name}"
  evaluate(name, place, tiny_run, "--clip_pooling=windows_max", output)
  result = json.loads((place / name / "result.json").read_text())
  assert result["clip_pooling"] == "windows_max"
  done = evaluate(name, place, tiny_run, output, check=False)
  assert done.stderr.startswith(f"error: --output={name} holds results with clip_pooling=windows_m")


def test_a_classifier_of_whole_clips_is_exported_with_whole_clips_only(tiny_run, place):
  evaluate("linear", place, tiny_run, "--clip_pooling=clip", "--output=mine")
  options = [f"--model={tiny_run}", "--classifier=mine", "--output=classifier"]
  done = command("contrastive_audio.export", *options, cwd=place, check=False)
  assert "with clip_pooling=clip, not windows: pass --clip_pooling=clip" in done.stderr
  command("contrastive_audio.export", *options, "--clip_pooling=clip", cwd=place)
  model = tf.saved_model.load(str(place / "classifier"))
  wave = reading.read(str(place / "clips" / "low" / "0.wav"), 16_000)
  embedding = desired(tiny_run, "clip", [wave])
  scores = LinearClassifier.open(str(place / "mine")).scores(embedding)
  assert_close(model.classify(wave[None])["scores"], scores, atol=1e-4)


def test_neighbours_are_found_with_the_pooling_that_is_asked_for(tiny_run, place):
  arguments = [f"--model={tiny_run}", "--input=clips", "--store_dir=stores"]
  for pooling in ("windows", "clip"):
    options = [f"--clip_pooling={pooling}", f"--output=alike-{pooling}"]
    command("downstream.neighbours", *arguments, *options, cwd=place)
  tables = [
    (place / f"alike-{name}" / "neighbours.csv").read_text() for name in ("windows", "clip")
  ]
  assert tables[0] != tables[1]
