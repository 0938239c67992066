"""Preparation shared among workers, machines and Apache Beam: the same bytes, and nothing lost."""

import dataclasses
import pathlib
import re
import shutil

import pytest

from contrastive_audio import datasets, prepare
from contrastive_audio.cli.open_data import DataChoice, DataLocation, open_store
from contrastive_audio.errors import UserError
from contrastive_audio.store import chunk_writer, chunks, preparation
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import UNFINISHED
from tests.support import command, command_apart, write_clips

NUM_CLIPS = 12


@pytest.fixture
def small_chunks(monkeypatch):
  monkeypatch.setattr(chunks, "CHUNK_CLIPS", 5)
  monkeypatch.setattr(chunk_writer, "SHARD_BYTES", 100_000)
  monkeypatch.setattr(chunk_writer, "BATCH_BYTES", 60_000)


def plan_of(folder, stores, **kwargs):
  source = datasets.open_source(f"folder:{folder}")
  return preparation.Plan(source, 16_000, str(stores), **kwargs)


def bytes_of(folder):
  """Everything that a store is made of, but the log of decoders and the locks."""
  paths = sorted(pathlib.Path(folder).iterdir())
  return {p.name: p.read_bytes() for p in paths if not p.name.endswith((".log", ".lock"))}


def whole(folder, stores):
  return bytes_of(
    preparation.prepare(datasets.open_source(f"folder:{folder}"), 16_000, str(stores)).folders[0]
  )


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_shares_are_disjoint_complete_and_merge_into_the_same_bytes(
  tmp_path, small_chunks, num_workers
):
  folder = write_clips(tmp_path / "clips")
  (folder / "high" / "bad.wav").write_text("no sound")
  plan = plan_of(folder, tmp_path / "shared", max_bad_fraction=0.2)
  shares = [list(plan.share(worker, num_workers)) for worker in range(num_workers)]
  assert sorted(number for share in shares for number in share) == [0, 1, 2]
  for worker in reversed(range(num_workers)):
    preparation.decode_share(plan, worker, num_workers)
  store = preparation.merge_shares(plan, num_workers)
  assert (store.num_clips, store.num_skipped) == (NUM_CLIPS, 1)
  source = datasets.open_source(f"folder:{folder}")
  alone = preparation.prepare(source, 16_000, str(tmp_path / "alone"), 0.2)
  assert bytes_of(plan.folder) == bytes_of(alone.folders[0])


def test_workers_on_disks_of_their_own_are_merged_by_copying_their_files(tmp_path, small_chunks):
  folder = write_clips(tmp_path / "clips")
  plans = [plan_of(folder, tmp_path / str(worker)) for worker in range(2)]
  for worker, plan in enumerate(plans):
    preparation.decode_share(plan, worker, 2)
  for pattern in ("chunk-*", "shard-*"):
    for path in pathlib.Path(plans[1].folder).glob(pattern):
      shutil.copy(path, plans[0].folder)
  preparation.merge_shares(plans[0], 2)
  assert bytes_of(plans[0].folder) == whole(folder, tmp_path / "alone")


def test_a_merge_names_the_workers_that_have_not_ended(tmp_path, small_chunks):
  plan = plan_of(write_clips(tmp_path / "clips"), tmp_path / "stores")
  preparation.decode_share(plan, 0, 3)
  with pytest.raises(UserError, match=r"2 of 3 chunks are not.*the workers 1, 2 of 3 again"):
    preparation.merge_shares(plan, 3)
  with pytest.raises(UserError, match="holds no finished store"):
    Store(plan.folder)


def test_a_training_takes_the_chunks_of_workers_and_makes_the_rest(
  tmp_path, small_chunks, monkeypatch
):
  folder = write_clips(tmp_path / "clips")
  plan = plan_of(folder, tmp_path / "stores")
  preparation.decode_share(plan, 1, 2)
  written, write = [], chunk_writer.write

  def record(**arguments):
    written.append(arguments["number"])
    return write(**arguments)

  monkeypatch.setattr(chunk_writer, "write", record)
  assert whole(folder, tmp_path / "stores") == whole(folder, tmp_path / "alone")
  assert written == [0, 2, 0, 1, 2]


def test_what_a_killed_worker_left_is_removed_by_the_merge(tmp_path, small_chunks):
  folder = write_clips(tmp_path / "clips")
  plan = plan_of(folder, tmp_path / "stores")
  preparation.decode_share(plan, 0, 1)
  (pathlib.Path(plan.folder) / f".shard-00000-00.host-1{UNFINISHED}.arrow").write_bytes(b"x")
  preparation.merge_shares(plan, 1)
  assert bytes_of(plan.folder) == whole(folder, tmp_path / "alone")


@pytest.mark.slow
def test_two_workers_of_beam_give_the_same_bytes(tmp_path):
  pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
  folder = write_clips(tmp_path / "clips", clips=chunks.CHUNK_CLIPS // 2 + 50, seconds=0.01)
  runner = "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing"
  options = [f"--dataset=folder:{folder}", "--store_dir=beam", f"--beam_pipeline_options={runner}"]
  result = command("contrastive_audio.prepare", *options, cwd=tmp_path)
  assert "2148 clips" in result.stdout
  assert not result.stderr.strip()
  (made,) = (path for path in (tmp_path / "beam").iterdir() if path.is_dir())
  assert len(list(made.glob("shard-*"))) == 2
  assert bytes_of(made) == whole(folder, tmp_path / "alone")


def test_a_training_opens_a_store_by_its_folder(tmp_path):
  plan = plan_of(write_clips(tmp_path / "clips"), tmp_path / "stores")
  preparation.decode_share(plan, 0, 1)
  preparation.merge_shares(plan, 1)
  choice, location = DataChoice((f"store:{plan.folder}",)), DataLocation()
  assert open_store(choice, location, 16_000).num_clips == NUM_CLIPS
  with pytest.raises(UserError, match=r"it holds 16000 Hz, and 22050 Hz are needed: prepare it"):
    open_store(choice, location, 22_050)
  with pytest.raises(UserError, match="a store has no splits"):
    open_store(dataclasses.replace(choice, split="train"), location, 16_000)


@pytest.mark.parametrize(
  ("worker", "num_workers", "merge", "message"),
  [
    (None, 4, False, "--num_workers=4: which one is this? Start it with --worker=0 to 3"),
    (4, 4, False, "--worker=4: with --num_workers=4 it is 0 to 3"),
    (0, 1, True, "choose one of --worker, --merge, --beam_pipeline_options and --verify"),
  ],
)
def test_a_mistake_is_one_line(worker, num_workers, merge, message):
  with pytest.raises(UserError, match=re.escape(message)) as error:
    prepare.Work(num_workers, worker, merge)
  assert "\n" not in str(error.value)


def test_an_unknown_name_is_one_line_that_suggests_our_own_names_first(tmp_path):
  done = command_apart(
    "contrastive_audio.prepare", "--dataset=esc5", "--sample_rate_hz=16000",
    cwd=tmp_path, check=False,
  )  # fmt: skip
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith("error: unknown data set 'esc5'. Did you mean esc50 or esc10? For ")
  assert done.stderr.count("\n") == 1  # nor TensorFlow's start-up messages


def test_a_table_with_times_is_what_comes_next_because_its_store_is_not_cut(tmp_path):
  folder = write_clips(tmp_path / "clips", clips=1)
  write_clips(tmp_path / "field", clips=1)
  rows = ["field/low/0.wav,0.0,0.5,a", "field/low/0.wav,0.7,1.2,b"]
  (tmp_path / "my table.csv").write_text("\n".join(["file,start_s,end_s,label", *rows]))
  options = ["--dataset=my table.csv", f"--dataset={folder}", "--store_dir=stores"]
  printed = command("contrastive_audio.prepare", *options, cwd=tmp_path).stdout
  assert (
    "whole      the store of my table.csv holds its recordings whole, without labels" in printed
  )
  assert re.search(r"next       --dataset='my table.csv' --dataset=store:\S+\n", printed)


def test_keys_are_not_for_stores(tmp_path):
  folder = write_clips(tmp_path / "clips", clips=1)
  (tmp_path / "keys").write_text("low/0.wav\n")
  options = [f"--dataset={folder}", "--keys=keys"]
  done = command("contrastive_audio.prepare", *options, cwd=tmp_path, check=False)
  assert done.stderr.startswith("error: --keys: a store holds all clips of a data set")
