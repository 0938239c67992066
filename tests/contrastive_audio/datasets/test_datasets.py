"""Data sets: folders, CSVs, the synthetic default, tensorflow-datasets."""

import os

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.datasets import synthetic
from contrastive_audio.errors import UnusableAudio, UserError
from tests.support import assert_close, shared_data, tone, write_clips


def open_folder(path, **kwargs):
  return datasets.open_source(f"folder:{path}", **kwargs)


def all_clips(source):
  return list(source.clips(0, source.num_clips))


def test_sub_folders_are_classes_when_every_file_lies_in_one(tmp_path):
  write_clips(tmp_path, classes=("cat", "dog/big"), clips=2)
  clips = all_clips(open_folder(tmp_path))
  assert [(clip.key, clip.label) for clip in clips] == [
    ("cat/0.wav", "cat"),
    ("cat/1.wav", "cat"),
    ("dog/big/0.wav", "dog"),
    ("dog/big/1.wav", "dog"),
  ]
  assert_close(clips[0].load(16_000), soundfile.read(tmp_path / "cat/0.wav", dtype="float32")[0])


def test_a_file_beside_the_folders_means_no_classes(tmp_path):
  write_clips(tmp_path, clips=1)
  soundfile.write(tmp_path / "extra.wav", tone(440, 0.1), 16_000)
  assert {clip.label for clip in all_clips(open_folder(tmp_path))} == {None}


def test_files_of_the_same_name_are_different_clips(tmp_path):
  write_clips(tmp_path, classes=("a", "b"), clips=1)
  assert [clip.key for clip in all_clips(open_folder(tmp_path))] == ["a/0.wav", "b/0.wav"]


def test_a_loop_of_links_ends_and_doubles_nothing(tmp_path):
  write_clips(tmp_path, clips=2)
  os.symlink(tmp_path, tmp_path / "high" / "loop")
  os.symlink(tmp_path / "high", tmp_path / "low" / "again")
  assert open_folder(tmp_path).num_clips == 4


def test_other_files_are_counted_and_broken_audio_is_not_overlooked(tmp_path):
  write_clips(tmp_path, clips=1)
  (tmp_path / "high" / "notes.txt").write_text("x")
  (tmp_path / "high" / "._0.wav").write_text("x")
  (tmp_path / "low" / "song.m4a").write_text("x")
  source = open_folder(tmp_path)
  assert source.num_clips == 3
  assert "(2 other files ignored)" in source.summary
  with pytest.raises(UnusableAudio, match="cannot be decoded"):
    all_clips(source)[-1].load(16_000)


def test_names_that_are_not_utf8_have_printable_keys(tmp_path):
  path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav")
  soundfile.write(path, tone(440, 0.1), 16_000, format="WAV")
  (clip,) = all_clips(open_folder(tmp_path))
  assert clip.key == "caf\\xe9.wav"
  assert len(clip.load(16_000)) == 1600


def test_a_folder_has_one_name_however_its_path_is_written(tmp_path, monkeypatch):
  write_clips(tmp_path / "mine", clips=1)
  monkeypatch.chdir(tmp_path)
  paths = ("mine", "./mine/", "mine/../mine", str(tmp_path / "mine"))
  assert len({open_folder(path).name for path in paths}) == 1
  assert len({open_folder(path).fingerprint() for path in paths}) == 1


@pytest.mark.parametrize("change", ["content", "new file", "label"])
def test_the_fingerprint_follows_the_files(tmp_path, change):
  write_clips(tmp_path, clips=2)
  before = open_folder(tmp_path).fingerprint()
  assert open_folder(tmp_path).fingerprint() == before
  if change == "content":
    soundfile.write(tmp_path / "high" / "0.wav", tone(440, 0.2), 16_000)
  elif change == "new file":
    soundfile.write(tmp_path / "high" / "9.wav", tone(440, 0.2), 16_000)
  else:
    os.rename(tmp_path / "high", tmp_path / "higher")
  assert open_folder(tmp_path).fingerprint() != before


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda path: path / "none", "no such folder"),
    (lambda path: path, "no audio in .* it needs files ending in .*wav"),
  ],
)
def test_a_useless_folder_is_one_clear_line(tmp_path, make, message):
  with pytest.raises(UserError, match=message) as error:
    open_folder(make(tmp_path))
  assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_listed_is_not_skipped(tmp_path, monkeypatch):
  def walk(root, followlinks, onerror):
    onerror(PermissionError(13, "Permission denied", f"{root}/secret"))

  monkeypatch.setattr(os, "walk", walk)
  with pytest.raises(UserError, match="cannot list the folder .*secret.*permission denied"):
    open_folder(tmp_path)


def write_csv(folder, text):
  write_clips(folder, classes=("a",), clips=3, seconds=0.1)
  (folder / "list.csv").write_text(text)
  return folder / "list.csv"


def test_a_csv_names_labels_groups_and_splits(tmp_path):
  path = write_csv(
    tmp_path, "file,label,group,split\na/0.wav,x,g,train\na/1.wav,,,train\na/2.wav,y,h,test\n"
  )
  train = [(clip.key, clip.label, clip.group) for clip in all_clips(open_folder(path))]
  assert train == [("a/0.wav", "x", "g"), ("a/1.wav", None, None)]
  (test,) = all_clips(open_folder(path, split="test"))
  assert (test.key, test.label, test.group) == ("a/2.wav", "y", "h")


def test_a_split_that_is_not_there_names_those_that_are(tmp_path):
  path = write_csv(tmp_path, "file,split\na/0.wav,one\n")
  with pytest.raises(UserError, match="no clip with split 'two'; it has one"):
    open_folder(path, split="two")
  with pytest.raises(UserError, match="has no splits"):
    open_folder(tmp_path, split="two")


def test_the_synthetic_set_is_a_few_hundred_files_of_ten_classes():
  source = datasets.open_source("synthetic")
  labels = [clip.label for clip in source.clips(0, source.num_clips)]
  assert source.name == "synthetic"
  assert len(labels) == 320
  assert len(set(labels)) == 10


def test_the_synthetic_set_is_generated_once_and_shows_its_progress(tmp_path, capsys):
  first = synthetic.open_synthetic(str(tmp_path), clips_per_class=1)
  assert len(list(tmp_path.rglob("*.flac"))) == first.num_clips == 10
  assert "generating sounds: 10/10 [" in capsys.readouterr().err
  again = synthetic.open_synthetic(str(tmp_path), clips_per_class=1)
  assert again.fingerprint() == first.fingerprint()
  assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", synthetic.SOUNDS)
def test_a_synthetic_sound_depends_on_its_seed_alone_and_stays_in_range(name):
  one, again, other = (synthetic.make_clip(name, seed) for seed in ([1, 2], [1, 2], [1, 3]))
  assert_close(one, again)
  assert len(one) != len(other) or not np.allclose(one, other)
  for clip in (one, other):
    assert 1.5 <= len(clip) / synthetic.SAMPLE_RATE_HZ <= 3
    assert 0.01 < np.abs(clip).max() < 1


@pytest.mark.parametrize(
  ("name", "nearest"), [("sinthetic", "synthetic"), ("spoken_digt", "spoken_digit")]
)
def test_an_unknown_name_is_answered_with_the_nearest_and_the_way_to_a_folder(name, nearest):
  with pytest.raises(UserError, match=f"Did you mean .*{nearest}.*such as ./NAME"):
    datasets.open_source(name)


def test_a_path_needs_no_prefix_and_is_the_same_data_set(clip_folder, monkeypatch):
  monkeypatch.chdir(clip_folder.parent)
  with_prefix = datasets.open_source(f"folder:{clip_folder}")
  for name in (str(clip_folder), f"./{clip_folder.name}", clip_folder.name):
    source = datasets.open_source(name)
    assert (source.name, source.fingerprint()) == (with_prefix.name, with_prefix.fingerprint())


def test_a_known_name_is_the_data_set_although_a_folder_has_it_too(tmp_path, monkeypatch):
  (tmp_path / "musan").mkdir()
  monkeypatch.chdir(tmp_path)
  assert datasets.full_name("musan") == "musan"
  assert datasets.full_name("./musan") == "folder:./musan"


def test_a_builder_without_audio_is_named_as_such():
  with pytest.raises(UserError, match="holds no audio"):
    datasets.open_source("mnist")


@pytest.mark.slow
def test_spoken_digit_is_prepared_from_its_archive(tmp_path):
  manual_dir = shared_data("manual")
  source = datasets.open_source("spoken_digit", data_dir=str(tmp_path), manual_dir=str(manual_dir))
  clips = list(source.clips(0, source.num_clips))
  assert len(clips) == 2500
  assert len({clip.key for clip in clips}) == 2500
  assert {clip.label for clip in clips} == set("0123456789")
  assert all(clip.key.startswith(f"{clip.label}_{clip.group}_") for clip in clips)
  assert len({clip.group for clip in clips}) == 5
  later = [clip.key for clip in source.clips(7, 9)]
  assert later == [clip.key for clip in clips[7:9]]
  wave = clips[0].load(16_000)
  assert 0.01 < np.abs(wave).max() <= 1


def test_esc10_is_a_folder_of_400_clips():
  source = open_folder(shared_data("esc10"))
  assert source.num_clips == 400
  assert len({clip.label for clip in source.clips(0, 400)}) == 10


@pytest.mark.parametrize("name", ["calls.wav", "labels.csv", "./calls.wav", "folder:calls.flac"])
def test_a_file_that_is_not_there_is_called_that(name):
  path = name.removeprefix("folder:")
  with pytest.raises(UserError, match=f"^no such file: '{path}'$"):
    datasets.open_source(name)


def test_the_synthetic_set_has_no_splits():
  with pytest.raises(UserError, match="--split=test: synthetic has no splits"):
    datasets.open_source("synthetic", split="test")
