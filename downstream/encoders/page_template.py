"""The listening page without its sounds: layout, colours and keys."""

from contrastive_audio.utils.figures import BLUE, ORANGE

_STYLE = """
body { font-family: sans-serif; line-height: 1.3; margin: 1rem auto; padding: 0 1rem;
  max-width: 90rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: 0 0 0.5rem }
section { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 0.8rem;
  padding: 1rem 0; border-top: 1px solid #bbb }
.sound { border-top: 5px solid transparent; padding: 0 0.3rem 0.3rem; font-size: 0.85rem }
.key { display: inline-block; padding: 0 0.3rem; border-top: 5px solid }
.query { border-color: #444; background: #eee }
.same { border-color: SAME }
.other { border-color: OTHER; border-top-style: dashed }
.sound:focus, .sound:focus-within { outline: 3px solid #37c }
.picture { position: relative; cursor: pointer; color: #fff; font-size: 0.7rem;
  text-shadow: 0 0 3px #000, 0 0 3px #000 }
.picture span { position: absolute; left: 3px; pointer-events: none }
.picture span:first-of-type { top: 1px }
.picture span:last-of-type { bottom: 1px }
img { display: block; width: 100%; height: 6rem }
.time { display: flex; justify-content: space-between; color: #444; font-size: 0.75rem }
audio { display: block; width: 100%; height: 2.2rem; margin-top: 0.3rem }
audio::-webkit-media-controls-mute-button,
audio::-webkit-media-controls-volume-control-container { display: none }
@media (max-width: 40rem) { .query { grid-column: 1 / -1 } .keys { display: none } }
"""

_SCRIPT = """
const sounds = [...document.querySelectorAll(".sound")];
const rows = [...document.querySelectorAll("section")];
let at = -1;
function select(number) {
  at = Math.max(0, Math.min(sounds.length - 1, number));
  sounds[at].focus();
}
function selectRow(step) {
  const row = at < 0 ? -1 : rows.indexOf(sounds[at].parentElement);
  const other = rows[Math.max(0, Math.min(rows.length - 1, row + step))];
  select(sounds.indexOf(other.firstElementChild));
}
function toggle(sound) {
  const player = sound.querySelector("audio");
  if (player.paused) player.play(); else player.pause();
}
sounds.forEach((sound, number) => {
  sound.addEventListener("focusin", () => { at = number; });
  sound.querySelector(".picture").addEventListener("click", () => toggle(sound));
});
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio"))
    if (player !== event.target) player.pause();
}, true);
document.addEventListener("keydown", (event) => {
  const isPlayer = event.target.tagName === "AUDIO";  // which has keys of its own
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "j" || (event.key === "ArrowRight" && !isPlayer)) select(at + 1);
  else if (event.key === "k" || (event.key === "ArrowLeft" && !isPlayer)) select(at - 1);
  else if (event.key === "ArrowDown" && !isPlayer) selectRow(1);
  else if (event.key === "ArrowUp" && !isPlayer) selectRow(-1);
  else if (event.key === " " && !isPlayer && at >= 0) toggle(sounds[at]);
  else return;
  event.preventDefault();
});
"""

_KEYS = """<p class="keys">Keys: <kbd>j</kbd> <kbd>k</kbd> or <kbd>&rarr;</kbd> <kbd>&larr;</kbd>
next and previous, <kbd>&darr;</kbd> <kbd>&uarr;</kbd> next and previous row, <kbd>space</kbd> play
or pause.</p>"""

CLASSES = """<p>Class of a neighbour, compared with the query's:
<span class="same key">✓ the same</span> <span class="other key">✗ another</span></p>"""


def page(title: str, introduction: str, rows: str) -> str:
  """Returns the page.

  Args:
    title: of the page, as HTML.
    introduction: HTML below the title.
    rows: HTML, a `<section>` for each row of sounds.

  Example:
    >>> page("Bells", "<p>Three bells.</p>", "").splitlines()[:2]
    ['<!DOCTYPE html>', '<html lang="en">']
  """
  style = _STYLE.replace("SAME", BLUE).replace("OTHER", ORANGE)
  return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
{introduction}
{_KEYS}
{rows}
<script>{_SCRIPT}</script>
</html>
"""
