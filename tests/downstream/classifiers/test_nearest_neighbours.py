"""Nearest neighbours: votes as in naive loops, by clips and by patches."""

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring import knn
from downstream.cards.opening import open_task
from downstream.choices import Condition, TaskChoice
from downstream.classifiers.nearest_neighbours import knn_method
from downstream.encoders import models
from downstream.encoders.embedding_parts import Embeddings
from downstream.evaluation import evaluate
from tests.support import assert_close, write_clips


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  """A task of 2 classes of 20 clips."""
  folder = tmp_path_factory.mktemp("neighbours")
  write_clips(folder / "clips", clips=20, seconds=2.5)
  location = DataLocation(store_dir=str(folder / "stores"))
  return open_task(TaskChoice(f"folder:{folder / 'clips'}"), location, 16_000)


@pytest.fixture(scope="module")
def baseline():
  return models.open_model("logmel_stats")


def test_knn_by_split_equals_a_naive_loop(data, baseline, tmp_path):
  cache = str(tmp_path / "cache")
  method = knn_method("split", 3, cache=lambda model, store: cache)(data, baseline)
  rows = Embeddings(baseline, data.store, cache).of_clips()
  seen = []

  def spy(problem):
    seen.append((problem, method(problem)))
    return seen[-1][1]

  evaluate(spy, data, baseline, Condition(), seed=0)
  ((problem, scores),) = seen
  unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  for row, clip in enumerate(problem.test):
    gallery = sorted(problem.final_train, key=lambda i: -unit[i] @ unit[clip])[:3]
    votes = np.sum([data.targets()[i] for i in gallery], axis=0)
    assert scores[row].argmax() == votes.argmax()


@pytest.mark.parametrize("layer", ["embedding", "projection"])
def test_patches_of_the_test_clips_vote_for_each_other_as_in_a_naive_loop(
  data, tiny_run, tmp_path, layer
):
  model = models.open_model(str(tiny_run))
  method = knn_method("patches", layer=layer, cache=lambda model, store: str(tmp_path))(data, model)
  seen = []

  def spy(problem):
    seen.append((problem, method(problem)))
    return seen[-1][1]

  evaluate(spy, data, model, Condition(), seed=0)
  ((problem, scores),) = seen
  unit = [unit_patches(model, data.store.wave(clip), layer) for clip in problem.test]
  assert {len(patches) for patches in unit} == {2}
  classes = data.targets()[problem.test].argmax(axis=1)
  k = knn.patch_neighbours(np.repeat(np.arange(len(unit)), list(map(len, unit))), 2)
  for clip, patches in enumerate(unit):
    others = [(p, classes[i]) for i, ps in enumerate(unit) if i != clip for p in ps]
    votes = []
    for patch in patches:
      nearest = sorted(others, key=lambda other: -(patch @ other[0]))[:k]
      votes.append(np.bincount([c for _, c in nearest], minlength=2).argmax())
    assert scores[clip].argmax() == np.bincount(votes, minlength=2).argmax()


def unit_patches(model, wave, layer):
  """Unit vectors of the windows of a clip, one every 96 frames; the rest is dropped."""
  starts = range(0, len(wave) - 15_600 + 1, 96 * 160)
  excerpts = np.stack([wave[start : start + 15_600] for start in starts])
  patches = model.encoder(model.front_end(excerpts)[..., None], training=False)
  if layer == "projection":
    patches = model.head(patches, training=False)
  return patches.numpy() / np.linalg.norm(patches, axis=1, keepdims=True)


def test_projections_are_the_output_of_the_head_on_the_embeddings(data, tiny_run):
  model = models.open_model(str(tiny_run))
  wave = data.store.wave(0)
  ((_, embeddings),) = model.embed_rows([wave], "hopping")
  ((_, projections),) = model.with_head().embed_rows([wave], "hopping")
  assert_close(projections, model.head(embeddings, training=False), atol=1e-5)


def test_a_model_without_a_head_has_no_projections(data, baseline):
  with pytest.raises(UserError, match="logmel_stats has no projection head: choose --layer=embed"):
    knn_method("patches", layer="projection")(data, baseline)
