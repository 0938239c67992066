"""The preset that comes with the package: its files belong together, and give what they gave."""

import dataclasses
import json
import os

import numpy as np
import pytest

import contrastive_audio
from benchmarks.lib import systems
from contrastive_audio.utils import presets
from tests.support import ROOT, assert_close, command, tone

GOLDEN = ROOT / "tests" / "golden" / "preset_general.npy"  # every 40th value of three embeddings


def waves():
  rng = np.random.default_rng(0)
  slide = np.sin(np.cumsum(np.linspace(0.05, 1.2, 48_000)))
  return [tone(440, 0.4), 0.1 * rng.standard_normal(30_960), 0.5 * slide]


@pytest.fixture(scope="module")
def encoder():
  return contrastive_audio.load("general")


def test_an_embedding_is_what_it_was_when_the_preset_was_made(encoder):
  embeddings = np.stack([encoder.embed(wave.astype("f")) for wave in waves()])
  assert_close(embeddings[:, ::40], np.load(GOLDEN), atol=2e-3, rtol=2e-3)


def test_the_card_says_what_the_encoder_is(encoder):
  card = presets.read_card("general")
  assert encoder.embedding_size == card.embedding_size == encoder.embed(waves()[0]).size
  config = encoder.run.config
  assert (config["config"]["recipe"], config["config"]["clip_pooling"]) == ("general", "clip")
  assert f"{config['data']['clips']:,} clips" in card.text


def test_it_was_trained_by_the_recipe_as_it_is(encoder):
  config = encoder.run.config["config"]
  desired = dataclasses.asdict(systems.recipe_config("cola", "general"))
  for name in set(desired) - {"dataset", "mean", "std", "monitor_every"}:
    assert config[name] == desired[name], name


def test_every_collection_that_trained_is_credited_and_none_is_gpl_or_share_alike():
  table = [line for line in presets.read_card("general").text.splitlines() if line.startswith("| ")]
  rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]
  clips = sum(int(row[4]) for row in rows if len(row) == 6)
  assert clips == 5011
  for row in rows:
    assert len(row) < 6 or not ("GPL" in row[3] or "-SA" in row[3]), row


def test_its_files_are_small_and_name_no_place_of_the_machine_that_trained_it():
  assert presets.size_mb("general") < 9
  config = (ROOT / "contrastive_audio" / "presets" / "general" / "config.json").read_text()
  assert "/" not in json.loads(config)["config"]["dataset"].removeprefix("folder:pool/")
  for word in json.loads(config)["command"].split():
    assert not os.path.isabs(word.rpartition("=")[2]), word


def test_it_is_listed(tmp_path):
  listed = command("contrastive_audio.presets", cwd=tmp_path).stdout
  assert "general" in listed
  assert "--model=preset:general" in listed
