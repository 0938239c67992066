"""The script of the page: a key is about the window that was on the page when it was pressed."""

import json
import shutil
import subprocess

import pytest

from tests.support import ROOT

PAGE = ROOT / "downstream" / "labelling" / "page" / "page.js"

# As much of a browser and of a server as the page needs. The server answers in `answerAll`.
BROWSER = """
const thing = () => {
  const made = {style: {}, dataset: {}, classList: {toggle() {}}, firstElementChild: {},
    lastChild: {}, on: {}, append() {}, replaceChildren() {}, setAttribute() {}, blur() {},
    focus() {}, matches: () => false, play: async () => {}, pause() {},
    addEventListener(kind, act) { made.on[kind] = act; }};
  return made;
};
const elements = {}, heard = {}, asked = [], waiting = [];
globalThis.location = {search: "?token=secret"};
globalThis.Option = thing;
globalThis.requestAnimationFrame = () => {};
let poll = null;
globalThis.setTimeout = (act) => { poll = act; };
globalThis.document = {createElement: thing, querySelectorAll: () => [],
  getElementById: (id) => elements[id] ||= thing(),
  querySelector: () => ({value: "random"}),
  addEventListener: (kind, act) => { heard[kind] = act; }};

const labels = {};  // of the windows that were marked, in the order of the table
const described = (name) => ({name, file: `${name}.wav`, start_s: 0, end_s: 1, value: 0.5,
  strategy: "random", labels: labels[name] || []});
const server = {open: ["a", "b", "c"], fitting: false};
const stateNow = () => ({classes: ["wren", "rain"].map((name) => ({name, marks: 0})),
  negative: "other", strategy: "random", fitting: server.fitting, num_marked: 0,
  upcoming: server.open.map(described), recent: Object.keys(labels).map(described)});
globalThis.fetch = (path, {body}) => new Promise((resolve) => waiting.push(() => {
  const {name, labels: given, like} = body ? JSON.parse(body) : {};
  if (body) asked.push([path, name || like, given].filter((each) => each));
  if (given) labels[name] = given;
  if (!labels[name]?.length) delete labels[name];
  server.open = server.open.filter((each) => each !== name);
  if (path === "/choose") server.fitting = true;
  resolve({ok: true, json: async () => stateNow()});
}));
const settle = () => new Promise((resolve) => setImmediate(resolve));
const answerAll = async () => {
  do { waiting.shift()?.(); await settle(); } while (waiting.length);
};
const press = async (key, shiftKey = false) => {
  heard.keydown({key, code: /\\d/.test(key) ? `Digit${key}` : "", shiftKey, preventDefault() {},
    target: {matches: () => false}});
  await settle();
};
"""
TELL = "process.stdout.write(JSON.stringify([asked, current?.name ?? null]));"


@pytest.fixture
def played(tmp_path):
  """Runs the page and a script; returns (what was asked of the server, the window on the page)."""
  if not shutil.which("node"):
    pytest.skip("there is no node to run the script of the page")

  def play(script):
    script = f"(async () => {{ await settle(); await answerAll(); {script} {TELL} }})();"
    (tmp_path / "page.js").write_text(f"{BROWSER}{PAGE.read_text()}{script}")
    done = subprocess.run(
      ["node", tmp_path / "page.js"], capture_output=True, text=True, timeout=60, check=True
    )
    return tuple(json.loads(done.stdout))

  return play


def test_keys_mark_the_window_on_the_page_and_move_on(played):
  asked, shown = played("""
    await press("1"); await answerAll(); await press("j"); await answerAll();
    await press("2", true); await answerAll(); await press("1", true); await answerAll();
  """)
  assert asked == [
    ["/mark", "a", ["wren"]],
    ["/skip", "b"],
    ["/mark", "c", ["rain"]],
    ["/mark", "c", ["rain", "wren"]],
  ]
  assert shown == "c"


@pytest.mark.parametrize("second", ["1", "2", "j"])
@pytest.mark.parametrize(("first", "act"), [("1", ["/mark", "a", ["wren"]]), ("j", ["/skip", "a"])])
def test_a_second_key_while_the_server_is_busy_does_nothing_to_the_next_window(
  played, first, act, second
):
  asked, shown = played(f"await press('{first}'); await press('{second}'); await answerAll();")
  assert (asked, shown) == ([act], "b")


@pytest.mark.parametrize("key", ["1", "j"])
@pytest.mark.parametrize("choice", ["await press('m');", "choose('diverse', null);"])
def test_a_key_while_another_window_is_on_its_way_is_not_about_that_one(played, key, choice):
  asked, shown = played(f"""
    {choice} await answerAll();
    server.fitting = false; server.open = ["x", "y"];
    poll(); await settle();  // asks for the state, which brings x
    await press("{key}"); await answerAll();
  """)
  assert [path for path, *_ in asked] == ["/choose"]
  assert shown == "x"


def test_several_labels_pressed_while_the_server_is_busy_are_all_of_their_window(played):
  asked, shown = played("await press('1', true); await press('2', true); await answerAll();")
  assert asked == [["/mark", "a", ["wren"]], ["/mark", "a", ["wren", "rain"]]]
  assert shown == "a"


def test_more_like_this_is_about_the_window_on_the_page_when_its_key_was_pressed(played):
  asked, _ = played("await press('1'); await press('m'); await answerAll();")
  assert asked == [["/mark", "a", ["wren"]], ["/choose", "a"]]


def test_a_review_goes_on_after_a_correction_and_to_what_is_new_after_a_mark_is_removed(played):
  review = "await press('k'); await press('k'); await answerAll();"
  marks = "await press('1'); await answerAll(); await press('1'); await answerAll();"
  assert played(f"{marks} {review} await press('2'); await answerAll();")[1] == "b"
  remove = "await press('1', true); await answerAll(); await press('j'); await answerAll();"
  assert played(f"{marks} {review} {remove}")[1] == "c"
