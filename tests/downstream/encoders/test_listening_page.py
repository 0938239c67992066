"""The listening page, in a browser as wide as a phone and a laptop: keys, colours, durations."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.cli.open_data import DataChoice
from contrastive_audio.store.preparation import prepare
from downstream import neighbours
from downstream.encoders import listening_page
from downstream.encoders.neighbour_page import Neighbours, write_neighbours
from tests.support import tone

BROWSER = next(
  filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NAMES = [f"{name}/{'long_' * 30}{number}.wav" for name in ("high", "low") for number in range(3)]
DURATIONS_S = [0.5, 1.5, 2.5, 12.0, 1.0, 1.0]
# A window has at least 500 pixels, a frame in it any number; it sends what it has seen.
_FRAME = """<!DOCTYPE html><body><iframe src="observed.html" width="{width}" height="800"
style="border: 0"></iframe><script>
onmessage = (event) => {{ document.body.dataset.seen = event.data; }};
</script>"""
# Presses keys, and tells what they did.
_OBSERVER = """<script>
const seen = {};
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", {key}));
const focused = () => sounds.indexOf(document.activeElement);
const playing = () => [...document.querySelectorAll("audio")].map((player) => !player.paused);
seen.inner = innerWidth;
seen.width = document.documentElement.scrollWidth;
seen.outside = [...document.querySelectorAll("body *")].filter(
  (part) => part.getBoundingClientRect().right > innerWidth).length;
seen.tops = sounds.slice(0, 6).map((sound) => sound.getBoundingClientRect().top);
seen.colours = sounds.slice(0, 6).map((sound) => getComputedStyle(sound).borderTopColor);
seen.steps = ["j", "j", "k", "ArrowDown", "ArrowUp", "k", "k"].map((key) => {
  press(key); return focused();
});
const heard = () => new Promise((resolve) => {
  document.addEventListener("play", resolve, {capture: true, once: true});
  press(" ");
});
(async () => {
  await heard(); seen.first = playing();
  press("j"); await heard(); seen.second = playing();
  press(" "); seen.third = playing();
  parent.postMessage(JSON.stringify(seen), "*");
})();
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
  """The folder of a page with two queries and five neighbours of each."""
  folder = tmp_path_factory.mktemp("page")
  for name, duration_s in zip(NAMES, DURATIONS_S):
    (folder / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "clips" / name, tone(440, duration_s), 16_000)
  store = prepare(datasets.open_source(f"folder:{folder / 'clips'}"), 16_000, str(folder / "s"))
  numbers = np.array([[1, 2, 3, 4, 5], [4, 5, 0, 1, 2]])
  found = Neighbours(store.select([0, 3]), store, numbers, 1 - numbers / 10)
  write_neighbours(str(folder / "page"), found, num_shown=2, title="What sounds alike in “clips”")
  return folder / "page"


def look(page, width):
  """What a browser with a window of this width shows of the page."""
  if not BROWSER:
    pytest.skip("there is no Chromium or Chrome on this machine")
  text = (page / "index.html").read_text().replace("</html>", f"{_OBSERVER}</html>")
  (page / "observed.html").write_text(text)
  (page / "frame.html").write_text(_FRAME.format(width=width))
  options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--window-size=1400,900"]
  options += ["--autoplay-policy=no-user-gesture-required", "--virtual-time-budget=2000"]
  options += [f"--user-data-dir={page / 'profile'}", (page / "frame.html").as_uri()]
  done = subprocess.run([BROWSER, *options], capture_output=True, timeout=120, check=True)
  return json.loads(html.unescape(re.search(r'data-seen="([^"]*)"', done.stdout.decode())[1]))


def test_on_a_phone_nothing_is_wider_than_the_window_and_keys_select_and_play(page):
  seen = look(page, 390)
  assert seen["inner"] == 390
  assert seen["width"] <= 390
  assert seen["outside"] == 0
  assert seen["steps"] == [0, 1, 0, 6, 0, 0, 0]
  assert seen["first"] == [number == 0 for number in range(12)]
  assert seen["second"] == [number == 1 for number in range(12)]  # one plays at a time
  assert not any(seen["third"])


def test_on_a_laptop_a_query_and_its_neighbours_are_side_by_side_in_the_colour_of_their_class(page):
  seen = look(page, 1200)
  assert seen["inner"] == 1200
  assert len(set(seen["tops"])) == 1
  query, *same_or_other = seen["colours"]
  same, other = set(same_or_other[:2]), set(same_or_other[2:])
  assert len(same) == len(other) == len(same | other | {query}) - 2 == 1


def test_durations_are_those_of_the_clips_and_what_is_cut_is_said(page):
  text = (page / "index.html").read_text()
  shown = re.findall(r'<div class="time"><span>0</span><span>(.*?)</span>', text)
  assert shown[:5] == ["0.5 s", "1.5 s", "2.5 s", "first 10.0 s of 12.0 s", "1.0 s"]
  assert "✓ the same" in text


def test_without_labels_nothing_is_right_or_wrong(tmp_path):
  clips = tmp_path / "clips"
  clips.mkdir()
  for number in range(2):
    soundfile.write(clips / f"{number}.wav", tone(440, 1.0), 16_000)
  store = prepare(datasets.open_source(f"folder:{clips}"), 16_000, str(tmp_path / "s"))
  found = Neighbours(store, store, np.array([[1], [0]]), np.array([[0.5], [0.5]]))
  write_neighbours(str(tmp_path / "page"), found, num_shown=2, title="t")
  text = (tmp_path / "page" / "index.html").read_text()
  assert not re.search('✓|✗|class="sound (same|other)', text)


def test_pictures_have_low_tones_at_the_bottom_and_silence_is_dark():
  log_mel = listening_page.log_mel_of_pictures(16_000)
  low, high = (
    listening_page.picture(tone(hz, 1.0), log_mel).sum(axis=(1, 2)) for hz in (200, 6000)
  )
  assert low.argmax() > 50 > 14 > high.argmax()
  assert listening_page.picture(np.zeros(16_000, np.float32), log_mel).max() < 10


@pytest.mark.parametrize(
  ("queries", "title"),
  [
    (None, "What sounds alike in “birds”, as runs/mine hears it"),
    (
      DataChoice(("/data/call.wav",)),
      "What in “birds” sounds like “call.wav”, as runs/mine hears it",
    ),
  ],
)
def test_the_title_is_a_question_of_people(queries, title):
  assert neighbours._title(DataChoice(("/data/birds/",)), queries, "runs/mine") == title
