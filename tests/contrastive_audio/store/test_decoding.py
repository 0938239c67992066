"""Decoding: bounded memory whatever the clips are, and no clip that ends the preparation."""

import csv
import os
import pathlib
import threading

import numpy as np
import pytest

from contrastive_audio.datasets.source import Clip, ClipSource
from contrastive_audio.errors import UnusableAudio, UserError
from contrastive_audio.store import decoding, preparation
from contrastive_audio.store.decoding import Memory
from contrastive_audio.store.disk_format import quantise
from contrastive_audio.store.levels import Levels
from contrastive_audio.store.spool import Room, Spool

RATE_HZ = 16_000


class Source(ClipSource):
  """Clips whose blocks are made by functions."""

  name = summary = "made"

  def __init__(self, blocks):
    self._blocks = blocks
    self.num_clips = len(blocks)

  def clips(self, start, stop):
    for number in range(start, stop):
      yield Clip(f"{number}.wav", self._blocks[number])

  def fingerprint(self):
    return "0" * 64


def prepare(tmp_path, blocks, **options):
  return preparation.prepare(Source(blocks), RATE_HZ, str(tmp_path / "stores"), **options)


def minutes(count, block_samples=60_000):
  """Returns the blocks of a clip of some minutes, as a decoder yields them."""

  def blocks(sample_rate_hz):
    rng = np.random.default_rng(count)
    for _ in range(count * 60 * sample_rate_hz // block_samples):
      yield rng.uniform(-0.5, 0.5, block_samples).astype(np.float32)

  return blocks


@pytest.mark.parametrize(
  ("error", "reason"),
  [
    (AttributeError("'NoneType' object has no attribute 'rate'"), "AttributeError: 'NoneType'"),
    (IndexError(), "IndexError: IndexError"),
    (MemoryError(), "too large to be decoded"),
    (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    (UserError("two\nlines"), "UserError: two"),
    (UnusableAudio(""), "unusable"),
  ],
)
@pytest.mark.parametrize("num_good_blocks", [0, 2])
def test_any_error_of_one_clip_is_a_row_of_skipped(tmp_path, error, reason, num_good_blocks):
  def fail(_):
    yield from [np.ones(100, np.float32)] * num_good_blocks
    raise error

  store = prepare(tmp_path, [minutes(1), fail, minutes(1)], max_bad_fraction=0.5)
  assert store.keys() == ["0.wav", "2.wav"]
  with open(os.path.join(store.folders[0], "skipped.csv"), encoding="utf-8") as file:
    ((key, found),) = list(csv.reader(file))[1:]
  assert key == "1.wav"
  assert found.startswith(reason)


def test_a_clip_without_samples_is_skipped_and_so_is_an_error_before_the_first_block(tmp_path):
  def refuse(_):
    raise ValueError("no such codec")

  empty = lambda _: iter([np.empty(0, np.float32)])  # noqa: E731
  store = prepare(tmp_path, [refuse, empty, minutes(1)], max_bad_fraction=0.9)
  assert (store.num_clips, store.num_skipped) == (1, 2)


def test_a_clip_that_the_source_fails_at_is_skipped_and_the_next_ones_are_not(tmp_path):
  class Failing(Source):
    def clips(self, start, stop):
      for clip in super().clips(start, stop):
        if clip.key == "1.wav":
          raise KeyError("label")
        yield clip

  source = Failing([minutes(1)] * 3)
  store = preparation.prepare(source, RATE_HZ, str(tmp_path), max_bad_fraction=0.5)
  assert store.keys() == ["0.wav", "2.wav"]


def test_an_interruption_ends_the_preparation(tmp_path):
  def interrupt(_):
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    prepare(tmp_path, [minutes(1), interrupt, minutes(1)], max_bad_fraction=1.0)


def test_an_interrupted_preparation_does_not_decode_long_clips_to_their_ends(tmp_path):
  blocks_decoded, second_decodes = [], threading.Event()

  def endless(_):
    while True:
      second_decodes.set()
      blocks_decoded.append(1)
      yield np.zeros(1 << 16, np.float32)

  def interrupt(_):
    second_decodes.wait()
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    prepare(tmp_path, [interrupt, endless], num_threads=2)
  assert blocks_decoded


def test_a_full_disk_is_no_error_of_a_clip(tmp_path, monkeypatch):
  def refuse(self, block):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(Spool, "add", refuse)
  with pytest.raises(UserError, match=r"cannot write the store .*: no space left on device"):
    prepare(tmp_path, [minutes(1)], max_bad_fraction=1.0)


def test_a_disk_that_is_full_for_what_an_archive_holds_is_no_error_of_a_clip(tmp_path):
  def refuse(_):
    raise UserError("cannot unpack 1.zip in /tmp: no space left on device")

  with pytest.raises(UserError, match="cannot unpack"):
    prepare(tmp_path, [refuse], max_bad_fraction=1.0)


def test_a_clip_without_end_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(decoding, "MAX_HOURS", 0.5 / 60)
  store = prepare(tmp_path, [minutes(1), lambda rate: iter([np.ones(9, np.float32)])],
                  max_bad_fraction=0.5)  # fmt: skip
  assert store.keys() == ["1.wav"]


@pytest.mark.parametrize("level", [1e-6, 0.3, 1.0, 250.0])
def test_blocks_give_the_pcm_and_the_levels_of_the_whole_wave(tmp_path, level):
  rng = np.random.default_rng(0)
  wave = (level * rng.uniform(-1, 1, 300_001)).astype(np.float32)
  wave[1234] = level
  store = prepare(tmp_path, [lambda _: iter(np.split(wave, [1, 7000, 200_000]))])
  pcm, gain = quantise(wave)
  np.testing.assert_array_equal(store.pcm(0), pcm)
  stored = pcm * np.float64(gain)
  levels = Levels()
  levels.add(pcm)
  assert levels.of_gain(gain) == {
    "mean": stored.mean(),
    "peak": np.abs(stored).max(),
    "centred_peak": np.abs(stored - stored.mean()).max(),
    "l2": np.sqrt(stored @ stored),
  }
  assert store.mean[0] == np.float32(stored.mean())


def test_neither_memory_nor_threads_change_a_byte(tmp_path):
  """With 4 MB the longer clips wait in files, and the longest is mapped from one."""
  clips = [minutes(1), minutes(3), minutes(1), minutes(2), minutes(1)]
  contents = []
  for number, options in enumerate(({"memory_mb": 4, "num_threads": 8}, {"num_threads": 1})):
    store = prepare(tmp_path / str(number), clips, **options)
    assert 2 * store.num_samples[1] > Memory(4).clip_bytes
    paths = pathlib.Path(store.folders[0]).glob("*.arrow")
    contents.append({path.name: path.read_bytes() for path in paths})
  assert contents[0] == contents[1]


def test_what_waits_in_memory_stays_within_its_share(tmp_path, monkeypatch):
  """Whatever the number of threads; a block more is the most that a spool may hold on the way."""
  held, most, lock = [0], [0], threading.Lock()
  take, give_back = Room.take, Room.give_back

  def note(num_bytes):
    with lock:
      held[0] += num_bytes
      most[0] = max(most[0], held[0])

  monkeypatch.setattr(Room, "take", lambda self, n: take(self, n) and (note(n) or True))
  monkeypatch.setattr(Room, "give_back", lambda self, n: (note(-n), give_back(self, n)))
  prepare(tmp_path, [minutes(1)] * 6, memory_mb=16, num_threads=64)
  assert held[0] == 0
  assert 0.5 * Memory(16).share_bytes < most[0] <= Memory(16).share_bytes


def test_clips_that_hold_memory_before_they_are_decoded_are_not_collected(tmp_path):
  """As the records of tensorflow-datasets do, which hold their samples."""
  alive, most = set(), [0]

  def clips():
    for number in range(40):
      alive.add(number)
      most[0] = max(most[0], len(alive))
      yield Clip(str(number), lambda rate: iter([np.ones(1000, np.float32)]), num_bytes=8_000_000)

  for clip, decoded in decoding.decode(clips(), RATE_HZ, 8, Memory(64), str(tmp_path)):
    alive.discard(int(clip.key))
    decoded.close()
  assert most[0] == 3  # 64 MB / 4 are two of them, and one is looked at


def test_a_spool_gives_back_what_was_put_in_wherever_it_was(tmp_path):
  samples = np.arange(100_000, dtype=np.int16)
  for room_bytes in (0, 50_000, 1_000_000):
    for most_bytes in (0, 1_000_000):
      room = Room(room_bytes)
      spool = Spool(np.int16, room, str(tmp_path))
      for block in np.split(samples, 10):
        spool.add(block)
      np.testing.assert_array_equal(spool.take(most_bytes), samples)
      assert room.take(room_bytes)  # all of it is free again
  assert not os.listdir(tmp_path)
