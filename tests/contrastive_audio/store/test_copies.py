"""Recordings under several names are found by their samples, and nothing else is taken for one."""

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.cli.store_report import print_store
from contrastive_audio.store import preparation
from contrastive_audio.store.copies import find_copies
from contrastive_audio.store.manifest import DamagedStore
from contrastive_audio.store.pieces import equal_pieces
from contrastive_audio.store.store import Store
from tests.support import GOLDEN

RATE_HZ = 8_000
RNG = np.random.default_rng(0)
NOISE, OTHER = RNG.uniform(-0.5, 0.5, [2, 2 * RATE_HZ])


def open_waves(folder, waves):
  """A store of waves by their names, decoded anew."""
  (folder / "in").mkdir()
  for name, wave in waves.items():
    soundfile.write(folder / "in" / f"{name}.wav", wave, RATE_HZ)
  return preparation.prepare(datasets.open_source(str(folder / "in")), RATE_HZ, str(folder / "st"))


def names(store):
  """(copy, what it is a copy of) of each."""
  return list(zip(*(store.keys(clip_ids) for clip_ids in find_copies(store))))


def test_a_recording_under_another_name_is_a_copy_of_the_first(tmp_path, capsys):
  waves = {"07": NOISE, "07-copy": NOISE, "08": OTHER, "09": OTHER[::-1], "10": NOISE[1:]}
  store = open_waves(tmp_path, waves)
  assert names(store) == [("07.wav", "07-copy.wav")]
  assert store.sounds().tolist() == [0, 0, 2, 3, 4]
  print_store(store)
  told = capsys.readouterr().out.splitlines()[-1]
  assert told == "copies     1 clip is a copy of another (07.wav = 07-copy.wav)"
  assert names(store.select([2, 1])) == []
  assert names(store.select([1, 2, 0])) == [("07-copy.wav", "07.wav")]


def test_silence_and_constants_are_alike_and_no_copies(tmp_path, capsys):
  waves = {"zero": np.zeros(RATE_HZ), "zeros": np.zeros(RATE_HZ)}
  waves |= {"offset": np.full(RATE_HZ, 0.25), "offsets": np.full(RATE_HZ, 0.25)}
  store = open_waves(tmp_path, waves)
  assert names(store) == []
  print_store(store)
  assert "copies" not in capsys.readouterr().out


def test_pieces_of_a_recording_are_no_copies_of_each_other_but_recordings_are(tmp_path, capsys):
  repeated = np.tile(NOISE[:RATE_HZ], 3)
  store = open_waves(tmp_path, {"a": repeated, "b": OTHER, "c": repeated})
  pieces = store.cut(equal_pieces(store, 1.0))
  assert pieces.num_clips == 8
  assert names(pieces) == [("c.wav#t=0,1", "a.wav#t=0,1")]
  assert pieces.sounds().tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
  assert names(pieces.select([0, 1, 2, 3])) == []
  print_store(pieces)
  told = capsys.readouterr().out.splitlines()[-1]
  assert told == "copies     1 recording is a copy of another (c.wav = a.wav)"


def test_copies_are_found_across_joined_stores(tmp_path, capsys):
  stores = []
  for name, waves in (("x", {"a": NOISE, "b": OTHER}), ("y", {"c": OTHER, "d": NOISE})):
    (tmp_path / name).mkdir()
    stores.append(open_waves(tmp_path / name, waves))
  joined = Store.join(stores)
  assert names(joined) == [("c.wav", "b.wav"), ("d.wav", "a.wav")]
  print_store(joined)
  assert "copies     2 clips are copies of others (first: c.wav = b.wav)" in capsys.readouterr().out


def test_of_a_store_without_checksums_nothing_is_said():
  old = Store(str(GOLDEN / "version_0_1" / "store"))
  assert names(Store.join([old, old])) == []


def test_a_list_of_checksums_that_was_damaged_meanwhile_is_one_line(tmp_path):
  store = open_waves(tmp_path, {"a": NOISE, "b": OTHER})
  (path,) = (tmp_path / "st").rglob("chunk-*.json")
  path.write_text(path.read_text().replace('"pcm_checksums": "', '"pcm_checksums": "x'))
  with pytest.raises(DamagedStore, match="chunk-00000.json is not what was written"):
    store.sounds()
