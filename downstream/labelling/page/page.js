"use strict";
const token = new URLSearchParams(location.search).get("token") || "";
const find = (id) => document.getElementById(id);
const [banner, player, picture] = ["banner", "player", "picture"].map(find);
const LETTERS = "qwertyuiopasdfghlxcvbn";  // without those of commands: j k m z
let state = null;        // what the server said last
let current = null;      // the window on the page
let revisits = false;    // whether it is one that was marked before
let wantsNew = true;     // whether to move to what comes next as soon as that is known
let failure = "";        // why the last act was not done; shown until another one is
let work = Promise.resolve();  // one thing after the other

const address = (kind, name, extension) =>
  `/${kind}/${encodeURIComponent(name)}.${extension}?token=${encodeURIComponent(token)}`;

function element(kind, text = "", className = "") {
  const made = document.createElement(kind);
  made.textContent = text;  // names of files and classes are text, never markup
  made.className = className;
  return made;
}

function say(problem) {
  banner.textContent = problem || "";
  banner.hidden = !problem;
}

async function ask(path, content) {
  const headers = {"X-Label-Token": token, "Content-Type": "application/json"};
  const request = content ? {method: "POST", headers, body: JSON.stringify(content)} : {headers};
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Error("The command does not answer. What was marked is saved: start it again, and " +
      "open the address that it prints.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// Acts come one after the other; each sees what the one before has left.
function act(doing) {
  work = work.then(doing).catch((error) => say(failure = error.message));
  return work;
}

// An act about the window on the page. It is dropped if another one is there when its turn comes:
// nobody has heard that one when the key was pressed.
function actHere(doing) {
  const name = current?.name;
  return act(async () => {
    if (current?.name === name) await doing();
  });
}

async function tell(path, content) {
  state = await ask(path, content);
  if (content) failure = "";
  say(failure || state.problem);
  if (state.fitting) watch();
  return state;
}

let isWatching = false;
function watch() {
  if (isWatching) return;
  isWatching = true;
  setTimeout(() => act(async () => {
    isWatching = false;
    await tell("/state");
    if (wantsNew && !state.fitting) show(state.upcoming[0]);
    render();
  }), 250);
}

function show(window, again = false) {
  wantsNew = !window;
  revisits = again;
  const isOther = !current || !window || current.name !== window.name;
  current = window || null;
  find("window").hidden = !current;
  find("done").hidden = !!current || state.fitting;
  if (!current || !isOther) return;
  picture.src = address("picture", current.name, "png");
  player.src = address("sound", current.name, "wav");
  find("head").style.left = "0";
  player.play().catch(() => {});  // before the first key, browsers may refuse
}

const position = (window = current) =>
  state.recent.findIndex((each) => each.name === window?.name);

function forward() {
  const at = revisits ? position() : -1;
  const after = at < 0 ? undefined : state.recent[at + 1];
  if (after) show(after, true); else show(state.upcoming[0]);
}

const mark = (label, stays) => actHere(async () => {
  if (!current) return;
  let labels = [label];
  if (stays) {
    const others = current.labels.filter((each) => each !== label);
    labels = current.labels.includes(label) ? others : [...others, label];
    if (label === state.negative) labels = labels.includes(label) ? [label] : [];
    else labels = labels.filter((each) => each !== state.negative);
  }
  await tell("/mark", {name: current.name, labels});
  current.labels = labels;
  if (!stays) forward();
  render();
});

const undo = () => act(async () => {
  await tell("/undo", {});
  if (state.undone) show(state.undone, position(state.undone) >= 0);
  render();
});

const next = () => actHere(async () => {
  if (current && !revisits && !current.labels.length) await tell("/skip", {name: current.name});
  forward();
  render();
});

const back = () => act(async () => {
  const at = revisits ? position() : state.recent.length;
  const before = state.recent[(at < 0 ? state.recent.length : at) - 1];
  if (before) show(before, true);
  render();
});

const choose = (strategy, target, like = null) => act(async () => {
  await tell("/choose", {strategy, target, like});
  wantsNew = true;
  if (!state.fitting) show(state.upcoming[0]);
  render();
});

const chosen = () => document.querySelector("input[name=strategy]:checked")?.value;
const target = () => find("target").value || null;
const moreLikeThis = () => current && choose(chosen(), target(), current.name);

const addClass = (name) => act(async () => {
  await tell("/add_class", {class: name});
  find("name").value = "";
  find("name").blur();
  render();
});

// Rebuilds what has changed: a button that was pressed stays while other things are drawn.
const drawn = new Map();
function draw(id, content, make) {
  const text = JSON.stringify(content);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  find(id).replaceChildren(...make());
}

// Class -> its key.
function keys() {
  const others = state.classes.filter((each) => each.name !== state.negative);
  const all = [..."123456789", ...LETTERS];
  const pairs = others.map((each, number) => [each.name, all[number] || ""]);
  return new Map([...pairs, [state.negative, "0"]]);
}

function render() {
  if (!state) return;
  find("progress").textContent = `${state.num_marked} windows of ${state.num_recordings} ` +
    `recordings are marked, of ${state.num_windows}; saved in ${state.table}`;
  renderWindow();
  renderClasses();
  renderNext();
  renderQuality();
  renderRecent();
  find("undo").disabled = !state.can_undo;
  find("back").disabled = !state.recent.length;
  find("skip").lastChild.textContent = revisits || current?.labels.length ? " next" : " skip";
}

function renderWindow() {
  if (!current) return;
  find("title").textContent =
    `${current.file}  ${current.start_s.toFixed(2)} - ${current.end_s.toFixed(2)} s`;
  const percent = (value) => `${Math.round(100 * value)} %`;
  const reasons = {
    top: () => `top: ${current.target}, says the classifier with ${percent(current.value)}`,
    uncertain: () => "uncertain: the classifier can hardly tell what this is",
    diverse: () => "diverse: like much that no mark is like",
    random: () => "random",
    similar: () => (current.target ? `sounds like ${current.target}` : "like the chosen one") +
      `: similarity ${current.value.toFixed(2)}`,
  };
  const reason = reasons[current.strategy];
  find("why").textContent = revisits || !reason ? "marked before" : reason();
}

function renderClasses() {
  const key = keys();
  draw("classes", [state.classes, current?.labels], () => state.classes.map(({name, marks}) => {
    const button = element("button", "", name === state.negative ? "negative" : "");
    button.append(element("kbd", key.get(name)), ` ${name}`);
    if (name === state.negative) button.append(element("small", " (none of them)"));
    button.append(element("span", marks, "marks"));
    button.dataset.name = name;
    button.setAttribute("aria-pressed", !!current?.labels.includes(name));
    button.classList.toggle("on", !!current?.labels.includes(name));
    button.addEventListener("click", () => mark(name, isStaying()));
    return button;
  }));
}

const isStaying = () => find("stay").firstElementChild.checked;

function renderNext() {
  for (const radio of document.querySelectorAll("input[name=strategy]"))
    radio.checked = radio.value === state.strategy;
  const names = state.classes.map((each) => each.name);
  draw("target", names, () =>
    [new Option("the rarest", ""), ...names.map((name) => new Option(name, name))]);
  find("target").value = state.target || "";
  find("like").disabled = !current;
}

function renderQuality() {
  const quality = state.quality, percent = (share) => (100 * share).toFixed(0);
  let text = "Mark windows of two classes, and it begins to learn.";
  if (state.num_fitted) text = `Knows ${state.num_fitted} marks; too few to say how good it is.`;
  if (quality) {
    const without = quality.by === "recordings"
      ? "each scored by what knows no mark of its recording"
      : "each scored by what does not know it, but others of its recording: too favourable";
    text = `${percent(quality.right)} % right (${percent(quality.low)} to ` +
      `${percent(quality.high)} %) of ${quality.num_scored} marks, ${without}. One answer for all ` +
      `would have ${percent(quality.constant)} %. Marks of top and uncertain are no fair sample ` +
      "of the recordings; those of random are.";
  }
  find("quality").textContent = (state.fitting ? "Learning ... " : "") + text;
  const cells = (kind, texts) => {
    const row = element("tr");
    row.append(...texts.map((each) => element(kind, each)));
    return row;
  };
  const rows = quality ? quality.classes.map(([found, there, taken], number) => cells("td", [
    state.fitted_classes[number], `${found} of ${there}`, `${found} of ${taken}`])) : [];
  if (rows.length) rows.unshift(cells("th", ["", "found", "right of those taken for it"]));
  find("table").replaceChildren(...rows);
}

function renderRecent() {
  draw("recent", [state.recent, current?.name], () => [...state.recent].reverse().map((each) => {
    const item = element("li", "", each.name === current?.name ? "current" : "");
    const button = element("button");
    button.append(element("b", each.labels.join(", ")),
      ` ${each.file} ${each.start_s.toFixed(2)} s`);
    button.addEventListener("click", () => act(async () => { show(each, true); render(); }));
    item.append(button);
    return item;
  }));
}

function toggle() {
  if (!current) return;
  if (player.paused) player.play().catch(() => {}); else player.pause();
}

(function moveHead() {
  if (player.duration) find("head").style.left = `${100 * player.currentTime / player.duration}%`;
  requestAnimationFrame(moveHead);
})();

const commands = {j: next, ArrowRight: next, k: back, ArrowLeft: back, z: undo, Backspace: undo,
  m: moreLikeThis, " ": toggle, "/": () => find("name").focus()};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=radio]):not([type=checkbox]), select");
  if (event.key === "Escape") event.target.blur();
  if (!state || isTyping || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.matches("audio, button") && event.key === " ") return;  // their own
  const digit = /^(Digit|Numpad)(\d)$/.exec(event.code);
  const key = commands[event.key] ? event.key : digit ? digit[2] : event.key;  // Shift+7 may be /
  const command = commands[key];
  const found = [...keys()].find(([, own]) => own && own === key.toLowerCase());
  if (command) command();
  else if (found) mark(found[0], event.shiftKey || isStaying());
  else return;
  event.preventDefault();
});

find("view").addEventListener("click", toggle);
find("skip").addEventListener("click", next);
find("back").addEventListener("click", back);
find("undo").addEventListener("click", undo);
find("like").addEventListener("click", moreLikeThis);
find("target").addEventListener("change", () => choose("top", target()));
for (const radio of document.querySelectorAll("input[name=strategy]"))
  radio.addEventListener("change", () => { radio.blur(); choose(radio.value, target()); });
find("new").addEventListener("submit", (event) => {
  event.preventDefault();
  addClass(find("name").value);
});
act(async () => {
  await tell("/state");
  show(state.upcoming[0]);
  render();
});
