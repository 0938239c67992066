"""Embeddings on disk: made once, whole, and the same in every file."""

import json
import pathlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from downstream.encoders import embedding_parts, models
from downstream.encoders.embedding_parts import Embeddings
from tests.support import assert_close, command, tone

pytestmark = pytest.mark.usefixtures("tiny_run")


@pytest.fixture(scope="module")
def model(tiny_run):
  return models.open_model(str(tiny_run))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
  """A folder with clips of 0.05 to 7 s and two bad files."""
  folder = tmp_path_factory.mktemp("mixed")
  for number, seconds in enumerate([0.05, 3, 0.7, 7, 1, 2.5]):
    soundfile.write(folder / f"{number}.wav", tone(300 + 100 * number, seconds, 22_050), 22_050)
  (folder / "bad.wav").write_text("no audio")
  (folder / "empty.wav").write_bytes(b"")
  return folder


@pytest.fixture(scope="module")
def store(mixed, tmp_path_factory):
  source = datasets.open_source(f"folder:{mixed}")
  stores = str(tmp_path_factory.mktemp("stores"))
  return preparation.prepare(source, 16_000, stores, max_bad_fraction=1.0)


def desired_clips(model, store):
  waves = map(store.wave, range(store.num_clips))
  return np.stack(list(model.embedder.embed(waves)))


@pytest.mark.parametrize("part_s", [1, 5, 1200])
def test_parts_hold_every_clip_once_whatever_their_size(
  model, store, part_s, tmp_path, monkeypatch
):
  monkeypatch.setattr(embedding_parts, "PART_S", part_s)
  made = Embeddings(model, store, str(tmp_path / "e")).make()
  assert made.num_parts == {1: 5, 5: 2, 1200: 1}[part_s]
  assert_close(made.of_clips(), desired_clips(model, store), atol=1e-5)
  clips, values = made.of_windows()
  assert np.bincount(clips).tolist() == [1, 4, 1, 8, 2, 3]
  assert values.shape == (19, 4)


def test_a_killed_call_goes_on_and_a_damaged_part_is_made_again(
  model, store, tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(embedding_parts, "PART_S", 1)
  folder = tmp_path / "e"
  made = Embeddings(model, store, str(folder)).make()
  desired = made.of_clips()
  (folder / "part-00000.arrow").unlink()
  path = folder / "part-00001.arrow"
  content = bytearray(path.read_bytes())
  position = content.index(made._read(1)[1].tobytes()[:16])
  content[position] ^= 1  # one bit of one number
  path.write_bytes(content)
  before = (folder / "part-00002.arrow").stat().st_mtime_ns
  again = Embeddings(model, store, str(folder)).make()
  assert_close(again.of_clips(), desired, atol=1e-6)
  assert (folder / "part-00002.arrow").stat().st_mtime_ns == before
  assert capsys.readouterr().out == f"damaged    {path}: its clips are embedded again\n"
  path.write_bytes(b"short")
  assert_close(Embeddings(model, store, str(folder)).make().of_clips(), desired, atol=1e-6)


def test_parts_of_another_model_are_refused(model, store, tmp_path):
  Embeddings(model, store, str(tmp_path / "e")).make()
  with pytest.raises(UserError, match="holds embeddings of another kind \\(windows\\)"):
    Embeddings(model, store, str(tmp_path / "e"), frames=True)
  (tmp_path / "e" / "plan.json").write_text("{")
  with pytest.raises(UserError, match="cannot read .*plan.json: delete its folder"):
    Embeddings(model, store, str(tmp_path / "e"))


def test_an_encoder_that_gives_nan_is_refused(store, tmp_path):
  model = models.open_model("logmel_stats")
  object.__setattr__(model, "embedder", NanEmbedder())
  with pytest.raises(UserError, match="logmel_stats gives no finite embedding for the clip 0.wav"):
    Embeddings(model, store, str(tmp_path / "e")).make()


class NanEmbedder:
  def embed_windows(self, waves):
    for _ in waves:
      yield np.full([1, 128], np.nan, "f")


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
def test_frames_have_times_in_both_formats(tiny_run, mixed, model, store, tmp_path):
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


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--output=x.csv"], "error: --output=x.csv: the file has to end in .npz or .parquet"),
    (["--output=x.npz", "--frames", "--projector=p"], "error: --projector shows clips: leave out"),
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


def test_the_plan_names_what_the_embeddings_depend_on(model, store, tmp_path):
  folder = pathlib.Path(Embeddings(model, store, str(tmp_path / "e")).folder)
  plan = json.loads((folder / "plan.json").read_text())
  assert plan["model"] == model.identity
  assert plan["clips"] == store.digest
