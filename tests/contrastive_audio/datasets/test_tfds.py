"""Audio builders of tensorflow-datasets: dtypes, nesting, speakers, splits."""

import pathlib
import re
import shutil

import numpy as np
import pytest

from contrastive_audio import datasets
from contrastive_audio.datasets import builders, library_names
from contrastive_audio.errors import UserError
from tests.contrastive_audio.datasets import fake_builders
from tests.support import assert_close


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  return str(tmp_path_factory.mktemp("tfds"))


@pytest.mark.parametrize("dtype", ["int64", "int16", "float32"])
def test_every_dtype_is_read_at_its_level_and_rate(data_dir, dtype):
  source = datasets.open_source(f"fake_audio/{dtype}", data_dir=data_dir)
  for clip in source.clips(0, source.num_clips):
    expected = fake_builders.wave(int(clip.group))
    assert_close(clip.load(fake_builders.RATE_HZ), expected, atol=1e-4)
    assert abs(len(clip.load(2 * fake_builders.RATE_HZ)) - 2 * len(expected)) <= 1


def test_labels_groups_and_keys_are_found_by_their_type(data_dir, tunings):
  source = datasets.open_source("fake_audio/int64", data_dir=data_dir)
  tunings.clear()
  clips = list(source.clips(0, source.num_clips))
  assert sorted((clip.label, clip.group) for clip in clips) == [
    ("even", "0"),
    ("even", "2"),
    ("odd", "1"),
    ("odd", "3"),
  ]
  assert len({clip.key for clip in clips}) == 4
  assert tunings == [False]


def test_the_train_split_is_the_default_and_others_are_named(data_dir):
  assert datasets.open_source("fake_audio/int64", data_dir=data_dir).num_clips == 4
  assert datasets.open_source("fake_audio/int64", split="test", data_dir=data_dir).num_clips == 1
  whole = datasets.open_source("fake_audio/int64", split="train+test", data_dir=data_dir)
  assert whole.num_clips == 5
  twice = datasets.open_source("fake_audio/int64", split="train+test+train", data_dir=data_dir)
  assert twice.num_clips == 5
  with pytest.raises(UserError, match=r"has no split 'dev'; it has test, train|train, test"):
    datasets.open_source("fake_audio/int64", split="dev", data_dir=data_dir)


@pytest.mark.parametrize("split", ["train[:3]+train", "train[50%:]+test+train[:75%]", "all+train"])
def test_slices_that_overlap_are_refused_because_clips_would_count_twice(data_dir, split):
  with pytest.raises(UserError, match=rf"slices of split '{re.escape(split)}' .* overlap"):
    datasets.open_source("fake_audio/int64", split=split, data_dir=data_dir)


def test_slices_that_do_not_overlap_are_one_data_set(data_dir):
  slices = "train[75%:]+train[:2]"
  source = datasets.open_source("fake_audio/int64", split=slices, data_dir=data_dir)
  assert len({clip.key for clip in source.clips(0, source.num_clips)}) == source.num_clips == 3


def test_a_nested_class_is_found(data_dir):
  source = datasets.open_source("fake_audio/nested", data_dir=data_dir)
  assert {clip.label for clip in source.clips(0, 4)} == {"even", "odd"}
  assert np.abs(next(source.clips(1, 2)).load(8_000)).max() > 0.1


def test_damaged_records_are_one_clear_line(data_dir):
  source = datasets.open_source("fake_audio/int16", data_dir=data_dir)
  (path,) = pathlib.Path(data_dir).glob("fake_audio/int16/*/*train.tfrecord*")
  content = path.read_bytes()
  try:
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"is damaged .*delete .*int16") as error:
      list(source.clips(0, 4))
  finally:
    path.write_bytes(content)
  assert "\n" not in str(error.value)


def test_a_failed_preparation_says_what_to_do(data_dir):
  with pytest.raises(UserError, match=r"could not be prepared.*--manual_dir") as error:
    datasets.open_source("fake_audio/broken", data_dir=data_dir)
  assert "\n" not in str(error.value)


def test_the_names_of_the_library_are_found_without_importing_it():
  own = fake_builders.tfds.list_builders(with_community_datasets=False)
  published = {name for name in own if name not in (*builders.NAMES, "fake_audio")}
  assert len(published) > 400
  assert published <= library_names.library_names()
  assert library_names.is_in_library("fake_audio/int64")  # registered, by nobody in the library


@pytest.mark.parametrize("name", ["spoken_digit/nowhere", "spoken_digit:9.9.9"])
def test_a_configuration_or_version_that_does_not_exist_is_one_line(name):
  with pytest.raises(UserError, match=f"tensorflow-datasets has no '{name}': "):
    datasets.open_source(name)


def test_a_set_that_is_prepared_again_with_other_audio_is_another_one(tmp_path, monkeypatch):
  def fingerprint(folder):
    return datasets.open_source("fake_audio/int64", data_dir=str(tmp_path / folder)).fingerprint()

  first = fingerprint("a")
  assert fingerprint("a") == first
  monkeypatch.setattr(fake_builders, "wave", lambda number: np.zeros(900 + 7 * number, "f"))
  assert fingerprint("b") != first
  shutil.rmtree(tmp_path / "a")
  assert fingerprint("a") != first
