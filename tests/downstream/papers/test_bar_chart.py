"""Bars: they stand where their numbers are."""

import itertools

import numpy as np
import pytest
from matplotlib import image
from matplotlib.collections import PathCollection

from downstream.papers import bar_chart
from tests.support import assert_close

pytestmark = pytest.mark.figures


def test_bars_leave_out_what_is_missing(tmp_path):
  means = np.array([[50.0, np.nan, 70], [20, 30, np.nan]])
  published = np.array([[np.nan, 60, np.nan], [np.nan] * 3])
  path = str(tmp_path / "bars.png")
  bar_chart.bars(path, ["x", "y $"], ["a", "b", "c"], means, 0.1 * means, published, title="t")
  picture = image.imread(path)[..., :3]
  assert picture.std() > 0.01  # not blank
  assert min(picture.shape[:2]) > 150


def test_bars_error_bars_and_diamonds_stand_where_their_numbers_are(axis):
  means = np.array([[50.0, np.nan, 70], [20, 30, np.nan]])
  spreads = np.array([[1.0, 2, np.nan], [3, 4, 5]])
  published = np.array([[np.nan, 60, 80], [np.nan] * 3])
  bar_chart.bars("", ["x", "y"], ["a", "b", "c"], means, spreads, published)
  drawn = axis()
  middles = [round(bar.get_x() + bar.get_width() / 2, 2) for bar in drawn.patches]
  assert middles == [-0.27, 0.73, 1.0, 0.27]
  assert [bar.get_height() for bar in drawn.patches] == [50, 20, 30, 70]
  assert len({bar.get_hatch() for bar in drawn.patches}) == 3
  diamonds = [c for c in drawn.collections if isinstance(c, PathCollection)]
  drawn_points = np.concatenate([diamond.get_offsets() for diamond in diamonds])
  assert_close(drawn_points, [[0, 60], [4 / 15, 80]], atol=1e-9)
  lines = [line for c in drawn.collections if c not in diamonds for line in c.get_segments()]
  assert_close([line[:, 1] for line in lines], [[49, 51], [17, 23], [26, 34]])
  assert drawn.get_ylim()[0] == 0
  assert [text.get_text() for text in drawn.get_legend().texts] == ["a", "b", "c", "published"]


def test_a_single_seed_has_no_error_bars_and_intervals_reach_from_end_to_end(axis):
  means, ends = np.array([[50.0], [20]]), np.array([[[40.0, 55]], [[np.nan, np.nan]]])
  bar_chart.bars("", ["x", "y"], ["a"], means, ends)
  lines = [line for c in axis().collections for line in c.get_segments()]
  assert_close([line[:, 1] for line in lines], [[40, 55]])


@pytest.mark.parametrize("num_rows", [2, 8])
def test_names_of_rows_do_not_run_into_each_other(axis, num_rows):
  names = ["bucklespring-keys", "instruments_"] * (num_rows // 2)
  bar_chart.bars("", names, ["a"], np.full([num_rows, 1], 50.0), np.full([num_rows, 1], 1.0))
  drawn = axis()
  drawn.figure.canvas.draw()
  boxes = [text.get_window_extent() for text in drawn.get_xticklabels()]
  assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
