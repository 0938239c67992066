"""Every published data set, from each layout that people have: clips, labels, groups, parts."""

import os

import pytest

from contrastive_audio import datasets
from contrastive_audio.datasets import corpora
from tests.contrastive_audio.datasets.corpora import fakes
from tests.support import assert_close


def clips_of(source):
  return list(source.clips(0, source.num_clips))


def found(source):
  """What a source has, as the writers say it."""
  parts = source.splits()
  return [
    fakes.Expected(clip.key, clip.label, clip.group, parts.get(clip.key))
    for clip in clips_of(source)
  ]


def open_all(name, folder):
  return datasets.open_source(name, split="all", data_dir=str(folder))


@pytest.mark.parametrize("name", fakes.WRITERS)
def test_a_copy_is_read_to_the_last_label(name, tmp_path):
  expected = fakes.WRITERS[name](tmp_path)
  source = open_all(name, tmp_path)
  assert found(source) == expected
  assert not source.missing
  labels = {label for e in expected for label in e.label.split(";")}
  assert labels <= set(source.classes) or name == "librispeech"
  assert source.name == name


@pytest.mark.parametrize("name", sorted(set(fakes.WRITERS) - {"musan"}))
def test_each_clip_is_the_sound_of_its_file(name, tmp_path):
  fakes.WRITERS[name](tmp_path)
  for clip in clips_of(open_all(name, tmp_path))[:20]:
    # Keys are paths, but for sets in which the path depends on where archives were unpacked.
    assert_close(clip.load(fakes.RATE_HZ), fakes.wave(clip.key), atol=1 / 32768)


@pytest.mark.parametrize("name", fakes.WRITERS)
def test_the_folder_may_lie_in_one_of_the_name_of_the_set(name, tmp_path):
  expected = fakes.WRITERS[name](tmp_path / name)
  assert found(open_all(name, tmp_path)) == expected


def enclosing_folders():
  """(name, the folder that holds the layout itself)."""
  tut = "TUT-urban-acoustic-scenes-2018-development"
  folders = {"esc50": "ESC-50-master", "librispeech": "LibriSpeech", "musan": "musan"}
  return [*folders.items(), ("tut_2018", tut)]


@pytest.mark.parametrize(("name", "inner"), enclosing_folders())
def test_the_folder_itself_may_be_given(name, inner, tmp_path):
  expected = fakes.WRITERS[name](tmp_path)
  assert found(open_all(name, tmp_path / inner)) == expected


@pytest.mark.parametrize("name", fakes.WRITERS)
def test_parts_are_those_that_are_named_and_train_is_the_default(name, tmp_path):
  expected = fakes.WRITERS[name](tmp_path)
  corpus = corpora.get(name)
  parts = {e.split for e in expected} - {None}
  assert parts <= set(corpus.split_names)
  for split in corpus.split_names:
    members = corpus.unions.get(split, (split,))
    keys = [e.key for e in expected if e.split in members]
    if keys:
      source = datasets.open_source(name, split=split, data_dir=str(tmp_path))
      assert [clip.key for clip in clips_of(source)] == keys
  default = [e.key for e in expected if e.split in ("train", *corpus.unions.get("train", ()))]
  source = datasets.open_source(name, data_dir=str(tmp_path))
  assert [clip.key for clip in clips_of(source)] == (default or [e.key for e in expected])


LISTED = sorted(set(fakes.WRITERS) - {"musan", "voxforge"})  # the others have no lists


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_file_that_is_absent_is_missing_and_a_strange_one_is_told(name, tmp_path):
  expected = fakes.WRITERS[name](tmp_path)
  # Not a training clip: in Speech Commands they are in no list.
  gone = next(e for e in expected if e.split not in ("train", "train_clean", "train_clean100"))
  path = path_of(gone.key, tmp_path)
  path.rename(path.with_name("strange" + path.suffix))
  if name.startswith("speech_commands"):
    path.with_name("strange.wav").unlink()  # it would be one more to train
  source = open_all(name, tmp_path)
  assert list(source.missing) == [gone.key]
  assert f"1 of {len(expected)} listed" in source.summary or "recordings" in source.summary
  told = {"librispeech": "1 recordings are in no transcript", "esc10": "", "speech_commands": ""}
  usual = "1 unlisted audio files"
  assert told.get(name.removesuffix("_v1").removesuffix("_v2"), usual) in source.summary


def test_what_is_missing_is_that_of_the_part_that_is_opened(tmp_path):
  fakes.fsdnoisy18k(tmp_path)
  (tmp_path / "FSDnoisy18k.audio_test" / "564.wav").unlink()
  assert not datasets.open_source("fsdnoisy18k", data_dir=str(tmp_path)).missing
  assert len(open_all("fsdnoisy18k", tmp_path).missing) == 1


def path_of(key, folder):
  """Where the file of a clip lies."""
  end = "/" + key if key.endswith((".wav", ".flac")) else f"/{os.path.basename(key)}.wav"
  (path,) = [path for path in folder.rglob("*") if str(path).endswith(end)]
  return path


@pytest.mark.parametrize(
  ("dev", "test"), [("dev", "test"), ("vox1_dev_wav", "vox1_test_wav"), ("", "test")]
)
def test_the_archives_of_voxceleb_may_lie_beside_each_other(dev, test, tmp_path):
  expected = fakes.voxceleb(tmp_path, dev, test)
  assert found(open_all("voxceleb", tmp_path)) == expected


@pytest.mark.parametrize(
  "folders",
  [
    ("ff1010bird/wav", "warblrb10k/wav", "birdvox/wav"),
    ("freefield1010", "warblr", "BirdVoxDCASE20k"),
    (None, "warblrb10k_public", None),
  ],
)
def test_bird_sets_have_many_names_and_any_suffices(folders, tmp_path):
  expected = fakes.birdsong_detection(tmp_path, folders)
  source = open_all("birdsong_detection", tmp_path)
  assert found(source) == expected
  assert ("without ff1010bird, BirdVox-DCASE-20k" in source.summary) == (folders[0] is None)


def test_the_labels_of_a_bird_set_may_lie_in_its_folder(tmp_path):
  expected = fakes.birdsong_detection(tmp_path, ("ff1010bird/wav", None, None))
  labels = "ff1010bird_metadata_2018.csv"
  (tmp_path / labels).rename(tmp_path / "ff1010bird" / labels)
  assert found(open_all("birdsong_detection", tmp_path)) == expected


def test_voxforge_may_lie_as_wget_mirrors_it(tmp_path):
  expected = fakes.voxforge_mirror(tmp_path)
  source = open_all("voxforge", tmp_path)
  assert found(source) == expected
  assert "without es, fr, it, de" not in source.summary
  assert "not unpacked" not in source.summary
  packed = tmp_path / "www.repository.voxforge1.org/downloads/ru/more-20080101-x.tgz"
  packed.write_text("x")
  assert "1 .tgz archives are not unpacked" in open_all("voxforge", tmp_path).summary


@pytest.mark.parametrize("inner", ["speech_commands_v0.02", "SpeechCommands/speech_commands_v0.02"])
def test_both_versions_of_speech_commands_may_lie_beside_each_other(inner, tmp_path):
  fakes.speech_commands_v1(tmp_path / inner.replace("2", "1"))
  expected = fakes.speech_commands_v2(tmp_path / inner)
  assert found(open_all("speech_commands_v2", tmp_path)) == expected


def test_noises_of_speech_commands_are_told(tmp_path):
  fakes.speech_commands_v2(tmp_path)
  assert "1 recordings of _background_noise_" in open_all("speech_commands_v2", tmp_path).summary


def test_absent_parts_are_told(tmp_path):
  fakes.librispeech(tmp_path)
  assert "without train_clean360, train_other500" in open_all("librispeech", tmp_path).summary


def test_musan_is_cut_into_pieces_that_cover_each_recording(tmp_path):
  fakes.musan(tmp_path)
  clips = [c for c in clips_of(open_all("musan", tmp_path)) if c.label == "music"]
  assert [len(clip.load(4_000)) for clip in clips] == [40_000, 40_000, 22_000]


def test_the_held_out_part_of_fsdnoisy18k_depends_on_names_alone(tmp_path):
  fakes.fsdnoisy18k(tmp_path)
  lists = tmp_path / "FSDnoisy18k.meta" / "train.csv"
  before = {e for e in found(open_all("fsdnoisy18k", tmp_path)) if e.split == "validation"}
  header, *rows = lists.read_text().splitlines()
  lists.write_text("\n".join([header, *reversed(rows)]) + "\n")
  after = {e for e in found(open_all("fsdnoisy18k", tmp_path)) if e.split == "validation"}
  assert after == before
  assert len(after) == 3
