"""Preparation: bounded, resumable, safe, and clear about what it could not use."""

import csv
import errno
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

import filelock
import numpy as np
import pyarrow as pa
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.cli.store_report import print_store
from contrastive_audio.errors import UserError
from contrastive_audio.store import chunk_writer, chunks, decoding, preparation
from tests.support import ROOT, environment, tone, write_clips


def prepare(folder, stores, **kwargs):
  return preparation.prepare(
    datasets.open_source(f"folder:{folder}"), 16_000, str(stores), **kwargs
  )


def skipped(store_or_folder):
  with open(os.path.join(store_or_folder, "skipped.csv"), encoding="utf-8") as file:
    return dict(list(csv.reader(file))[1:])


def note_decoded(monkeypatch):
  """Returns a list that the keys of clips are added to when they are decoded."""
  keys, blocks = [], decoding._unfailing
  monkeypatch.setattr(decoding, "_unfailing", lambda *a: keys.append(a[0].key) or blocks(*a))
  return keys


def stop_adding(monkeypatch, number):
  """Interrupts the call before it adds the clip of a number, counted from 1."""
  add, numbers = chunk_writer._ShardWriter.add, itertools.count(1)

  def add_or_stop(*clip):
    if next(numbers) == number:
      raise KeyboardInterrupt
    add(*clip)

  monkeypatch.setattr(chunk_writer._ShardWriter, "add", add_or_stop)


def files_of(store):
  paths = sorted(pathlib.Path(store.folders[0]).glob("*.arrow"))
  return {path.name: path.read_bytes() for path in paths}


def test_an_unchanged_source_is_decoded_once_and_a_changed_one_again(tmp_path, monkeypatch):
  folder = write_clips(tmp_path / "clips", clips=2)
  first = prepare(folder, tmp_path / "stores")
  with monkeypatch.context() as patch:
    patch.setattr(chunk_writer, "write", lambda **_: pytest.fail("decoded again"))
    assert prepare(folder, tmp_path / "stores").digest == first.digest
  soundfile.write(folder / "high" / "0.wav", tone(999, 1), 16_000)
  again = prepare(folder, tmp_path / "stores")
  assert again.digest != first.digest
  assert again.num_samples[0] == 16_000


def test_the_number_of_threads_does_not_change_a_byte(tmp_path):
  folder = write_clips(tmp_path / "clips")
  stores = [prepare(folder, tmp_path / str(n), num_threads=n) for n in (1, 4)]
  assert files_of(stores[0]) == files_of(stores[1])


def test_chunks_and_shards_are_of_bounded_size_and_give_the_same_clips(tmp_path, monkeypatch):
  folder = write_clips(tmp_path / "clips")
  whole = prepare(folder, tmp_path / "one")
  monkeypatch.setattr(chunks, "CHUNK_CLIPS", 5)
  monkeypatch.setattr(chunk_writer, "BATCH_BYTES", 60_000)
  monkeypatch.setattr(chunk_writer, "SHARD_BYTES", 100_000)
  parts = prepare(folder, tmp_path / "many")
  assert len(list(pathlib.Path(parts.folders[0]).glob("shard-*"))) >= 5
  assert parts.digest == whole.digest
  for clip_id in range(whole.num_clips):
    np.testing.assert_array_equal(parts.pcm(clip_id), whole.pcm(clip_id))


@pytest.mark.parametrize("stop_at", range(1, 14, 2))
def test_of_a_chunk_that_was_interrupted_no_complete_shard_is_decoded_again(
  tmp_path, monkeypatch, stop_at
):
  clips = write_clips(tmp_path / "clips")
  (clips / "high" / "0 bad.wav").write_text("no sound")  # one of 13
  monkeypatch.setattr(chunk_writer, "BATCH_BYTES", 60_000)
  monkeypatch.setattr(chunk_writer, "SHARD_BYTES", 100_000)  # some clips each
  whole = prepare(clips, tmp_path / "whole", max_bad_fraction=0.2)
  with monkeypatch.context() as patch:
    stop_adding(patch, stop_at)
    with pytest.raises(KeyboardInterrupt):
      prepare(clips, tmp_path / "stores", max_bad_fraction=0.2)
  (folder,) = filter(pathlib.Path.is_dir, (tmp_path / "stores").iterdir())
  begun, loaded = chunks.read_begun(str(folder), 0), note_decoded(monkeypatch)
  again = prepare(clips, tmp_path / "stores", max_bad_fraction=0.2)
  num_kept = begun.num_clips if begun else 0
  assert stop_at - 6 < num_kept < stop_at
  assert len(loaded) == 13 - num_kept
  assert again.digest == whole.digest
  assert files_of(again) == files_of(whole)  # nothing of what was begun is left
  assert skipped(again.folders[0]) == skipped(whole.folders[0])


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_store_that_lost_a_shard_is_made_again_and_only_that_part(tmp_path, monkeypatch, damage):
  folder = write_clips(tmp_path / "clips")
  monkeypatch.setattr(chunks, "CHUNK_CLIPS", 5)
  before = files_of(prepare(folder, tmp_path / "stores"))
  damage(next((tmp_path / "stores").rglob("shard-00001-00.arrow")))
  loaded = note_decoded(monkeypatch)
  assert files_of(prepare(folder, tmp_path / "stores")) == before
  assert len(loaded) == 5


def test_too_many_bad_clips_end_it_with_the_list_of_reasons(tmp_path):
  folder = write_clips(tmp_path / "clips", clips=5)
  (folder / "high" / "bad.wav").write_text("no sound")
  (folder / "low" / "empty.wav").touch()
  with pytest.raises(UserError, match=r"2 of 12 clips could not be used.*skipped.csv") as error:
    prepare(folder, tmp_path / "stores")
  reasons = skipped(str(error.value).split("the reasons are in ")[1].removesuffix("/skipped.csv"))
  assert "cannot be decoded" in reasons["high/bad.wav"]
  assert reasons["low/empty.wav"] == "empty file (0 bytes)"
  store = prepare(folder, tmp_path / "stores", max_bad_fraction=0.2)
  assert store.num_clips == 10
  assert store.num_skipped == 2
  assert skipped(store.folders[0]) == reasons
  with pytest.raises(UserError, match="2 of 12"):  # a finished store is checked as well
    prepare(folder, tmp_path / "stores")


def test_no_usable_clip_is_an_error_even_if_all_may_be_bad(tmp_path):
  (tmp_path / "clips").mkdir()
  (tmp_path / "clips" / "bad.wav").write_text("no sound")
  with pytest.raises(
    UserError, match=r"no clip can be used \(1 audio file.*bad.wav: cannot be decoded"
  ):
    prepare(tmp_path / "clips", tmp_path / "stores", max_bad_fraction=1.0)


def test_a_full_disk_is_one_clear_line_and_the_next_call_goes_on(tmp_path, monkeypatch):
  folder = write_clips(tmp_path / "clips")
  monkeypatch.setattr(chunks, "CHUNK_CLIPS", 5)
  save, calls = chunks.save, []

  def full_after_one(chunk, folder, number):
    calls.append(number)
    if len(calls) > 1:
      raise OSError(errno.ENOSPC, "No space left on device", folder)
    save(chunk, folder, number)

  with monkeypatch.context() as patch:
    patch.setattr(chunks, "save", full_after_one)
    with pytest.raises(UserError, match=r"no space left on device.*--store_dir"):
      prepare(folder, tmp_path / "stores")
  loaded = note_decoded(monkeypatch)
  store = prepare(folder, tmp_path / "stores")
  assert store.num_clips == 12
  assert len(loaded) == 7  # the first chunk was kept


def test_arrow_reports_a_full_disk_as_the_error_that_is_caught(tmp_path):
  if not os.path.exists("/dev/full"):
    pytest.skip("this system has no /dev/full")
  with pytest.raises(OSError, match="No space left") as error, pa.OSFile("/dev/full", "wb") as file:
    file.write(b"x" * 100_000)
  assert error.value.errno == errno.ENOSPC


IN_A_PROCESS = """
import sys, time
from contrastive_audio import datasets
from contrastive_audio.store import chunks, decoding, preparation
folder, stores, delay_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
chunks.CHUNK_CLIPS = 3
keys, blocks = [], decoding._unfailing
def slow(clip, sample_rate_hz):
  time.sleep(delay_s)
  keys.append(clip.key)
  return blocks(clip, sample_rate_hz)
decoding._unfailing = slow
store = preparation.prepare(datasets.open_source(f"folder:{folder}"), 16_000, stores)
print(store.digest, len(keys))
"""


@pytest.fixture
def start():
  """Starts a preparation in a process of its own; whatever still runs is killed at the end."""
  processes = []

  def start(folder, stores, delay_s=0.0):
    command = [sys.executable, "-c", IN_A_PROCESS, str(folder), str(stores), str(delay_s)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes.append(subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes))
    return processes[-1]

  yield start
  for process in processes:
    process.kill()
    process.communicate()


def test_a_killed_preparation_goes_on_and_gives_the_same_store(tmp_path, monkeypatch, start):
  folder = write_clips(tmp_path / "clips")
  killed = start(folder, tmp_path / "stores", delay_s=0.5)
  while not list((tmp_path / "stores").rglob("chunk-00000.json")):
    assert killed.poll() is None
    time.sleep(0.05)
  killed.send_signal(signal.SIGKILL)
  killed.wait()
  assert not list((tmp_path / "stores").rglob("store.json"))
  monkeypatch.setattr(chunks, "CHUNK_CLIPS", 3)
  resumed, fresh = prepare(folder, tmp_path / "stores"), prepare(folder, tmp_path / "fresh")
  assert files_of(resumed) == files_of(fresh)


def test_two_processes_at_once_make_one_store(tmp_path, start):
  folder = write_clips(tmp_path / "clips")
  source = datasets.open_source(f"folder:{folder}")
  plan = preparation.Plan(source, 16_000, str(tmp_path / "stores"))
  with filelock.FileLock(f"{plan.folder}.lock"):  # so that both are there before one begins
    both = [start(folder, tmp_path / "stores") for _ in range(2)]
    for process in both:
      assert process.stdout.readline().startswith("waiting: another process")
  outputs = [process.communicate(timeout=120) for process in both]
  assert [process.returncode for process in both] == [0, 0], outputs
  digests, num_decoded = zip(*(out.split() for out, _ in outputs))
  assert len(set(digests)) == 1
  assert sorted(num_decoded) == ["0", "12"]
  assert len(list((tmp_path / "stores").rglob("store.json"))) == 1


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(UserError, match="cannot create the folder"):
    prepare(write_clips(tmp_path / "clips", clips=1), tmp_path / "file" / "stores")


def test_clips_of_which_one_sample_leaves_nothing_are_named(tmp_path, capsys):
  folder, rng = write_clips(tmp_path / "clips", clips=2), np.random.default_rng(0)
  noise = 0.05 * rng.standard_normal(16_000)
  soundfile.write(folder / "low" / "as_integers.wav", 32_768 * noise, 16_000, "FLOAT")
  assert prepare(folder, tmp_path / "stores").num_coarse == 0  # loud, but all of it
  noise[100] = 1e5
  soundfile.write(folder / "low" / "spike.wav", noise, 16_000, "FLOAT")
  store = prepare(folder, tmp_path / "stores")
  assert (store.num_clips, store.num_coarse) == (6, 1)
  print_store(store)
  assert "coarse     1 clip with a single sample far beyond" in capsys.readouterr().out


def test_silent_clips_are_kept_and_counted(tmp_path):
  folder = write_clips(tmp_path / "clips", clips=2)
  soundfile.write(folder / "low" / "silent.wav", np.zeros(100), 16_000)
  store = prepare(folder, tmp_path / "stores")
  assert (store.num_clips, store.num_silent) == (5, 1)
