# %% [markdown]
# # 5. Long recordings
#
# In the field, in a meeting or at a machine, sound is recorded for hours, and what matters lasts
# seconds. This notebook cuts recordings into pieces, finds a call in them, notes what is heard and
# when, and trains a detector whose results open in Audacity and Raven.
# [Long recordings](../docs/recordings.md) has all options.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import csv
import pathlib

import numpy as np
import showing
import soundfile
import tensorflow as tf
from matplotlib import pyplot as plt

import contrastive_audio
from contrastive_audio.datasets import open_source, synthetic
from contrastive_audio.frontend.drawing import draw_log_mel, name_axes
from contrastive_audio.sound.reading import to_mono
from contrastive_audio.store.pieces import equal_pieces
from contrastive_audio.store.preparation import prepare
from contrastive_audio.utils import figures
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import open_model
from downstream.encoders.window_search import cosine_similarities, find_hits
from downstream.encoders.window_store import cut_windows

# %% tags=["parameters"]
SECONDS = 40  # of a recording; yours may last hours
MODEL, RATE_HZ = "preset:general", 16_000

# %% [markdown]
# ## Recordings with known sounds
#
# Birds, sirens and bells sound at random times in wind and noise. Five recordings are for
# training; a table lists which sounds occur in them and when, as an annotator would.
# The sixth is new.

# %%
CLASSES = ("bird", "siren", "bell")
COLOURS = dict(zip(CLASSES, (figures.BLUE, figures.ORANGE, figures.GREEN)))


def sound(name, *seed):
  """A sound that is generated from a seed."""
  wave = synthetic.make_clip(name, [synthetic.VERSION, *seed])
  return to_mono(wave, synthetic.SAMPLE_RATE_HZ, RATE_HZ)


def recording(number):
  """(wave, [(start in s, end in s, class)]) of a recording."""
  rng = np.random.default_rng(number)
  wave = rng.normal(0, 0.01, SECONDS * RATE_HZ)
  for second in range(0, SECONDS - 3, 2):  # gusts of wind
    wind = sound("wind", 5, number, second)
    wave[second * RATE_HZ :][: len(wind)] += 0.1 * wind
  events, position_s = [], rng.uniform(1, 4)
  while position_s < SECONDS - 4:
    name = CLASSES[rng.integers(3)]
    heard = sound(name, 6, number, len(events))
    wave[round(position_s * RATE_HZ) :][: len(heard)] += rng.uniform(0.2, 0.8) * heard
    events.append((position_s, position_s + len(heard) / RATE_HZ, name))
    position_s = events[-1][1] + rng.uniform(1, 6)
  return wave / max(1, np.abs(wave).max()), events


truth = {}
for number in range(6):
  name = f"{'new' if number == 5 else 'field'}/monday-{number}.wav"
  pathlib.Path(name).parent.mkdir(exist_ok=True)
  wave, truth[name] = recording(number)
  soundfile.write(name, wave, RATE_HZ)
with open("labels.csv", "w", newline="") as file:
  rows = [(n, f"{a:.2f}", f"{b:.2f}", c) for n in truth if n[:5] == "field" for a, b, c in truth[n]]
  csv.writer(file).writerows([("file", "start_s", "end_s", "label"), *rows])
showing.table(("file", "start_s", "end_s", "label"), rows[:4])

# %%
encoder = contrastive_audio.load("general")
log_mel = encoder.front_end.log_mel


def draw(axis, wave, events, title):
  """A log-mel, with lines above it where something is heard."""
  values = log_mel(tf.constant(wave[None], tf.float32))[0]
  draw_log_mel(axis, values, log_mel, title)
  for start_s, end_s, name in events:
    axis.plot((start_s, end_s), (66, 66), color=COLOURS[name], linewidth=4, clip_on=False)


def name_lines(axis):
  """A legend of the lines, beside a picture."""
  for name, colour in COLOURS.items():
    axis.plot([], [], color=colour, linewidth=4, label=name)
  axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


first = contrastive_audio.read("field/monday-0.wav", RATE_HZ)
figure, axis = plt.subplots(figsize=(12, 2.8), layout="constrained")
draw(axis, first, truth["field/monday-0.wav"], "field/monday-0.wav, and when what is heard in it\n")
name_lines(axis)
axis.set(xlabel="time (s)", ylabel="frequency (Hz)")
showing.figure(figure)
showing.players({"field/monday-0.wav": first}, RATE_HZ)

# %% [markdown]
# ## Pieces
#
# COLA learns from two excerpts of a clip. In a recording of minutes, two excerpts have little in
# common, and five recordings make five pairs. So a training cuts recordings into pieces, about 5 s
# each by default, and takes both excerpts from one piece:
#
# ```
# python -m cola.train --dataset=field --piece_s=5 --run=runs/field
# ```
#
# No audio is copied; a piece is a line in an index. Here are the first of them.

# %%
store = prepare(open_source("./field"), RATE_HZ)
pieces = store.cut(equal_pieces(store, piece_s=5))
print(f"{store.num_clips} recordings, {pieces.num_clips} pieces: {pieces.keys([0, 1, 2])} ...")
figure, axes = plt.subplots(1, 4, figsize=(12, 2.2), layout="constrained", sharey=True)
for number, axis in enumerate(axes):
  draw(axis, pieces.wave(number), [], pieces.keys([number])[0])
name_axes(axes[None])
showing.figure(figure)
showing.players({key: pieces.wave(i) for i, key in enumerate(pieces.keys(range(4)))}, RATE_HZ)

# %% [markdown]
# ## Where is something like this?
#
# A query, a bird that is in none of the recordings, is compared with windows of 2 s, one every half
# second. Windows lie inside the recording, and each is embedded as a clip that holds nothing else.
# This command does the same search in all your files, and writes a page for listening to the
# results:
#
# ```
# python -m downstream.neighbours --model=preset:general --input=field --queries=bird.wav \
#   --hop_s=0.5 --window_s=2 --output=found
# ```

# %%
model = open_model(MODEL)
windows = cut_windows(store, model, hop_s=0.5, window_s=2)
embeddings = Embeddings(model, windows).make()
query = sound("bird", 9, 9)
row = next(iter(model.embedder.embed([query])))
similarities = cosine_similarities(embeddings, row[None], windows.num_clips)[0]
hits = find_hits(similarities, windows, count=4)

# %%
of_first = windows.clips == 0
start_s, end_s = windows.spans_s(np.flatnonzero(of_first))
figure, (above, below) = plt.subplots(
  2, 1, figsize=(12, 4), layout="constrained", sharex=True, height_ratios=(2, 1)
)
draw(above, first, truth["field/monday-0.wav"], "field/monday-0.wav\n")
name_lines(above)
below.plot((start_s + end_s) / 2, similarities[of_first], color=figures.BLUE)
below.set(
  xlabel="time (s)", ylabel="cosine similarity", title="how much a window is like the query"
)
below.grid(alpha=0.3)
showing.figure(figure)
found = {"query": query}
for hit in hits:
  part = slice(round(hit.start_s * RATE_HZ), round(hit.end_s * RATE_HZ))
  (key,) = store.keys([hit.clip])
  found[f"{key}, {hit.start_s:.1f} to {hit.end_s:.1f} s ({hit.similarity:.2f})"] = store.wave(
    hit.clip
  )[part]
showing.players(found, RATE_HZ, columns=5)

# %% [markdown]
# ## A detector
#
# The table of labels is a task like any other. `--background` makes a class of what nobody has
# labelled. A recording is used either for training or for testing, never for both.

# %%
TASK = "--task=labels.csv --background=rest"
# !python -m downstream.linear --model={MODEL} {TASK} --output=runs/detector

# %% [markdown]
# Then the new recording: what is heard and when, as a CSV and as a label track.

# %%
OPTIONS = "--ignore=rest --hop_s=0.25 --gap_s=0.5 --output=found --format=csv,audacity"
# !python -m downstream.detect --model={MODEL} --classifier=runs/detector --input=new {OPTIONS}

# %%
with open("found/detections.csv", newline="") as file:
  headings, *rows = csv.reader(file)
detected = [(float(row[1]), float(row[2]), row[3]) for row in rows]
new = contrastive_audio.read("new/monday-5.wav", RATE_HZ)
figure, axes = plt.subplots(2, 1, figsize=(12, 5), layout="constrained", sharex=True)
draw(axes[0], new, truth["new/monday-5.wav"], "new/monday-5.wav: what is heard\n")
draw(axes[1], new, detected, "what was detected\n")
name_lines(axes[0])
name_axes(axes[:, None])
showing.figure(figure)
sounds = {
  f"{name}, {start_s:.1f} to {end_s:.1f} s": new[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
  for start_s, end_s, name in detected[:8]
}
showing.players(sounds, RATE_HZ)

# %% [markdown]
# A faint bell is missed. Detections of loud sounds start too early and end too late, by up to half
# a window on either side: the detector hears two seconds at once, and half of a loud sound in them
# is enough to trigger it. A higher `--threshold` makes detections shorter, and misses more.
#
# The label track has the start, the end and the class of each detection, separated by tabs. In
# Audacity, open the recording, then choose *File > Import > Labels*. With `--format=raven` it is a
# selection table of Raven. Both can be corrected there. A selection table names its recording, so
# `--task` reads it from any folder. A label track does not: move it beside the recording first.

# %%
print(pathlib.Path("found/monday-5.wav.txt").read_text())

# %% [markdown]
# ## Edges
#
# `embed_frames` of an encoder is different: its windows are centred on moments 50 ms apart. So at
# both ends of a recording, up to half a window is silence that was never recorded. Here the frames
# of noise, which is the same from start to end, are compared with the frame in the middle. Leave
# the edges out of any decision; the windows in the sections above have no such edges.

# %%
noise = np.random.default_rng(0).normal(0, 0.1, 6 * RATE_HZ).astype(np.float32)
frames, times_s = (np.asarray(array) for array in encoder.embed_frames(noise))
frames /= np.linalg.norm(frames, axis=1, keepdims=True)
half_s = model.embedder.excerpt_samples / RATE_HZ / 2
figure, axis = plt.subplots(figsize=(12, 2.4), layout="constrained")
for edge in ((0, half_s), (6 - half_s, 6)):
  axis.axvspan(*edge, color=figures.GREY, alpha=0.2, linewidth=0)
axis.plot(times_s, frames @ frames[len(frames) // 2], color=figures.BLUE)
axis.set(xlim=(0, 6), xlabel="time (s)", ylabel="cosine similarity")
axis.set_title("frames of noise, and the frame in the middle; grey: partly silence", fontsize=11)
axis.grid(alpha=0.3)
showing.figure(figure)

# %% [markdown]
# ## What this shows, and what it does not
#
# It shows the way from recordings to a table of times. The sounds are generated, and easier than
# yours. How often a detector is right depends on how loud the sounds are above the background;
# [long recordings](../docs/recordings.md) has measurements with known sounds in noise and rain.
#
# ## Try next
#
# - Replace the recordings with your own, and write down a few labels: ten for each class are a
#   start.
# - Label some of the false detections as a class of their own, train again, and name this class
#   with `--ignore`.
# - Choose the threshold by what you need: `--precision=0.9` or `--recall=0.9`.
# - Train on your recordings (`python -m cola.train --dataset=field`), and use that run as `MODEL`.
