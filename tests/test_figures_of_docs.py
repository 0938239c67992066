"""What training adds, docs/learning.png: the numbers of the result files, with a key."""

import sys

import numpy as np
import pytest

from tests.support import ROOT, assert_close

pytestmark = pytest.mark.figures


@pytest.fixture
def drawing(monkeypatch):
  """The program that draws the figure."""
  monkeypatch.syspath_prepend(str(ROOT / "docs"))
  import learning_figure

  yield learning_figure
  for name in ("learning_figure", "pages"):
    sys.modules.pop(name, None)


def test_each_seed_and_mean_is_drawn_on_one_linear_axis_with_a_key_and_plain_names(drawing):
  figure = drawing.make()
  left, right = figure.axes
  assert left.get_xlim() == right.get_xlim()
  assert left.get_xscale() == "linear"
  assert [text.get_text() for text in figure.legends[0].texts] == ["one seed", "mean of 3 seeds"]
  assert not any("_" in text.get_text() for text in left.get_yticklabels())
  scores = drawing.seeds_of("small-10-per-class.csv")
  gains = np.array(list(scores["COLA small"].values())) - list(scores["random weights"].values())
  seeds, _ = right.lines
  assert_close(np.reshape(seeds.get_xdata(), gains.shape), gains)
  means = [segment[0, 0] for segment in right.collections[0].get_segments()]
  assert_close(means, gains.mean(axis=1), atol=0.02)
