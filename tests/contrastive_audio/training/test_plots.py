"""pairs.png names the clips that it shows, whatever they are called."""

import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.store.preparation import prepare
from contrastive_audio.training import plots
from tests import tiny
from tests.support import tone

NAMES = ["a" * 120, "m" * 90, r"$\q$", "_under", "plain"]


@pytest.fixture
def figure(tmp_path, monkeypatch):
  """The figure of five clips, drawn."""
  for number, name in enumerate(NAMES):
    (tmp_path / "clips").mkdir(exist_ok=True)
    soundfile.write(tmp_path / "clips" / f"{name}.wav", tone(200 + 100 * number, 1.2), 16_000)
  store = prepare(datasets.open_source(f"folder:{tmp_path / 'clips'}"), 16_000, str(tmp_path / "s"))
  config = tiny.config(batch_size=5)
  front_end, drawn = config.front_end(), []
  monkeypatch.setattr(plots, "save", lambda figure, path: drawn.append(figure))
  views = lambda excerpts, seed: front_end(excerpts)  # noqa: E731
  plots.draw_pairs(str(tmp_path), config.pairs(store), front_end, views, [0, 0])
  drawn[0].canvas.draw()
  return drawn[0]


def test_the_name_of_a_clip_ends_before_the_excerpt_beside_it_begins(figure):
  columns = [axis for axis in figure.axes if axis.images and axis.get_title(loc="left")]
  right = max(axis.get_position().x0 for axis in figure.axes if axis.images)
  for axis in columns:
    if axis.get_position().x0 < right:
      assert axis._left_title.get_window_extent().x1 <= right * figure.bbox.width


def test_the_signs_of_mathematics_in_a_name_are_shown_as_they_are(figure):
  titles = [axis.get_title(loc="left") for axis in figure.axes]
  assert r"\$\q\$.wav" in titles
