"""A damaged store is never used in silence: it is made again, or refused in one line."""

import contextlib
import os
import pathlib
import random
import re
import shutil

import numpy as np
import pytest

from benchmarks.lib.damage import damages
from contrastive_audio import datasets
from contrastive_audio.cli.endings import in_one_line
from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.store import chunk_writer, chunks, manifest, preparation, store
from contrastive_audio.store.disk_format import BLOCK_BYTES
from contrastive_audio.views.excerpts import ExcerptPairs
from tests.support import command, write_clips


@pytest.fixture(scope="module")
def original(tmp_path_factory):
  """A folder with clips, and their store in several chunks."""
  folder = tmp_path_factory.mktemp("damage")
  write_clips(folder / "clips", clips=5, seconds=0.5)
  (folder / "clips" / "high" / "bad.wav").write_text("no sound")
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(chunks, "CHUNK_CLIPS", 4)
    patch.setattr(chunk_writer, "BATCH_BYTES", 20_000)
    prepare(folder)
    yield folder


@pytest.fixture
def folder(original, tmp_path):
  """A copy of the store that may be damaged; its clips are the original ones."""
  shutil.copytree(original / "stores", tmp_path / "stores")
  (tmp_path / "clips").symlink_to(original / "clips")
  return tmp_path


def prepare(folder):
  source = datasets.open_source(f"folder:{folder.resolve() / 'clips'}")
  return preparation.prepare(source, 16_000, str(folder / "stores"), max_bad_fraction=0.2)


def path_in(folder, pattern):
  return sorted((folder / "stores").rglob(pattern))[0]


def content_of(opened):
  waves = [opened.wave(clip_id).tobytes() for clip_id in range(opened.num_clips)]
  numbers = [opened.mean.tobytes(), opened.centred_peak.tobytes(), opened.num_silent]
  text = [opened.keys(), opened.labels(), opened.groups(), opened.digest]
  return waves, numbers, text, opened.sample_rate_hz, opened.num_skipped


def is_noticed(opened_or_folder, expected):
  """Whether using a store ends in a UserError of one line; otherwise all of it must be right."""
  try:
    opened = opened_or_folder
    found = content_of(store.Store(opened) if isinstance(opened, str) else opened)
  except UserError as error:
    return "\n" not in str(error)
  assert found == expected
  return False


def flip(path, position):
  content = bytearray(path.read_bytes())
  content[position] ^= 1
  path.write_bytes(content)


@pytest.fixture(scope="module")
def expected(original):
  return content_of(prepare(original))


@pytest.mark.parametrize("opened_before", [False, True])
def test_no_damage_of_any_file_is_silent_or_ends_the_process(
  folder, expected, opened_before, tmp_path
):
  """Kinds, files and places are drawn; `python -m benchmarks.faults` draws more of them."""
  made = path_in(folder, "store.json").parent
  undamaged, draw, found = tmp_path / "undamaged", random.Random(18), 0
  shutil.copytree(made, undamaged)
  for _, damage in zip(range(60), damages(str(made), draw, ignored=(".log",))):
    shutil.rmtree(made)
    shutil.copytree(undamaged, made)
    opened = store.Store(str(made)) if opened_before else None
    damage.do()
    if is_noticed(opened or str(made), expected):
      found += 1
    with contextlib.suppress(UserError):  # a damaged shard is found when it is read
      content_of(prepare(folder))
    assert content_of(prepare(folder)) == expected, damage.name
  assert found > 10


@pytest.mark.parametrize("pattern", ["shard-*", "index.arrow", "store.json", "chunk-*.json"])
def test_a_file_that_is_cut_off_is_made_again_from_its_source_with_one_line(
  folder, expected, capsys, pattern
):
  path = path_in(folder, pattern)
  os.truncate(path, path.stat().st_size // 2)
  capsys.readouterr()
  assert content_of(prepare(folder)) == expected
  lines = capsys.readouterr().out.splitlines()
  assert len(lines) == 1
  assert lines[0].startswith(f"damaged: {path}")


def test_what_a_power_failure_leaves_of_a_shard_is_found_when_it_is_read_and_then_made_again(
  folder, expected, capsys
):
  path = path_in(folder, "shard-*")
  path.write_bytes(bytes(path.stat().st_size))
  opened = prepare(folder)
  with pytest.raises(UserError, match=r"^damaged store: .*shard-00000-00.arrow holds other bytes"):
    opened.wave(0)
  capsys.readouterr()
  assert content_of(prepare(folder)) == expected
  assert capsys.readouterr().out.startswith(f"damaged: {path} was found damaged; it is made again")
  assert not list((folder / "stores").rglob("*.damaged"))


def test_only_what_is_read_is_verified_and_only_once(folder, monkeypatch):
  opened = prepare(folder)
  path = path_in(folder, "shard-00002*")
  out = np.empty(100, np.float32)
  opened.copy_excerpt(9, 0, out)
  before = out.copy()
  flip(path, int(opened._first_byte[9]))
  opened.copy_excerpt(9, 0, out)  # this block was compared with its checksum before
  assert out[0] != before[0]
  with pytest.raises(UserError, match="holds other bytes"):
    store.Store(opened.folders[0]).copy_excerpt(9, 0, out)


def test_an_index_that_is_cut_off_while_it_is_open_is_one_line_and_no_crash(folder):
  opened = prepare(folder)
  os.truncate(path_in(folder, "index.arrow"), 1000)
  with pytest.raises(UserError, match="index.arrow is not what was written"):
    opened.keys()


def test_an_excerpt_is_the_same_whether_its_blocks_were_verified_or_not(tmp_path):
  """Across the bounds of blocks, of which a clip of three seconds has three."""
  write_clips(tmp_path / "clips", classes=["low"], clips=2, seconds=3)
  assert 2 * BLOCK_BYTES < 3 * 16_000 * 2 < 3 * BLOCK_BYTES
  whole = prepare(tmp_path).wave(1)
  for start, length in ((0, 1), (16_000, 1000), (5000, 40_000), (0, 48_000)):
    fresh, out = prepare(tmp_path), np.empty(length, np.float32)
    for _ in range(2):
      fresh.copy_excerpt(1, start, out)
      np.testing.assert_array_equal(out, whole[start : start + length])


def test_verify_names_what_is_damaged_and_mends_it_where_the_data_set_is_at_hand(folder):
  path = path_in(folder, "shard-*")
  flip(path, 100)
  made = path.parent
  clips = folder.resolve() / "clips"
  place = ["--max_bad_fraction=0.2", f"--store_dir={folder / 'stores'}"]
  run = "contrastive_audio.prepare"
  done = command(run, f"--dataset=store:{made}", "--verify", cwd=folder, check=False)
  assert done.returncode == 1
  assert f"error: damaged store: {path} holds other bytes" in done.stderr
  done = command(run, f"--dataset=folder:{clips.resolve()}", "--verify", *place, cwd=folder)
  assert "verified   3 shards: all as written" in done.stdout
  done = command(run, f"--dataset=store:{made}", "--verify", cwd=folder)
  assert "verified   3 shards: all as written" in done.stdout


def test_a_store_in_a_folder_of_another_user_opens_without_writing_anything(
  folder, expected, monkeypatch
):
  def refuse(path, *arguments, **options):
    raise PermissionError(13, "Permission denied", os.fspath(path))

  before = sorted(map(str, (folder / "stores").rglob("*")))
  monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: refuse("lock"))
  monkeypatch.setattr(os, "replace", refuse)
  assert content_of(prepare(folder)) == expected
  assert sorted(map(str, (folder / "stores").rglob("*"))) == before
  os.remove(path_in(folder, "index.arrow"))
  with pytest.raises(UserError, match=r"permission denied.*: see to that and .*--store_dir"):
    prepare(folder)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(folder):
  made = path_in(folder, "store.json").parent
  content = manifest.read(str(made))
  manifest.write(manifest.dataclasses.replace(content, version=99), str(made))
  with pytest.raises(UserError, match="was written by a newer version"):
    store.Store(str(made))
  assert pathlib.Path(made, "index.arrow").exists()


def test_damage_that_a_training_reads_is_one_line_of_its_command(folder, capsys):
  """tf.data reads the excerpts, and wraps what is raised there into an error of its own."""
  opened = prepare(folder)
  shard = path_in(folder, "shard-*.arrow")
  shard.write_bytes(bytes(shard.stat().st_size))
  pairs = ExcerptPairs(opened, 2, ClipLayout(num_samples=800, shortest_samples=800), seed=0)
  with pytest.raises(SystemExit) as ended, in_one_line():
    list(pairs.dataset(0, 4))
  (line,) = capsys.readouterr().err.splitlines()
  assert ended.value.code == 1
  assert re.match(rf"error: damaged store: .*{shard.name}", line)
