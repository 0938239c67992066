"""Our builders of tensorflow-datasets: from archives to clips, by the library, by its command."""

import collections
import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.datasets import builders, corpora
from contrastive_audio.datasets.builders import corpus_builder, split_zip
from contrastive_audio.datasets.tfds_features import library
from contrastive_audio.errors import UserError
from tests.contrastive_audio.datasets.corpora import fakes, packing
from tests.support import ROOT, assert_close, environment

tfds = library()
NAMES = [*builders.NAMES, "esc10"]


def builder_class(name):
  name = "esc50" if name == "esc10" else name
  return importlib.import_module(
    f"contrastive_audio.datasets.builders.{name}.{name}_dataset_builder"
  ).Builder


def without_digests(corpus):
  """The corpus for archives that are not the published ones."""
  unknown = {"md5": None, "sha256": None, "num_bytes": None}
  archives = tuple(dataclasses.replace(a, **unknown) for a in corpus.archives)
  return dataclasses.replace(corpus, archives=archives)


@pytest.fixture
def archives(request, tmp_path, monkeypatch):
  """(name, folder of archives of a copy, what is in them); nothing is compared with digests."""
  name = request.param
  expected = fakes.WRITERS[name](tmp_path / "copy")
  packing.pack(name, tmp_path / "copy", tmp_path / "archives")
  monkeypatch.setattr(builder_class(name), "CORPUS", without_digests(corpora.get(name)))
  return name, tmp_path / "archives", expected


@pytest.mark.parametrize("archives", NAMES, indirect=True)
def test_archives_give_the_same_clips_as_the_unpacked_folder(archives, tmp_path):
  name, folder, expected = archives
  prepared = datasets.open_source(
    name, split="all", data_dir=str(tmp_path / "data"), manual_dir=str(folder)
  )
  unpacked = datasets.open_source(name, split="all", data_dir=str(tmp_path / "copy"))
  assert prepared.name == name
  assert prepared.classes == unpacked.classes
  waves = {c.key: c.load(fakes.RATE_HZ) for c in unpacked.clips(0, unpacked.num_clips)}
  clips = list(prepared.clips(0, prepared.num_clips))
  parts = prepared.splits()
  assert sorted((c.key, c.label, c.group or "", parts.get(c.key) or "") for c in clips) == sorted(
    (e.key, e.label, e.group or "", e.split or "") for e in expected
  )
  for clip in clips:
    assert_close(clip.load(fakes.RATE_HZ), waves[clip.key])


def test_a_union_of_splits_is_opened_by_its_name(tmp_path, monkeypatch):
  expected = fakes.fsdnoisy18k(tmp_path / "copy")
  packing.pack("fsdnoisy18k", tmp_path / "copy", tmp_path / "archives")
  corpus = without_digests(corpora.get("fsdnoisy18k"))
  monkeypatch.setattr(builder_class("fsdnoisy18k"), "CORPUS", corpus)
  places = {"data_dir": str(tmp_path / "data"), "manual_dir": str(tmp_path / "archives")}
  source = datasets.open_source("fsdnoisy18k", **places)
  noisy = {e.key: e.split for e in expected if e.split.startswith("noisy")}
  assert {clip.key for clip in source.clips(0, source.num_clips)} == set(noisy)
  assert source.splits() == noisy
  assert source.unions == corpora.get("fsdnoisy18k").unions
  both = datasets.open_source("fsdnoisy18k", split="train+test", **places)
  assert both.num_clips == len(noisy) + 1
  with pytest.raises(UserError, match="no split 'clean'; it has .*train_clean.*train"):
    datasets.open_source("fsdnoisy18k", split="clean", **places)


def prepare(name, tmp_path, manual="archives"):
  """Opens what is prepared from archives."""
  places = {"data_dir": str(tmp_path / "data"), "manual_dir": str(tmp_path / manual)}
  return datasets.open_source(name, split="all", **places)


def refusal(name, tmp_path, match):
  with pytest.raises(UserError, match=match) as error:
    prepare(name, tmp_path)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize(
  ("name", "archive", "reason"),
  [
    ("fsdnoisy18k", "FSDnoisy18k.audio_train.zip", "md5 is [0-9a-f]{32}, expected 34dc1d34"),
    ("speech_commands_v1", "speech_commands_v0.01.tar.gz", "sha256 is [0-9a-f]{64}, expected 7439"),
    ("speech_commands_v2", "speech_commands_v0.02.tar.gz", "bytes, expected 2428923189"),
    ("musan", "musan.tar.gz", "md5 is [0-9a-f]{32}, expected 0c472d4fc0c5141eca47ad1ffeb2a7df"),
    ("fsd50k", "FSD50K.dev_audio.zip", "md5 is [0-9a-f]{32}, expected c480d119"),
    ("tut_2018", "TUT-urban-acoustic-scenes-2018-development.meta.zip", "bytes, expected 69272"),
  ],
)
def test_half_of_an_archive_is_one_clear_line(name, archive, reason, tmp_path):
  fakes.WRITERS[name](tmp_path / "copy")
  packing.pack(name, tmp_path / "copy", tmp_path / "archives")
  line = refusal(name, tmp_path, f"not the published {archive} .*{reason}.*: perhaps")
  (url,) = [a.url for a in corpora.get(name).archives if a.name == archive]
  assert line.endswith(f"delete it and get it from {url}")


def test_an_archive_of_which_no_digest_is_published_must_at_least_unpack(tmp_path):
  fakes.birdsong_detection(tmp_path / "copy")
  packing.pack("birdsong_detection", tmp_path / "copy", tmp_path / "archives")
  path = tmp_path / "archives" / "ff1010bird_wav.zip"
  path.write_bytes(path.read_bytes()[:-100])
  refusal("birdsong_detection", tmp_path, "ff1010bird_wav.zip' cannot be unpacked .*archive.org")


def test_archives_of_something_else_are_refused(tmp_path):
  fakes.write_text(tmp_path / "copy", "ESC-50-master/README.md", "about")
  packing.pack("esc50", tmp_path / "copy", tmp_path / "archives")
  refusal("esc50", tmp_path, "archives of esc50 do not hold ESC-50-master/audio.*get them from")


def test_an_archive_that_is_not_there_is_downloaded_and_compared(tmp_path, monkeypatch):
  expected = fakes.esc50_copy(tmp_path / "copy")
  packing.pack("esc50", tmp_path / "copy", tmp_path / "published")
  (tmp_path / "archives").mkdir()
  asked = []

  def download(_, url):
    asked.append(url)
    return tmp_path / "published" / "ESC-50-master.zip"

  monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
  assert prepare("esc50", tmp_path).num_clips == len(expected)
  assert asked == ["https://github.com/karolpiczak/ESC-50/archive/master.zip"]


def test_archives_may_lie_in_the_data_folder_itself(tmp_path):
  expected = fakes.esc50_copy(tmp_path / "copy")
  packing.pack("esc50", tmp_path / "copy", tmp_path / "archives")
  source = datasets.open_source("esc50", data_dir=str(tmp_path / "archives"))
  assert source.num_clips == len(expected)
  again = datasets.open_source("esc50", data_dir=str(tmp_path / "archives"))  # prepared by now
  assert again.fingerprint() == source.fingerprint()


def test_without_a_network_it_is_told_to_download_by_hand(tmp_path, monkeypatch):
  def download(*_):
    raise OSError("no route to host\nand more lines")

  monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
  refusal("musan", tmp_path, "could not be prepared .*no route to host.*--manual_dir=FOLDER")


def test_what_the_archives_lack_is_told_by_what_was_prepared(tmp_path):
  expected = fakes.esc50_copy(tmp_path / "copy")
  (tmp_path / "copy" / "ESC-50-master" / expected[3].key).unlink()
  packing.pack("esc50", tmp_path / "copy", tmp_path / "archives")
  source = prepare("esc50", tmp_path)
  assert source.missing == [expected[3].key]
  assert "1 listed clips are missing" in source.summary
  places = {"data_dir": str(tmp_path / "data")}
  assert not datasets.open_source("esc50", split=expected[4].split, **places).missing


@pytest.mark.parametrize(("subtype", "rate_hz"), [("PCM_16", 8_000), ("PCM_24", 4_000)])
def test_a_piece_has_the_samples_of_the_recording(subtype, rate_hz, tmp_path):
  samples = np.random.default_rng(0).uniform(-1, 1, (3 * rate_hz, 2))
  soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype)
  row = {"path": b"a.wav", "start_s": 0.5, "stop_s": 2.25}
  piece = corpus_builder.audio_file(str(tmp_path), row)
  got, got_rate_hz = soundfile.read(piece)
  assert got_rate_hz == rate_hz
  whole, _ = soundfile.read(tmp_path / "a.wav")
  assert_close(got, whole[rate_hz // 2 : rate_hz * 9 // 4])
  piece.seek(0)
  assert soundfile.info(piece).subtype == subtype


@pytest.mark.parametrize("name", builders.NAMES)
def test_the_instructions_name_each_archive_that_is_needed(name):
  text = builder_class(name).MANUAL_DOWNLOAD_INSTRUCTIONS
  for archive in corpora.get(name).archives:
    assert (f"{archive.name} from {archive.url}" in text) != archive.optional


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs the program zip")
def test_volumes_of_the_program_zip_are_unpacked(tmp_path):
  content = {f"in/{i}.bin": os.urandom(50_000) for i in range(6)}
  for name, data in content.items():
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(data)
  subprocess.run(["zip", "-q", "-r", "-s", "64k", "a.zip", "in"], cwd=tmp_path, check=True)
  volumes = sorted(tmp_path.glob("a.z??"))
  assert len(volumes) > 3
  split_zip.extract([*map(str, volumes[:-1]), str(tmp_path / "a.zip")], str(tmp_path / "out"))
  assert {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.bin")} == set(
    content
  )
  for name, data in content.items():
    assert (tmp_path / "out" / name).read_bytes() == data


@pytest.mark.slow
def test_the_command_of_the_library_builds_from_archives(tmp_path):
  expected = fakes.birdsong_detection(tmp_path / "copy")
  packing.pack("birdsong_detection", tmp_path / "copy", tmp_path / "archives")
  folder = ROOT / "contrastive_audio" / "datasets" / "builders" / "birdsong_detection"
  command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", str(folder)]
  command += [f"--data_dir={tmp_path / 'data'}", f"--manual_dir={tmp_path / 'archives'}"]
  result = subprocess.run(command, env=environment(), capture_output=True, text=True)
  assert result.returncode == 0, result.stdout + result.stderr
  source = datasets.open_source("birdsong_detection", data_dir=str(tmp_path / "data"))
  assert {clip.key for clip in source.clips(0, source.num_clips)} == {e.key for e in expected}


def library_case(name):
  """The test that the library gives to those who write builders, for one of ours."""

  class Case(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = builder_class(name)
    BUILDER_CONFIG_NAMES_TO_TEST = [name] if name in ("esc10", "esc50") else None

    @classmethod
    def setUpClass(cls):
      temporary = tempfile.TemporaryDirectory()
      cls.addClassCleanup(temporary.cleanup)
      folder = temporary.name
      expected = fakes.WRITERS[name](os.path.join(folder, "copy"))
      cls.EXAMPLE_DIR = os.path.join(folder, "archives")
      cls.SPLITS = collections.Counter(e.split or "train" for e in expected)
      packing.pack(name, os.path.join(folder, "copy"), cls.EXAMPLE_DIR)
      corpus = without_digests(corpora.get(name))
      patch = mock.patch.object(cls.DATASET_CLASS, "CORPUS", corpus)
      patch.start()
      cls.addClassCleanup(patch.stop)
      super().setUpClass()

  Case.__name__ = Case.__qualname__ = f"TestLibraryCase_{name}"
  return Case


for _name in NAMES:
  globals()[f"TestLibraryCase_{_name}"] = library_case(_name)
