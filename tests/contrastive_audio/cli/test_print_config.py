"""--print_config: what would be trained, without TensorFlow and without decoding anything."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from tests.support import environment, train, write_clips


@pytest.fixture
def place(tmp_path):
  """A working folder with eight clips in `clips`, and a list of three of them in `keys`."""
  write_clips(tmp_path / "clips", clips=4, seconds=0.1)
  (tmp_path / "keys").write_text("high/0.wav\nhigh/1.wav\nlow/0.wav\n")
  return tmp_path


def printed(place, *options, system="cola"):
  return json.loads(train(*options, "--print_config", cwd=place, system=system).stdout)


def listing(place, *options):
  return printed(place, "--dataset=clips", *options)["data"]["listing"]


def test_epochs_become_steps_by_the_number_of_clips_and_the_recipe_is_named(place):
  options = ["--dataset=clips", "--recipe=paper", "--batch_size=3", "--set=epochs=5"]
  answer = printed(place, *options)
  assert answer["config"]["steps"] == 5 * (8 // 3)
  assert (answer["config"]["recipe"], answer["config"]["similarity"]) == ("paper", "bilinear")
  assert answer["data"]["clips"] == 8
  assert printed(place, *options, "--keys=keys")["config"]["steps"] == 5
  assert printed(place, "--dataset=clips")["config"]["recipe"] == "small"


def test_a_prepared_store_is_counted_and_identified_by_its_content(place):
  source = datasets.open_source(f"folder:{place / 'clips'}")
  store = preparation.prepare(source, 16_000, str(place / "stores"))
  answer = printed(place, f"--dataset=store:{store.folders[0]}")
  assert answer["data"]["clips"] == 8
  content = {
    printed(place, f"--dataset=store:{folder}")["data"]["listing"]
    for folder in (store.folders[0], shutil.copytree(store.folders[0], place / "copy"))
  }
  assert content == {answer["data"]["listing"]}


def test_the_listing_is_another_one_if_and_only_if_the_clips_are(place):
  first = listing(place)
  assert listing(place, "--seed=3", "--similarity=cosine") == first
  some = listing(place, "--keys=keys")
  (place / "others").write_text((place / "keys").read_text().replace("low/0", "low/1"))
  (place / "same").write_text("\n".join(reversed((place / "keys").read_text().split())))
  assert listing(place, "--keys=same") == some
  assert len({first, some, listing(place, "--keys=others")}) == 3
  wave = place / "clips" / "low" / "0.wav"
  wave.write_bytes(wave.read_bytes()[:-100])
  assert listing(place) != first
  os.remove(wave)
  assert printed(place, "--dataset=clips")["data"]["clips"] == 7


# A folder; and clips of a data set of tensorflow-datasets, which a file of keys counts.
WITHOUT_TENSORFLOW = """
import sys
from cola import train
for options in (["--dataset=clips"], ["--dataset=spoken_digit", "--dataset=clips", "--keys=keys"]):
  train.run(["train", "--print_config", *options])
  assert "tensorflow" not in sys.modules, options
"""


def test_it_takes_neither_tensorflow_nor_a_place_for_decoded_clips(place):
  done = subprocess.run(
    [sys.executable, "-c", WITHOUT_TENSORFLOW],
    cwd=place,
    env=environment() | {"CONTRASTIVE_AUDIO_CACHE": str(place / "cache")},
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (0, "")
  assert not (place / "cache").exists()
