"""Builders of tensorflow-datasets itself for data sets of the papers: labels, groups, parts."""

import shutil

import numpy as np

from contrastive_audio import datasets
from contrastive_audio.datasets import tfds_features
from contrastive_audio.datasets.corpora import librispeech, nsynth
from tests.contrastive_audio.datasets.corpora import fakes
from tests.support import assert_close

tfds = tfds_features.library()


def open_library(name, tmp_path, monkeypatch, downloads, **attributes):
  """Opens a builder of the library whose downloads are there already."""
  manager = tfds.download.DownloadManager
  for method in ("download", "download_and_extract"):
    monkeypatch.setattr(manager, method, lambda _, urls: {k: downloads[k] for k in urls})
  return datasets.open_source(name, data_dir=str(tmp_path / "data"), **attributes)


def test_librispeech_of_the_library_has_speakers_and_chapters(tmp_path, monkeypatch):
  downloads = {}
  for number, (split, subset) in enumerate(librispeech.SUBSETS.items()):
    top = tmp_path / split / "LibriSpeech"
    name = f"10{number}-1240"
    fakes.write_audio(top, f"{subset}/10{number}/1240/{name}-0000.flac")
    fakes.write_text(top, f"{subset}/10{number}/1240/{name}.trans.txt", f"{name}-0000 CHAPTER")
    fakes.write_text(top, "SPEAKERS.TXT", "; none")
    fakes.write_text(top, "CHAPTERS.TXT", "; none")
    downloads[split] = tmp_path / split
  source = open_library("librispeech", tmp_path, monkeypatch, downloads)
  clips = list(source.clips(0, 7))
  assert sorted((c.label, c.group) for c in clips) == [(f"10{i}", f"10{i}-1240") for i in range(7)]
  assert sorted(source.splits().values()) == sorted(librispeech.SUBSETS)
  path = "train-clean-100/100/1240/100-1240-0000.flac"
  (clip,) = [clip for clip in clips if clip.label == "100"]
  assert_close(clip.load(fakes.RATE_HZ), fakes.wave(path), atol=1 / 32768)


def test_voxceleb_of_the_library_has_speakers_and_videos(tmp_path, monkeypatch):
  expected = fakes.voxceleb(tmp_path / "copy")
  (tmp_path / "manual").mkdir()
  shutil.make_archive(str(tmp_path / "manual" / "vox_dev_wav"), "zip", tmp_path / "copy", "wav")
  downloads = {"iden_split": str(tmp_path / "copy" / "iden_split.txt")}
  places = {"split": "all", "manual_dir": str(tmp_path / "manual")}
  source = open_library("voxceleb", tmp_path, monkeypatch, downloads, **places)
  clips = list(source.clips(0, source.num_clips))
  assert sorted((c.label, c.group) for c in clips) == sorted((e.label, e.group) for e in expected)
  assert {"id10001", "id11251"} < set(source.classes)
  assert len(source.classes) == 1251


def test_the_label_of_nsynth_is_the_family_and_the_group_the_instrument():
  names = [f"instrument_{i}" for i in range(3)]
  instrument = {
    "label": tfds.features.ClassLabel(names=names),
    "family": tfds.features.ClassLabel(names=list(nsynth.CLASSES)),
    "source": tfds.features.ClassLabel(names=["acoustic", "electronic", "synthetic"]),
  }
  audio = tfds.features.Audio(dtype=np.float32, sample_rate=16_000)
  features = tfds.features.FeaturesDict({"audio": audio, "instrument": instrument})
  found = tfds_features.find_features("nsynth/full:2.3.3", features)
  record = {"audio": np.zeros(1), "instrument": {"label": 2, "family": 9, "source": 0}}
  assert found.label(record) == "synth_lead"
  assert found.group(record) == "instrument_2"
  assert found.classes == nsynth.CLASSES
