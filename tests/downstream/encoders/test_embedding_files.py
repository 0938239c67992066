"""Embeddings in one file: the same in every format."""

import copy

import numpy as np
import pyarrow.parquet as pq
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import frame_times_s
from contrastive_audio.utils.locks import FolderLock
from downstream.encoders import part_files
from downstream.encoders.embedding_files import embed_to_file
from downstream.encoders.storage import Components
from tests.support import assert_close, command


def desired_clips(model, store):
  waves = map(store.wave, range(store.num_clips))
  return np.stack(list(model.embedder.embed(waves)))


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_the_command_writes_clips_lists_bad_files_and_shows_them(
  ending, tiny_run, mixed, model, store, tmp_path
):
  options = [f"--model={tiny_run}", f"--input={mixed}", f"--output=out.{ending}"]
  options += ["--projector=projector", "--store_dir=stores"]
  result = command("downstream.embed", *options, cwd=tmp_path)
  desired = desired_clips(model, store)
  if ending == "npz":
    file = np.load(tmp_path / "out.npz")
    keys, rows = file["key"].tolist(), file["embedding"]
    assert int(file["sample_rate_hz"]) == 16_000
  else:
    table = pq.read_table(tmp_path / "out.parquet")
    keys, rows = table["key"].to_pylist(), np.stack(table["embedding"].to_pylist())
    assert table.schema.metadata[b"sample_rate_hz"] == b"16000"
  assert keys == [f"{number}.wav" for number in range(6)]
  assert_close(rows, desired, atol=1e-5)
  skipped = (tmp_path / f"out.{ending}.skipped.csv").read_text().splitlines()
  assert [line.split(",")[0] for line in skipped] == ["file", "bad.wav", "empty.wav"]
  assert "skipped    2 unusable clips" in result.stdout
  assert (tmp_path / "projector" / "projector_config.pbtxt").exists()
  assert not (tmp_path / f"out.{ending}.parts").exists()
  again = command("downstream.embed", *options, cwd=tmp_path, check=False)
  assert again.stderr == f"error: --output=out.{ending} exists already: delete it, or choose " + (
    "another name\n"
  )


@pytest.mark.slow
def test_frames_have_times_in_both_formats(tiny_run, mixed, model, store, tmp_path, monkeypatch):
  monkeypatch.setattr(part_files, "BATCH_BYTES", 1)  # clips go on in the next batch
  for ending in ("npz", "parquet"):
    options = [f"--model={tiny_run}/saved_model", f"--input={mixed}", f"--output=out.{ending}"]
    command("downstream.embed", *options, "--frames", "--store_dir=stores", cwd=tmp_path)
  file, table = np.load(tmp_path / "out.npz"), pq.read_table(tmp_path / "out.parquet")
  desired = list(model.embedder.embed_frames(map(store.wave, range(store.num_clips))))
  assert_close(file["embedding"], np.concatenate(desired), atol=1e-5)
  assert_close(np.stack(table["embedding"].to_pylist()), file["embedding"])
  assert file["key"][file["clip"]].tolist() == table["key"].to_pylist()
  assert_close(file["time_s"], table["time_s"].to_numpy())
  assert_close(file["time_s"][:4], [0, 0.05, 0, 0.05])  # 0.wav lasts 50 ms
  times_s = [frame_times_s(len(frames)) for frames in desired]
  assert_close(file["time_s"], np.concatenate(times_s))


def test_more_components_than_numbers_are_refused_before_anything_is_embedded(
  tiny_run, mixed, tmp_path
):
  options = [f"--model={tiny_run}", f"--input={mixed}", "--output=out.npz", "--pca=5"]
  done = command("downstream.embed", *options, cwd=tmp_path, check=False)
  assert f"error: --pca=5: embeddings of {tiny_run} have 4 numbers, and no more" in done.stderr
  assert list(tmp_path.iterdir()) == []


def test_more_components_than_clips_are_refused_before_anything_is_embedded(
  tiny_run, mixed, tmp_path
):
  options = [f"--model={tiny_run}", f"--input={mixed}", "--output=out.npz", "--pca=3"]
  (tmp_path / "keys").write_text("0.wav\n1.wav\n")
  done = command("downstream.embed", *options, "--keys=keys", cwd=tmp_path, check=False)
  assert "error: --pca=3: 2 embeddings of 4 numbers have 2 components at most" in done.stderr
  assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_folder_of_others_where_parts_would_be_is_refused_and_left_alone(
  tiny_run, mixed, tmp_path
):
  (tmp_path / "out.npz.parts").mkdir()
  (tmp_path / "out.npz.parts" / "thesis.txt").write_text("years of work")
  options = [f"--model={tiny_run}", f"--input={mixed}", "--output=out.npz"]
  done = command("downstream.embed", *options, cwd=tmp_path, check=False)
  assert "error: out.npz.parts is for parts, and holds other files: thesis.txt. Mo" in done.stderr
  assert [path.name for path in tmp_path.rglob("*")] == ["out.npz.parts", "thesis.txt"]


@pytest.mark.slow
def test_windows_have_starts_and_ends_and_fewer_numbers_if_wanted(
  tiny_run, mixed, model, store, tmp_path
):
  options = [f"--model={tiny_run}", f"--input={mixed}", "--store_dir=stores"]
  options += ["--hop_s=0.5", "--window_s=1.25"]
  done = command("downstream.embed", *options, "--output=out.npz", cwd=tmp_path)
  assert "out.npz: 25 windows of 1.25 s every 0.5 s in 6 recordings, 4-d" in done.stdout
  small = ["--output=out.parquet", "--half", "--pca=2"]
  assert "2-d float16" in command("downstream.embed", *options, *small, cwd=tmp_path).stdout
  file, table = np.load(tmp_path / "out.npz"), pq.read_table(tmp_path / "out.parquet")
  assert table.column_names == ["key", "label", "start_s", "end_s", "embedding"]
  assert file["key"][file["clip"]].tolist() == table["key"].to_pylist()
  for name in ("start_s", "end_s"):
    assert_close(file[name], table[name].to_numpy())
  number = int(np.flatnonzero(file["clip"] == 3)[5])
  assert (file["start_s"][number], file["end_s"][number]) == (2.5, 3.75)
  (desired,) = model.embedder.embed([store.wave(3)[40_000:60_000]])
  assert_close(file["embedding"][number], desired, atol=1e-4)
  projected = Components.open(str(tmp_path / "out.parquet")).project(file["embedding"])
  rows = np.stack(table["embedding"].to_pylist())
  assert_close(rows, projected, atol=2e-3 * np.abs(projected).max())
  assert (tmp_path / "out.npz.skipped.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--output=x.csv"], "error: --output=x.csv: the file has to end in .npz or .parquet"),
    (
      ["--output=x.npz", "--model=random:efficientnet_b0", "--frames", "--projector=p"],
      "error: --projector shows clips, not frames: leave out --frames\n",
    ),
    (["--output=x.npz", "--frames"], "error: --model=logmel_stats describes whole clips: leave "),
    (["--output=x.npz", "--model=nowhere"], "error: --model=nowhere: there is no such folder"),
    (["--output=x.npz", "--input=./nowhere"], "error: no such folder: './nowhere'"),
  ],
)
def test_a_mistake_is_one_line(options, message, mixed, tmp_path):
  defaults = ["--model=logmel_stats", f"--input={mixed}"]
  result = command("downstream.embed", *defaults, *options, cwd=tmp_path, check=False)
  assert result.returncode == 1
  assert result.stderr.startswith(message)
  assert result.stderr.count("\n") == 1


def test_a_second_process_with_the_same_output_hears_of_the_first(model, store, tmp_path):
  output = tmp_path / "out.npz"
  parts = tmp_path / "out.npz.parts"
  parts.mkdir()
  with FolderLock(parts, "is embedding").held():
    with pytest.raises(UserError, match=r"another process is embedding into .*out.npz \(pid \d+"):
      embed_to_file(str(output), store, model)
    assert parts.exists()
  assert not output.exists()
  embed_to_file(str(output), store, model)
  assert len(np.load(output)["key"]) == store.num_clips
  assert not parts.exists()


def test_lists_and_components_of_an_earlier_call_are_not_left(model, store, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ("out.npz.skipped.csv", "out.npz.pca.npz"):
    (tmp_path / name).write_text("old")
  whole = copy.copy(store)
  whole.num_skipped = 0
  embed_to_file("out.npz", whole, model)
  assert [path.name for path in tmp_path.glob("out*")] == ["out.npz"]
