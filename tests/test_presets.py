"""An encoder that comes with the package is used like any run, from Python and by every command."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

import contrastive_audio
from contrastive_audio.errors import UserError
from contrastive_audio.utils.presets import preset_names, read_card
from downstream import hear
from tests.support import assert_close, command, refused_command, tone

pytestmark = pytest.mark.slow
SECOND = tone(440, 1.0)
CLIP = tone(440, 2.3) + 0.1 * tone(700, 2.3)


def test_a_loaded_preset_embeds_as_the_saved_model_of_its_run(presets, cola_run):
  encoder = contrastive_audio.load("tiny")
  exported = tf.saved_model.load(str(cola_run / "saved_model"))
  assert (encoder.sample_rate_hz, encoder.embedding_size) == (16_000, 3072)
  embedding = encoder.embed(CLIP)
  assert_close(embedding, exported.embed(CLIP[None])["embedding"][0], atol=1e-4, rtol=1e-4)
  many = list(encoder.embed_clips([SECOND, CLIP.astype(np.float64)]))
  assert_close(many[1], embedding, atol=1e-4, rtol=1e-4)
  frames, times_s = encoder.embed_frames(CLIP)
  assert frames.shape == (len(times_s), 3072)
  assert_close(times_s[-1], 2.3, atol=1e-6)


def test_a_name_is_the_preset_and_a_path_is_a_run_folder(presets, cola_run, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "tiny").mkdir()
  assert contrastive_audio.load("tiny").run.folder == str(presets / "tiny")
  assert contrastive_audio.load("preset:tiny").run.folder == str(presets / "tiny")
  assert contrastive_audio.load(cola_run).run.folder == str(cola_run)
  with pytest.raises(UserError, match=r"'./tiny' is not a run folder"):
    contrastive_audio.load("./tiny")
  with pytest.raises(UserError, match="no preset and no run folder 'huge': the presets are tiny"):
    contrastive_audio.load("huge")


def test_what_is_not_one_clip_is_refused_with_what_to_do(presets):
  encoder = contrastive_audio.load("tiny")
  for wrong in (CLIP[None], CLIP[:0], np.zeros(16_000, np.int16)):
    with pytest.raises(UserError, match=r"contrastive_audio.read\(path, encoder.sample_rate_hz\)"):
      encoder.embed(wrong)


def test_samples_in_a_list_are_a_clip(presets):
  encoder = contrastive_audio.load("tiny")
  assert_close(encoder.embed(CLIP.tolist()), encoder.embed(CLIP), atol=1e-6)


def test_the_list_says_licence_size_and_scores_and_the_card_says_all(presets, tmp_path):
  listed = command("contrastive_audio.presets", cwd=tmp_path).stdout
  for part in ("tiny: two steps on twelve noisy tones", "MIT", "MB, 3072-d", "ten labels: 99.0"):
    assert part in listed
  assert "--model=preset:tiny" in listed
  shown = command("contrastive_audio.presets", "--preset=tiny", cwd=tmp_path).stdout
  assert shown.startswith("# tiny\n")
  assert "knows nothing else" in shown


def test_a_damaged_card_is_one_line(presets, tmp_path):
  for damaged in ("no card", "---\nlicence: MIT\n---\n", "---\nlicence\n---\n"):
    (presets / "tiny" / "card.md").write_text(damaged)
    line = refused_command("contrastive_audio.presets", cwd=tmp_path)
    assert f"{presets / 'tiny' / 'card.md'} is damaged" in line


def test_without_presets_one_line_says_so(monkeypatch, tmp_path):
  monkeypatch.setattr("contrastive_audio.utils.presets.FOLDER", str(tmp_path / "nowhere"))
  listed = command("contrastive_audio.presets", cwd=tmp_path)
  assert listed.stdout == "presets    there are no presets in this installation\n"
  with pytest.raises(UserError, match="there are no presets in this installation"):
    contrastive_audio.load("general")
  options = ["--model=preset:general", "--input=.", "--output=out.npz"]
  line = refused_command("downstream.embed", *options, cwd=tmp_path)
  assert line == ("error: there is no preset 'general': there are no presets in this installation")


def test_every_command_that_takes_a_model_takes_a_preset(presets, clip_folder, tmp_path):
  """Embed, linear, export with the classifier, fine-tune, kNN on projections, random weights."""
  before = files_of(presets)

  def run(name, *options):
    return command(name, "--store_dir=stores", *options, cwd=tmp_path)

  run("downstream.embed", "--model=preset:tiny", f"--input={clip_folder}", "--output=all.npz")
  with np.load(tmp_path / "all.npz") as embedded:
    assert embedded["embedding"].shape == (12, 3072)
  task = f"--task={clip_folder}"
  run("downstream.linear", "--model=preset:tiny", task, "--output=linear")
  assert result(tmp_path / "linear")["model"] == "preset:tiny"
  options = ["--model=preset:tiny", "--classifier=linear", "--output=exported"]
  command("contrastive_audio.export", *options, cwd=tmp_path)
  exported = tf.saved_model.load(str(tmp_path / "exported"))
  assert exported.class_names.numpy().tolist() == [b"high", b"low"]
  more = ["--epochs=1", "--batch_size=4", "--output=tuned"]
  run("downstream.finetune", "--model=preset:tiny", task, *more)
  assert result(tmp_path / "tuned")["identity"] == result(tmp_path / "linear")["identity"]
  run("downstream.knn", "--model=preset:tiny", task, "--layer=projection")
  run("downstream.knn", "--model=random:preset:tiny", task)
  assert files_of(presets) == before


def files_of(folder):
  return {
    os.path.join(root, name): os.path.getmtime(os.path.join(root, name))
    for root, _, names in os.walk(folder)
    for name in names
  }


def result(folder):
  return json.loads((folder / "result.json").read_text())


def test_a_preset_is_not_exported_into_the_package(presets, tmp_path):
  line = refused_command("contrastive_audio.export", "--model=preset:tiny", cwd=tmp_path)
  assert line == (
    "error: --model=preset:tiny is a preset, which stays as it is: pass --output, too"
  )


def test_hear_loads_a_preset(presets, cola_run):
  embeddings = [
    hear.get_scene_embeddings(tf.constant(SECOND[None]), hear.load_model(model))
    for model in ("preset:tiny", str(cola_run))
  ]
  assert_close(*embeddings, atol=1e-4, rtol=1e-4)


def assert_the_card_is_true(name):
  assert contrastive_audio.load(name).embedding_size == read_card(name).embedding_size


def test_the_cards_of_the_presets_of_this_package_are_true():
  for name in preset_names():
    assert_the_card_is_true(name)


def test_a_card_that_is_not_true_is_noticed(presets):
  assert_the_card_is_true("tiny")
  card = presets / "tiny" / "card.md"
  card.write_text(card.read_text().replace("3072", "512"))
  with pytest.raises(AssertionError):
    assert_the_card_is_true("tiny")
