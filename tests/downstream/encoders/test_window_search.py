"""Search in long recordings: what is found, when, and that the page plays exactly that."""

import csv
import itertools
import re
import shutil
import subprocess
import types

import numpy as np
import pytest
import soundfile
from PIL import Image

from downstream.encoders import hit_list, listening_page, window_search
from downstream.encoders.window_search import Hit, Hits, find_hits
from downstream.encoders.window_store import WindowStore, cut_windows
from tests.support import assert_close, command, tone

RATE_HZ = 16_000
EVENTS_S = {"first.wav": (12.0, 40.0), "second.wav": (3.0, 50.5)}


def memory_store(lengths_s, rate_hz=10):
  num_samples = np.array([round(length_s * rate_hz) for length_s in lengths_s])
  return types.SimpleNamespace(
    sample_rate_hz=rate_hz, num_samples=num_samples, num_clips=len(lengths_s), digest=""
  )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
  """Two minutes of noise in two files, with tones of 1.5 s at EVENTS_S."""
  folder = tmp_path_factory.mktemp("recordings")
  rng = np.random.default_rng(0)
  for name, starts_s in EVENTS_S.items():
    wave = rng.normal(0, 0.02, 60 * RATE_HZ).astype("f")
    for start_s in starts_s:
      wave[round(start_s * RATE_HZ) :][: round(1.5 * RATE_HZ)] += tone(900, 1.5)
    soundfile.write(folder / name, wave, RATE_HZ)
  return folder


def test_neighbouring_windows_are_one_hit_and_stop_halfway_to_the_background():
  windows = WindowStore(memory_store([10, 4]), hop_samples=5, window_samples=10)
  similarities = np.full(windows.num_clips, 0.2)
  similarities[4:9] = [0.59, 0.8, 1.0, 0.61, 0.9]  # halfway is 0.6
  similarities[-2:] = 0.95
  hits = find_hits(similarities, windows, count=2)
  assert hits == [
    Hit(0, 2.5, 5.0, 1.0),
    Hit(1, 2.5, 4.0, pytest.approx(0.95)),
  ]


@pytest.mark.parametrize("hop", [3, 10, 15])
def test_hits_do_not_overlap_come_in_order_and_end_with_their_recording(hop):
  windows = WindowStore(memory_store([30, 7, 0.5, 21]), hop_samples=hop, window_samples=10)
  for seed in range(20):
    similarities = np.random.default_rng(seed).normal(size=windows.num_clips).astype("f")
    hits = find_hits(similarities, windows, count=1000)
    values = [hit.similarity for hit in hits]
    assert values == sorted(values, reverse=True)
    assert values[0] == similarities.max()
    for clip in range(4):
      spans = sorted((hit.start_s, hit.end_s) for hit in hits if hit.clip == clip)
      assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
      assert spans[0][0] >= 0
      assert spans[-1][1] <= windows.recordings.num_samples[clip] / 10
    assert find_hits(similarities, windows, count=3) == hits[:3]


def test_what_goes_on_for_long_is_several_hits():
  windows = WindowStore(memory_store([300]), hop_samples=10, window_samples=10)
  similarities = np.r_[np.full(100, 0.9), np.zeros(200)]
  hits = find_hits(similarities, windows, count=2)
  assert [(hit.start_s, hit.end_s) for hit in hits] == [(0, 31), (31, 62)]


def test_all_queries_see_all_windows_whatever_fits_into_memory(monkeypatch):
  rng = np.random.default_rng(0)
  values, queries = rng.normal(size=[90, 5]).astype("f"), rng.normal(size=[7, 5])
  windows = WindowStore(memory_store([90]), hop_samples=10, window_samples=10)
  blocks = [(np.arange(90)[part], values[part]) for part in (slice(0, 50), slice(50, 90))]
  embeddings = types.SimpleNamespace(parts=lambda: iter(blocks))
  norms = np.linalg.norm(values, axis=1) * np.linalg.norm(queries, axis=1)[:, None]
  desired = (queries @ values.T / norms).max(axis=1)
  for at_once in (1, 200, 10_000):
    monkeypatch.setattr(window_search, "_SIMILARITIES_AT_ONCE", at_once)
    hits = window_search.search(embeddings, windows, None, queries, count=1)
    assert_close([found[0].similarity for found in hits.found], desired, atol=1e-6)


@pytest.mark.slow
def test_the_command_finds_when_a_call_is_heard_and_plays_exactly_that(recordings, tmp_path):
  soundfile.write(tmp_path / "call.wav", tone(900, 1.5), RATE_HZ)
  options = ["--model=logmel_stats", f"--input={recordings}", "--store_dir=stores"]
  options += ["--queries=call.wav", "--neighbours=4", "--window_s=1.5", "--hop_s=0.25"]
  done = command("downstream.neighbours", *options, "--output=found", cwd=tmp_path)
  assert "windows    windows of 1.5 s every 0.25 s are searched" in done.stdout
  assert "1 query, 4 hits in 0.03 hours (470 windows)" in done.stdout
  with open(tmp_path / "found" / "neighbours.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
  found = sorted((row["file"], float(row["start_s"]), float(row["end_s"])) for row in rows)
  events = sorted((name, start_s) for name, starts_s in EVENTS_S.items() for start_s in starts_s)
  for (file, start_s, end_s), (name, event_s) in zip(found, events, strict=True):
    assert file == name
    assert start_s <= event_s < event_s + 1.5 <= end_s
    assert end_s - start_s <= 4
  page = (tmp_path / "found" / "index.html").read_text()
  cells = re.findall(
    r'<img src="(\S+)"(?:(?!<img).)*?<b>(\S+)</b> <br>(\S+) (\S+) - (\S+) s<audio .*?'
    r'src="(\S+)"',
    page,
  )
  assert len(cells) == 4
  for (image, similarity, file, start_s, end_s, sound), row in zip(cells, rows):
    assert file == row["file"]
    assert similarity == f"{float(row['similarity']):.2f}"
    wave, _ = soundfile.read(tmp_path / "found" / sound)
    first, end = round(float(start_s) * RATE_HZ), round(float(end_s) * RATE_HZ)
    whole, _ = soundfile.read(recordings / file)
    desired = whole[first:end] * (listening_page.PEAK / np.abs(whole[first:end]).max())
    assert_close(wave, desired, atol=2e-4)
    with Image.open(tmp_path / "found" / image) as picture:
      assert picture.size == (1 + (len(wave) - 400) // 160, 64)


@pytest.mark.slow
def test_long_recordings_are_searched_by_windows_without_being_asked(recordings, tmp_path):
  soundfile.write(tmp_path / "call.wav", tone(900, 1.5), RATE_HZ)
  options = ["--model=logmel_stats", f"--input={recordings}", "--output=found"]
  done = command("downstream.neighbours", *options, "--queries=call.wav", cwd=tmp_path)
  assert "windows of 0.975 s every 0.4875 s are searched" in done.stdout
  header = (tmp_path / "found" / "neighbours.csv").read_text().partition("\n")[0]
  assert header.rstrip() == "query,rank,file,start_s,end_s,similarity"
  whole = command("downstream.neighbours", *options[:2], "--output=whole", cwd=tmp_path).stdout
  assert "compared as a whole; --queries=FILE searches within them" in whole


def test_a_picture_shows_what_is_loud_where_it_is():
  wave = np.concatenate([np.zeros(RATE_HZ), tone(300, 1), tone(6000, 1)]).astype("f")
  brightness = listening_page.picture(wave, listening_page.log_mel_of_pictures(RATE_HZ)).sum(axis=2)
  quiet, low, high = np.split(brightness[:, : 3 * 98], 3, axis=1)
  assert quiet[:, :90].max() < 30
  assert low[:, 10:90].mean(axis=1).argmax() > 48  # rows from the bottom
  assert high[:, 10:90].mean(axis=1).argmax() < 12
  log_mel, longer = listening_page.log_mel_of_pictures(RATE_HZ), np.tile(wave, 10)
  assert listening_page.picture(longer, log_mel).shape[1] <= 1000


# As much of a browser as the page needs: three sounds in two rows.
BROWSER = """
const heard = {};
const on = (target) => (kind, act) => { (target[kind] ||= []).push(act); };
const players = [0, 1, 2].map(() => ({tagName: "AUDIO", paused: true,
  play() { this.paused = false; for (const act of heard.play) act({target: this}); },
  pause() { this.paused = true; }}));
const rows = [{}, {}];
const sounds = players.map((player, number) => ({
  tagName: "DIV", parentElement: rows[number < 2 ? 0 : 1], own: {},
  focus() { for (const act of this.own.focusin) act({target: this}); globalThis.focused = number; },
  addEventListener(kind, act) { on(this.own)(kind, act); },
  image: {own: {}, addEventListener(kind, act) { on(this.own)(kind, act); }},
  querySelector(what) { return what === "audio" ? player : this.image; }}));
rows[0].firstElementChild = sounds[0]; rows[1].firstElementChild = sounds[2];
globalThis.document = {addEventListener: on(heard), querySelectorAll: (what) =>
  ({".sound": sounds, section: rows, audio: players})[what]};
const press = (key, target = {tagName: "BODY"}) => {
  for (const act of heard.keydown) act({key, target, preventDefault() {}}); };
const playing = () => players.map((player) => !player.paused).join();
"""
KEYS = """
const seen = [];
press("j"); press(" "); seen.push([focused, playing()]);
press("ArrowRight"); press(" "); seen.push([focused, playing()]);
press("ArrowDown"); seen.push([focused, playing()]);
sounds[2].image.own.click[0](); seen.push([focused, playing()]);
press("ArrowUp"); press(" ", players[0]); press("k"); seen.push([focused, playing()]);
press("j"); press("j"); press("j"); press(" "); seen.push([focused, playing()]);
console.log(JSON.stringify(seen));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node to run the script")
def test_the_keys_of_the_page_select_and_play_one_sound_at_a_time(tmp_path):
  listening_page.write_page(str(tmp_path), "Bells", "Rows.", [], RATE_HZ)
  (script,) = re.findall("<script>(.*?)</script>", (tmp_path / "index.html").read_text(), re.S)
  (tmp_path / "page.js").write_text(f"{BROWSER}{{{script}}}{KEYS}")
  done = subprocess.run(
    ["node", tmp_path / "page.js"], capture_output=True, text=True, timeout=60, check=True
  )
  assert done.stdout.strip() == (
    '[[0,"true,false,false"],[1,"false,true,false"],[2,"false,true,false"],'
    '[2,"false,false,true"],[0,"false,false,true"],[2,"false,false,false"]]'
  )


def test_names_of_files_are_text_on_the_page(clip_store, tmp_path):
  windows = WindowStore(clip_store, hop_samples=8_000, window_samples=16_000)
  hits = Hits(clip_store.select([0]), windows, [[Hit(7, 0.25, 1.25, 0.875)]])
  hit_list.write_hits(str(tmp_path), hits, num_shown=1, title="<b>")
  page = (tmp_path / "index.html").read_text()
  assert "<h1>&lt;b&gt;</h1>" in page
  assert "<b>query</b> high<br>high/0.wav<audio" in page
  assert "<b>0.88</b> low<br>low/1.wav 0.25 - 1.25 s<audio" in page
  assert not re.search("https?:|//", page.partition("<script>")[0])


def test_windows_that_do_not_touch_are_not_one_hit():
  windows = WindowStore(memory_store([40]), hop_samples=100, window_samples=10)
  hits = find_hits(np.array([0.1, 0.9, 0.8, 0.1, 0.1]), windows, count=2)
  assert [(hit.start_s, hit.end_s) for hit in hits] == [(10.0, 11.0), (20.0, 21.0)]


@pytest.mark.parametrize("window_samples", [10, 11])
def test_windows_overlap_by_no_more_than_a_half(window_samples):
  model = types.SimpleNamespace(
    name="m", sample_rate_hz=10, embedder=types.SimpleNamespace(excerpt_samples=window_samples)
  )
  windows = cut_windows(memory_store([40]), model, hops_per_window=2)
  shared = windows.starts[0] + windows.num_samples[0] - windows.starts[1]
  assert 2 * shared <= window_samples < 2 * shared + 2
