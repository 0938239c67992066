"""The store: exact, read by place, open to other readers."""

import dataclasses
import hashlib
import os

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store import manifest, preparation
from contrastive_audio.store.disk_format import BLOCK_BYTES, quantise
from contrastive_audio.store.store import Store
from contrastive_audio.utils import checksums
from tests.support import assert_close, write_clips


def make_store(folder, waves, stores, rate_hz=16_000, subtype="FLOAT"):
  folder.mkdir(exist_ok=True)
  for name, wave in waves.items():
    soundfile.write(folder / f"{name}.wav", wave, rate_hz, subtype=subtype)
  source = datasets.open_source(f"folder:{folder}")
  return preparation.prepare(source, rate_hz, str(stores))


def shard_table(store):
  """The first shard, as any reader of Arrow opens it."""
  with pa.OSFile(f"{store.folders[0]}/shard-00000-00.arrow") as file:
    return pa.ipc.open_file(file).read_all()


RNG = np.random.default_rng(0)


def test_16_bit_recordings_are_stored_bit_exactly():
  pcm = RNG.integers(-32768, 32768, 1000).astype("int16")
  for wave in (pcm, pcm // 1000, np.array([32767, 0]), np.array([-32768, 1]), np.array([1, 0])):
    stored, gain = quantise((wave / 32768).astype("f"))
    np.testing.assert_array_equal(stored * np.float64(gain) * 32768, wave)


@pytest.mark.parametrize("level", [1e-6, 1e-3, 0.9, 1.0, 1.5, 300.0])
def test_any_level_keeps_15_bits_and_is_never_clipped(level):
  wave = (level * RNG.uniform(-1, 1, 1000)).astype("f")
  wave[0], wave[1] = level, -level
  pcm, gain = quantise(wave)
  assert np.abs(pcm * np.float64(gain) - wave).max() <= np.abs(wave).max() / 2**14


def test_silence_is_stored_as_silence():
  pcm, gain = quantise(np.zeros(5, "f"))
  assert not pcm.any()
  assert gain > 0


def test_a_wave_played_backwards_is_another_clip(tmp_path):
  wave = RNG.normal(0, 0.1, 500).astype("f")
  forwards, backwards, again = (
    make_store(tmp_path / "in", {"a": each}, tmp_path / f"stores-{number}")
    for number, each in enumerate((wave, wave[::-1], wave))
  )
  assert forwards.digest == again.digest != backwards.digest


def test_waves_columns_and_statistics_come_back(tmp_path):
  waves = {f"c{i}": RNG.normal(0, 0.1, 500 + 7 * i).astype("f") for i in range(5)}
  waves["loud"] = (2.5 * RNG.uniform(-1, 1, 300)).astype("f")
  opened = make_store(tmp_path / "in", waves, tmp_path / "stores")
  assert opened.keys() == [f"{name}.wav" for name in waves]
  assert opened.labels([0]) == opened.groups([0]) == [None]
  for clip_id, wave in enumerate(waves.values()):
    assert_close(opened.wave(clip_id), wave, atol=np.abs(wave).max() / 2**14)
    out = np.zeros(100, "f")
    opened.copy_excerpt(clip_id, len(wave) - 100, out)
    assert_close(out, opened.wave(clip_id)[-100:])
  row = {name: column[-1] for name, column in opened._columns.numbers.items()}
  row["l2"] = shard_table(opened)["l2"][-1].as_py()
  wave = opened.wave(5).astype(float)
  assert_close([row["mean"], row["peak"]], [wave.mean(), np.abs(wave).max()], atol=1e-6)
  assert_close(row["centred_peak"], np.abs(wave - wave.mean()).max(), rtol=1e-6)
  assert_close([opened.mean[-1], opened.centred_peak[-1]], [row["mean"], row["centred_peak"]])
  assert_close(row["l2"], np.linalg.norm(wave), rtol=1e-6)


def test_shards_open_in_any_arrow_reader(clip_store):
  table = shard_table(clip_store)
  assert table.num_rows == clip_store.num_clips
  assert table["label"].to_pylist() == clip_store.labels()
  row = table.slice(3, 1).to_pylist()[0]
  assert_close(np.array(row["pcm"], "f") * np.float32(row["gain"]), clip_store.wave(3))


@pytest.mark.parametrize("has_preadv", [True, False])
def test_any_part_of_any_clip_is_read_by_its_place(clip_store, monkeypatch, has_preadv):
  if not has_preadv:
    monkeypatch.delattr(os, "preadv")
  for clip_id in (0, 5, 11):
    whole = clip_store.wave(clip_id)
    out = np.empty(1000, np.float32)
    clip_store.copy_excerpt(clip_id, len(whole) - 1000, out)
    assert_close(out, whole[-1000:])


def test_a_shard_that_is_cut_off_while_it_is_open_is_one_line_and_no_crash(tmp_path):
  source = datasets.open_source(f"folder:{write_clips(tmp_path / 'clips')}")
  opened = preparation.prepare(source, 16_000, str(tmp_path / "stores"))
  (shard,) = (tmp_path / "stores").rglob("shard-*")
  os.truncate(shard, 100_000)
  assert len(opened.wave(0)) == 24_000
  with pytest.raises(
    UserError, match=r"^damaged store: .*shard-00000-00.arrow ends before byte .*; the next command"
  ):
    opened.wave(11)


def test_a_store_of_an_earlier_version_says_something_that_nobody_asks_for_and_opens(tmp_path):
  write_clips(tmp_path / "in", clips=2, seconds=0.1)
  source = datasets.open_source(f"folder:{tmp_path / 'in'}")
  store = preparation.prepare(source, 8_000, str(tmp_path / "stores"))
  (folder,) = store.folders
  content = dataclasses.asdict(manifest.read(folder)) | {"several_labels": True}
  checksums.write_sealed_json(os.path.join(folder, manifest.MANIFEST), content)
  assert Store(folder).digest == store.digest


def test_a_folder_without_a_manifest_is_no_store(tmp_path):
  with pytest.raises(UserError, match="no finished store"):
    Store(str(tmp_path))


def test_joined_stores_hold_all_clips_and_selections_some_without_a_copy(clip_store, tmp_path):
  write_clips(tmp_path / "more", classes=["other"], clips=3)
  source = datasets.open_source(f"folder:{tmp_path / 'more'}")
  other = preparation.prepare(source, 16_000, str(tmp_path / "stores"))
  joined = Store.join([clip_store, other, clip_store])
  assert joined.keys() == clip_store.keys() + other.keys() + clip_store.keys()
  assert joined.labels()[12:15] == ["other"] * 3
  assert joined.folders == clip_store.folders + other.folders + clip_store.folders
  for clip_id, wave in {3: clip_store.wave(3), 13: other.wave(1), 20: clip_store.wave(5)}.items():
    assert_close(joined.wave(clip_id), wave)
  some = joined.select([13, 3])
  assert (some.num_clips, some.keys()) == (2, [other.keys()[1], clip_store.keys()[3]])
  assert_close(some.wave(0), other.wave(1))
  assert_close(some.mean, joined.mean[[13, 3]])
  digests = {store.digest for store in (clip_store, joined, some, joined.select([3, 13]))}
  assert len(digests) == 4
  assert joined.select([13, 3]).digest == some.digest
  assert Store.join([clip_store]) is clip_store


def speakers(folder, names):
  """A store of a table that names the speaker of each clip; None: of unknown ones."""
  folder.mkdir()
  rows = ["file,label,group"]
  for number, name in enumerate(names):
    wave = RNG.normal(0, 0.1, 800)
    soundfile.write(folder / f"{number}.wav", wave, 8_000)
    rows.append(f"{number}.wav,speech,{name or ''}")
  (folder / "clips.csv").write_text("\n".join(rows))
  source = datasets.open_source(str(folder / "clips.csv"))
  return preparation.prepare(source, 8_000, str(folder.parent / "stores"))


def test_a_group_of_one_data_set_is_another_than_that_of_the_same_name_in_another(tmp_path):
  one, other = speakers(tmp_path / "a", ["1", "2", "1"]), speakers(tmp_path / "b", ["1", None])
  joined = Store.join([one, other])
  first, second, again, others, nobody = joined.groups()
  assert first == again
  assert len({first, second, others}) == 3
  assert nobody is None
  assert joined.groups([3, 0]) == joined.select([3, 0]).groups() == [others, first]
  assert Store.join([joined, one]).groups()[5] not in joined.groups()
  assert one.groups() == ["1", "2", "1"]  # alone, they are called what the table calls them


def test_what_groups_are_called_does_not_change_the_digest_of_joined_stores(tmp_path):
  one, other = speakers(tmp_path / "a", ["1", "2"]), speakers(tmp_path / "b", ["1", "3"])
  digests = (one.digest + other.digest).encode()
  assert Store.join([one, other]).digest == hashlib.sha256(digests).hexdigest()


def test_parts_of_one_data_set_keep_the_names_of_its_groups(tmp_path):
  train, test = speakers(tmp_path / "a", ["1", "2"]), speakers(tmp_path / "b", ["1", "3"])
  assert Store.join([train, test], of_one_data_set=True).groups() == ["1", "2", "1", "3"]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system that takes no advice")
def test_excerpts_are_loaded_ahead_without_what_lies_outside_their_clips(clip_store, monkeypatch):
  store = Store(clip_store.folders[0])
  length, asked = int(store.num_samples[1]), []
  monkeypatch.setattr(os, "posix_fadvise", lambda *arguments: asked.append(arguments[1:]))
  store.wave(0), store.wave(1)  # verified from now on: single bytes will do
  starts = np.array([[-300, 5], [length - 100, length - 400]])
  store.read_ahead(np.array([0, 1]), starts, 400)
  first, second = (int(store._first_byte[clip_id]) for clip_id in (0, 1))
  assert asked == [
    (first, 200, os.POSIX_FADV_WILLNEED),
    (first + 10, 800, os.POSIX_FADV_WILLNEED),
    (second + 2 * length - 200, 200, os.POSIX_FADV_WILLNEED),
    (second + 2 * length - 800, 800, os.POSIX_FADV_WILLNEED),
  ]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system that takes no advice")
def test_blocks_that_are_to_be_verified_are_loaded_as_a_whole(clip_store, monkeypatch):
  store, asked = Store(clip_store.folders[0]), []
  monkeypatch.setattr(os, "posix_fadvise", lambda *arguments: asked.append(arguments[1:3]))
  store.read_ahead(np.array([1]), np.array([[7]]), 400)
  ((position, count),) = asked
  assert position % BLOCK_BYTES == count % BLOCK_BYTES == 0
  assert position <= store._first_byte[1] + 14
  assert position + count >= store._first_byte[1] + 14 + 800
