"""Wrong copies of published data sets: one line, what was expected, where to get it."""

import pytest

from contrastive_audio import datasets
from contrastive_audio.datasets import corpora
from contrastive_audio.errors import UserError
from tests.contrastive_audio.datasets.corpora import fakes


def refusal(name, folder, match, split="all"):
  """The one line that opening a wrong copy gives."""
  with pytest.raises(UserError, match=match) as error:
    datasets.open_source(name, split=split, data_dir=str(folder))
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize("name", fakes.WRITERS)
def test_a_folder_without_the_set_is_told_what_to_hold(name, tmp_path):
  (tmp_path / "holiday.jpg").write_text("x")
  line = refusal(name, tmp_path, f"no {name} in .*expected .*get it from http")
  assert corpora.get(name).layout in line


def test_another_layout_under_the_name_of_the_set_starts_no_download(tmp_path):
  (tmp_path / "musan" / "rock").mkdir(parents=True)
  (tmp_path / "musan" / "rock" / "song.wav").write_text("x")
  refusal("musan", tmp_path, "no musan in .*expected musan/.music,speech,noise")


def test_esc10_is_found_where_esc50_lies(tmp_path):
  clips = fakes.esc10_copy(str(tmp_path / "esc50"))
  assert datasets.open_source("esc10", "all", str(tmp_path)).num_clips == len(clips) == 10


# Name of the set, file, what becomes of its text, what the line says.
CHANGED = [
  ("fsdnoisy18k", "FSDnoisy18k.meta/train.csv", ("fname,label", "a,b"), "fname, label is missing"),
  (
    "fsdnoisy18k",
    "FSDnoisy18k.meta/train.csv",
    (",Rain,", ",Cow,"),
    "line 23: unknown class 'Cow'",
  ),
  ("fsdnoisy18k", "FSDnoisy18k.meta/train.csv", (",1,0\n", ",yes,0\n"), "verified is 'yes'"),
  (
    "fsdnoisy18k",
    "FSDnoisy18k.meta/test.csv",
    ("fname,label,aso_id\n", ""),
    "first line must name",
  ),
  ("speech_commands_v1", "testing_list.txt", ("no/", "maybe/"), "line 1: unknown class 'maybe'"),
  ("tut_2018", "meta.csv", ("filename\t", "file\t"), "filename is missing"),
  ("tut_2018", "meta.csv", ("\tbus\t", "\tboat\t"), "unknown class 'boat'"),
  ("tut_2018", "evaluation_setup/fold1_train.txt", ("\tbus", "\tboat"), "unknown class 'boat'"),
  ("tut_2018", "evaluation_setup/fold1_train.txt", ("\t", " "), "line 1: 1 cells, expected 2"),
  ("voxceleb", "iden_split.txt", ("1 id10001", "4 id10001"), "line 1: .* is not 1, 2 or 3"),
  ("voxceleb", "iden_split.txt", ("id10001", "p225"), "'p225' is not a speaker of VoxCeleb1"),
  ("birdsong_detection", "ff1010bird_metadata_2018.csv", (",1\n", ",bird\n"), "hasbird is 'bird'"),
  ("birdsong_detection", "ff1010bird_metadata_2018.csv", ("itemid", "id"), "itemid is missing"),
  (
    "birdsong_detection",
    "ff1010bird_metadata_2018.csv",
    (",ff1010bird,", ",BirdVox-DCASE-20k,"),
    "a clip of 'BirdVox-DCASE-20k', expected ff1010bird",
  ),
  ("nsynth", "nsynth-train/examples.json", ("}", ""), "cannot read"),
  ("nsynth", "nsynth-train/examples.json", ('_str": "bass"', '_str": "kazoo"'), "'kazoo'"),
  ("nsynth", "nsynth-train/examples.json", ("instrument_str", "x"), "lacks .* instrument_str"),
  ("esc50", "meta/esc50.csv", ("filename,fold", "filename,part"), "fold is missing"),
  ("esc50", "meta/esc50.csv", (",dog,", ",wolf,"), "line 2: unknown class 'wolf'.* one of 50"),
  ("esc50", "meta/esc50.csv", (",1,0,dog", ",1,7,dog"), "dog has the target '7', expected 0"),
  ("esc50", "meta/esc50.csv", (",1,0,dog", ",6,0,dog"), "fold '6', expected 1 to 5"),
  ("esc10", "meta/esc50.csv", (",cow,False", ",cow,True"), "unknown class 'cow'.* one of 10"),
  ("fsd50k", "FSD50K.ground_truth/vocabulary.csv", ("0,Class_0,/m/0\n", ""), "199 lines, expected"),
  ("fsd50k", "FSD50K.ground_truth/dev.csv", ("Crushing", "Singing"), "unknown class 'Singing'"),
  ("fsd50k", "FSD50K.ground_truth/dev.csv", (",split\n", ",fold\n"), "split is missing"),
  ("fsd50k", "FSD50K.ground_truth/dev.csv", (",val\n", ",test\n"), "split 'test', expected train"),
]


@pytest.mark.parametrize(("name", "file", "change", "match"), CHANGED)
def test_a_wrong_list_is_one_clear_line(name, file, change, match, tmp_path):
  fakes.WRITERS[name](tmp_path)
  (path,) = [path for path in tmp_path.rglob("*") if str(path).endswith("/" + file)]
  text = path.read_text()
  assert change[0] in text
  path.write_text(text.replace(*change))
  assert "http" in refusal(name, tmp_path, match)


@pytest.mark.parametrize(
  ("name", "file"),
  [
    ("fsdnoisy18k", "FSDnoisy18k.meta/test.csv"),
    ("speech_commands_v2", "testing_list.txt"),
    ("tut_2018", "evaluation_setup/fold1_evaluate.txt"),
    ("voxceleb", "iden_split.txt"),
    ("nsynth", "nsynth-valid/examples.json"),
    ("fsd50k", "FSD50K.ground_truth/vocabulary.csv"),
  ],
)
@pytest.mark.parametrize("how", ["absent", "empty", "not a text"])
def test_a_list_that_cannot_be_read_is_one_clear_line(name, file, how, tmp_path):
  fakes.WRITERS[name](tmp_path)
  (path,) = [path for path in tmp_path.rglob("*") if str(path).endswith("/" + file)]
  path.unlink()
  if how != "absent":
    path.write_bytes(b"" if how == "empty" else b"\xff\xfe\x00\xff")
  assert "http" in refusal(name, tmp_path, path.name)


def test_the_list_of_another_set_is_refused(tmp_path):
  fakes.fsdnoisy18k(tmp_path / "one")
  fakes.fsd50k(tmp_path / "other")
  target = tmp_path / "one/FSDnoisy18k.meta/train.csv"
  target.write_text((tmp_path / "other/FSD50K.ground_truth/dev.csv").read_text())
  line = refusal(
    "fsdnoisy18k", tmp_path / "one", "label, manually_verified, noisy_small is missing"
  )
  assert "FSDnoisy18k.meta/train.csv of https://zenodo.org/record/2529934" in line


@pytest.mark.parametrize(
  ("name", "writer", "match"),
  [
    (
      "speech_commands_v1",
      fakes.speech_commands_v2,
      "'backward' is not one of its words.*it looks like speech_commands_v2",
    ),
    (
      "speech_commands_v2",
      fakes.speech_commands_v1,
      "'backward' is missing.*it looks like speech_commands_v1",
    ),
  ],
)
def test_the_other_version_of_speech_commands_is_recognised(name, writer, match, tmp_path):
  writer(tmp_path)
  refusal(name, tmp_path, match)


def test_a_strange_folder_of_words_is_refused(tmp_path):
  fakes.speech_commands_v1(tmp_path)
  fakes.write_audio(tmp_path, "maybe/0a7c2a8d_nohash_0.wav")
  refusal("speech_commands_v1", tmp_path, "'maybe' is not one of its words; expected")


def test_a_bird_set_without_labels_is_told_where_to_get_them(tmp_path):
  fakes.birdsong_detection(tmp_path)
  (tmp_path / "BirdVoxDCASE20k_csvpublic.csv").unlink()
  refusal("birdsong_detection", tmp_path, "no labels for .*csvpublic.csv of https://ndownloader")


@pytest.mark.parametrize(
  "name", ["fsdnoisy18k", "esc50", "fsd50k", "tut_2018", "voxceleb", "nsynth"]
)
def test_lists_without_any_audio_are_refused(name, tmp_path):
  fakes.WRITERS[name](tmp_path)
  for path in tmp_path.rglob("*.wav"):
    path.unlink()
  assert "http" in refusal(name, tmp_path, "none of the .* listed clips is in")


@pytest.mark.parametrize("name", ["librispeech", "musan", "voxforge", "birdsong_detection"])
def test_folders_without_any_audio_are_refused(name, tmp_path):
  fakes.WRITERS[name](tmp_path)
  for path in [*tmp_path.rglob("*.wav"), *tmp_path.rglob("*.flac")]:
    path.unlink()
  assert "http" in refusal(name, tmp_path, "no recording|none of the")


def test_voxforge_that_was_not_unpacked_is_told_to_be(tmp_path):
  (tmp_path / "de" / "Trunk").mkdir(parents=True)
  (tmp_path / "de" / "Trunk" / "anna-20080728-xyz.tgz").write_text("x")
  refusal("voxforge", tmp_path, "1 .tgz archives are there: unpack each where it lies")


def test_librispeech_in_other_folders_is_refused(tmp_path):
  fakes.write_audio(tmp_path, "LibriSpeech/dev-clean/84-121123-0000.flac")
  refusal("librispeech", tmp_path, "not where LibriSpeech has its recordings.*https://")


@pytest.mark.parametrize(
  ("name", "split", "names"),
  [
    ("fsdnoisy18k", "clean", "noisy_rest, noisy_small, test, train, train_clean, validation"),
    ("librispeech", "dev_other", "dev_clean, train_clean100"),
    ("voxforge", "train", "none"),
    ("esc50", "6", "1, 2, 3, 4, 5"),
  ],
)
def test_an_empty_part_names_those_that_are_there(name, split, names, tmp_path):
  fakes.WRITERS[name](tmp_path)
  refusal(name, tmp_path, f"no clip with split '{split}'; it has {names}$", split)
