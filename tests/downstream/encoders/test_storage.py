"""What a file keeps of embeddings."""

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.encoders import storage
from downstream.encoders.storage import Components, Storage
from tests.support import assert_close


def correlated(rows=200, size=6):
  rng = np.random.default_rng(0)
  return (rng.normal(size=[rows, 3]) @ rng.normal(size=[3, size]) + 5).astype("f")


@pytest.mark.parametrize(("count", "size"), [(200, 6), (100, 400)])
def test_components_are_those_of_a_singular_value_decomposition(tmp_path, count, size):
  rows = correlated(count, size)
  fitted = storage.fit(lambda: iter(np.split(rows, [13, 14, 90])), 2)
  centred = rows - rows.mean(axis=0)
  u, s, _ = np.linalg.svd(centred, full_matrices=False)
  assert_close(np.abs(fitted.project(rows)), np.abs(u * s)[:, :2], atol=1e-4)
  assert_close(fitted.explained_variance_ratio, (s**2 / (s**2).sum())[:2], atol=1e-6)
  fitted.save(str(tmp_path / "x.npz"))
  again = Components.open(str(tmp_path / "x.npz"))
  assert (again.project(rows) == fitted.project(rows)).all()
  with pytest.raises(UserError, match="y.npz.pca.npz', which downstream.embed --pca=K writes"):
    Components.open(str(tmp_path / "y.npz"))


def test_the_sample_is_spread_over_all_rows_whatever_the_blocks(monkeypatch):
  monkeypatch.setattr(storage, "SAMPLE", 50)
  rows = correlated()
  desired = storage.fit(lambda: iter([rows[::4]]), 3).project(rows)
  for cuts in ([], [1, 2, 3], [7, 90, 101]):
    actual = storage.fit(lambda cuts=cuts: iter(np.split(rows, cuts)), 3).project(rows)
    assert_close(actual, desired, atol=1e-5)


def test_more_components_than_there_are_is_one_line():
  with pytest.raises(UserError, match="--pca=5: 4 embeddings of 6 numbers have 4 components at m"):
    storage.fit(lambda: iter([correlated(4)]), 5)


@pytest.mark.parametrize("scale", [1e-7, 1e6])
def test_numbers_that_float16_cannot_hold_are_refused_and_others_are_near(scale):
  rows = correlated()
  short = Storage(half=True).stored(rows)
  assert short.dtype == np.float16
  assert_close(short.astype("f"), rows, rtol=5e-4)
  beside_others = rows.copy()
  beside_others[3] *= scale
  for wrong in (rows * np.float32(scale), beside_others):
    with pytest.raises(UserError, match="--half: embeddings as small or large as .* leave it out"):
      Storage(half=True).stored(wrong)
