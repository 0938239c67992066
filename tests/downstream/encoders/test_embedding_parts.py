"""Embeddings on disk: computed once, complete, and resumed."""

import json
import pathlib
import types

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.exporting import clip_embedder
from downstream import protocols
from downstream.encoders import embedding_parts, models, part_files
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.part_files import read_part
from tests import failing_disk
from tests.support import assert_close


def desired_clips(model, store):
  waves = map(store.wave, range(store.num_clips))
  return np.stack(list(model.embedder.embed(waves)))


@pytest.mark.parametrize("batch_bytes", [1, 1 << 24])
@pytest.mark.parametrize("part_s", [1, 5, 1200])
def test_parts_hold_every_clip_once_whatever_their_size(
  model, store, part_s, batch_bytes, tmp_path, monkeypatch
):
  monkeypatch.setattr(part_files, "BATCH_BYTES", batch_bytes)
  monkeypatch.setattr(clip_embedder, "WINDOWS_AT_ONCE", 5)  # so that clips go on in the next batch
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
  (_, values), *_ = read_part(str(path), 4)
  position = content.index(values.tobytes()[:16])
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
    Embeddings(model, store, str(tmp_path / "e"), windows="frames")


def test_parts_whose_plan_is_damaged_are_made_again(model, store, tmp_path, capsys):
  folder = tmp_path / "e"
  desired = Embeddings(model, store, str(folder)).make().of_clips()
  for content in (b"", b"{", b"[]", b"\xff"):
    (folder / "plan.json").write_bytes(content)
    (folder / "index-00000.faiss").write_bytes(b"of what the parts were of")
    assert_close(Embeddings(model, store, str(folder)).make().of_clips(), desired, atol=1e-6)
    assert capsys.readouterr().out == f"damaged    {folder}/plan.json: 1 part embedded again\n"
    assert not list(folder.glob("index-*"))


def test_a_kill_or_a_full_disk_at_any_moment_only_costs_a_repetition(store, tmp_path):
  def embed_rows(clips, windows):
    for number, clip in enumerate(clips):
      yield np.array([number]), np.full([1, 3], clip.num_samples, "f")

  embedder = types.SimpleNamespace(clip_pooling="windows")
  model = types.SimpleNamespace(
    name="lengths",
    embeddings_identity="m" * 64,
    embedding_size=3,
    embed_rows=embed_rows,
    embedder=embedder,
  )

  def check(embeddings):
    assert_close(embeddings[:, 0], store.num_samples)

  def embed():
    return Embeddings(model, store, str(tmp_path / "e")).make().of_clips()

  assert failing_disk.check_that_it_goes_on(tmp_path / "e", embed, check) > 10


def test_an_encoder_that_gives_nan_is_refused(store, tmp_path):
  model = models.open_model("logmel_stats")
  object.__setattr__(model, "embedder", NanEmbedder())
  with pytest.raises(UserError, match="logmel_stats: the embedding of .* 0.wav is not finite"):
    Embeddings(model, store, str(tmp_path / "e")).make()


class NanEmbedder:
  clip_pooling = "windows"

  def embed_rows(self, clips):
    for number, _ in enumerate(clips):
      yield np.array([number]), np.full([1, 128], np.nan, "f")


def test_the_plan_names_what_the_embeddings_depend_on(model, store, tmp_path):
  folder = pathlib.Path(Embeddings(model, store, str(tmp_path / "e")).folder)
  plan = json.loads((folder / "plan.json").read_text())
  assert plan["model"] == model.identity
  assert plan["clips"] == store.digest


def test_embeddings_of_another_version_are_made_again(model, store, monkeypatch):
  before = Embeddings(model, store).folder
  identity = model.identity
  monkeypatch.setattr(protocols, "EMBEDDINGS_VERSION", protocols.EMBEDDINGS_VERSION + 1)
  assert Embeddings(model, store).folder != before
  assert model.identity == identity  # a fine-tuning that was begun before goes on


def test_a_plan_without_parts_does_not_keep_others_out(model, store, tmp_path):
  Embeddings(model, store, str(tmp_path / "e"), windows="frames")
  (tmp_path / "e" / "part-00000.arrow").unlink(missing_ok=True)
  made = Embeddings(model, store, str(tmp_path / "e")).make().of_clips()
  assert_close(made, desired_clips(model, store), atol=1e-6)
