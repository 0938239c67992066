# %% [markdown]
# # 4. Your own audio, and an encoder to take away
#
# From a folder of files, as they lie on your disk, to a SavedModel that needs nothing but
# TensorFlow. Replace the folder that is made below by yours; nothing else changes.

# %%
from contrastive_audio.datasets import synthetic
from contrastive_audio.sound import reading
from contrastive_audio.utils import figures  # ours first: TensorFlow starts without messages

# isort: split
import csv
import pathlib

import numpy as np
import showing
import soundfile
import soxr
import tensorflow as tf
from matplotlib import pyplot as plt

# %% tags=["parameters"]
STEPS = 100  # of 64 pairs; less than a minute on two cores
CLIPS_PER_CLASS = 12
FOLDER, RUN = "runs/my_sounds", "runs/mine"

# %% [markdown]
# ## A folder in which nothing fits together
#
# WAV, FLAC, OGG, MP3 and AIFF; mono and stereo; four sample rates; and one file that is no audio
# at all. (M4A, MP4, WebM and what else ffmpeg opens can be read, too.) Sub-folders are taken as
# classes if every file lies in one. Only the monitor of the training sees them; files without
# classes are fine.

# %%
FORMATS = [("wav", 44_100, 2), ("flac", 22_050, 1), ("ogg", 44_100, 1), ("mp3", 32_000, 2)]
FORMATS += [("aiff", 48_000, 1)]
CLASSES = ("bell", "bird", "chirp", "engine", "harmonic_tone", "noise_bursts", "siren", "wind")


def write(name, number):
  """Writes one clip in one of the formats."""
  ending, rate_hz, channels = FORMATS[number % len(FORMATS)]
  wave = synthetic.make_clip(name, [synthetic.VERSION, 4, number])
  wave = soxr.resample(wave, synthetic.SAMPLE_RATE_HZ, rate_hz)
  path = pathlib.Path(FOLDER, name, f"{number:02d}.{ending}")
  path.parent.mkdir(parents=True, exist_ok=True)
  soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate_hz)


for name in CLASSES:
  for number in range(CLIPS_PER_CLASS):
    write(name, number)
pathlib.Path(FOLDER, "bird", "notes.mp3").write_text(
  "Heard a bird at the lake, no recorder at hand."
)
print(*sorted(str(path) for path in pathlib.Path(FOLDER).rglob("*.*"))[:8], "...", sep="\n")

# %% [markdown]
# ## Train
#
# One command. It decodes everything once, chooses the recipe by the number of clips, measures
# what it needs, trains, watches itself by the classes, and exports. Stopped by Ctrl-C it goes on
# by the same command.

# %%
# !python -m cola.train --dataset=folder:{FOLDER} --run={RUN} --steps={STEPS}

# %% [markdown]
# What could not be used is counted, and listed with the reason:

# %%
with open(f"{RUN}/skipped.csv", newline="") as file:
  header, *rows = csv.reader(file)
showing.table(header, rows)

# %% [markdown]
# ## Use the encoder
#
# The SavedModel has everything inside: normalisation, log-mels, statistics, network. It wants
# mono float32 at its own rate, and takes clips of any length. `reading.read` opens any of the
# formats and resamples; any other library will do.

# %%
model = tf.saved_model.load(f"{RUN}/saved_model")
rate_hz, size = int(model.sample_rate_hz), int(model.embedding_size)
paths, waves = [], []
for path in sorted(pathlib.Path(FOLDER).rglob("[0-9]*.*")):
  paths.append(path)
  waves.append(reading.read(path, rate_hz))
embeddings = np.concatenate([model.embed(wave[None])["embedding"] for wave in waves])
print(f"{rate_hz} Hz in, {size} numbers out: {embeddings.shape}")

# %% [markdown]
# Thousands of files are embedded faster by a command, which batches, can be interrupted, and
# lists bad files:

# %%
pathlib.Path("runs/embeddings.npz").unlink(missing_ok=True)  # of an earlier call
# !python -m downstream.embed --model={RUN} --input={FOLDER} --output=runs/embeddings.npz

# %%
with np.load("runs/embeddings.npz") as content:
  print({name: content[name].shape for name in content.files})

# %% [markdown]
# ## What sounds like this?
#
# Six queries and the four files nearest to each, by cosine similarity. The queries are new: the
# encoder has never heard them. The name before a player is the class of the folder that the file
# lies in, which played no part.


# %%
def normalised(rows):
  return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def query(name):
  """A clip that is not in the folder."""
  wave = synthetic.make_clip(name, [synthetic.VERSION, 5, 0])
  return reading.to_mono(wave, synthetic.SAMPLE_RATE_HZ, rate_hz)


for name in CLASSES[:6]:
  wave = query(name)
  embedding = model.embed(wave[None])["embedding"].numpy()
  similarities = (normalised(embeddings) @ normalised(embedding)[0]).round(3)
  sounds = {f"query: {name}": wave}
  for i in np.argsort(-similarities)[:4]:
    sounds[f"{paths[i].parent.name}/{paths[i].name} ({similarities[i]:.2f})"] = waves[i]
  showing.players(sounds, rate_hz, columns=5)

# %% [markdown]
# ## Where in a recording?
#
# `embed_frames` gives an embedding every 50 ms, each of about a second around it. Here are four
# sounds one after the other, each of them new, and the similarity of every moment to the mean
# embedding of each of the four folders.

# %%
SCENE = ("engine", "bird", "siren", "noise_bursts")
STYLES = dict(
  zip(SCENE, [(figures.GREY, ":"), (figures.BLUE, "-"), (figures.ORANGE, "--"), ("k", "-.")])
)
parts = [np.resize(query(name) / np.abs(query(name)).max(), 3 * rate_hz) for name in SCENE]
scene = np.concatenate(parts)
frames = model.embed_frames(scene[None].astype("float32"))
moments, time_s = frames["embedding"][0].numpy(), frames["time_ms"][0].numpy() / 1000
middle = embeddings.mean(axis=0)  # what all sounds have in common is left out
figure, axis = plt.subplots(figsize=(11, 4), layout="constrained")
for name in SCENE:
  members = embeddings[[path.parent.name == name for path in paths]]
  likeness = normalised(moments - middle) @ normalised(members.mean(axis=0) - middle)
  colour, line = STYLES[name]
  axis.plot(time_s, likeness, color=colour, linestyle=line, label=name)
for number, name in enumerate(SCENE):
  axis.axvline(3 * number, color="black", linewidth=0.6)
  axis.text(3 * number + 0.1, 1.02, f"heard: {name}", fontsize=10)
axis.set(xlim=(0, 12), ylim=(-1, 1.15), xlabel="time (s)", ylabel="cosine similarity")
axis.set_title("How much each moment resembles the files of a folder", fontsize=11)
axis.legend(title="folder", frameon=False, loc="lower right", ncols=4)
axis.grid(alpha=0.3)
showing.figure(figure)
showing.players({"the recording": scene}, rate_hz)

# %% [markdown]
# Around the borders a window hears both sounds, so that the curves cross slowly; in the first and
# the last half second it reaches beyond the recording, and hears silence.
#
# ## Export
#
# The training has exported already. A run that was stopped early, or whose SavedModel you
# deleted, is exported by its own command. The folder `saved_model` is all that you need to copy
# to where the encoder is to be used:

# %%
# !python -m contrastive_audio.export --run={RUN}

# %%
for path in sorted(pathlib.Path(RUN, "saved_model").rglob("*")):
  if path.is_file():
    print(f"{path.as_posix()}: {path.stat().st_size / 1e6:.2f} MB")
exported = tf.saved_model.load(f"{RUN}/saved_model")
again = exported.embed(waves[0][None])["embedding"]
print(f"largest difference to the first export: {np.abs(again - embeddings[0]).max():.1e}")

# %% [markdown]
# ## What this shows, and what not
#
# It shows the way from files to an encoder. That eight very different classes are found again is
# no feat: random weights do most of it, as [notebook 3](03_judge_an_encoder.ipynb) measures. With
# your audio, judge the encoder by your labels, and against those baselines, before you trust it.
#
# ## Try next
#
# - `FOLDER = "/path/to/your/audio"` (leave out the cell that writes the clips, and name your
#   classes in `SCENE`); then more steps with another `RUN`, overnight, watched by
#   `tensorboard --logdir=runs`.
# - Other sounds in `SCENE`: not all are told apart as clearly. Try `bell` and `harmonic_tone`,
#   which the listening list above confuses, too.
# - `python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio
#   --output=neighbours`: the listening list of all your clips, as a page.
# - `python -m downstream.embed ... --projector=projector`: the map of your clips in TensorBoard.
# - `python -m downstream.linear --model=runs/mine --task=folder:/path/to/your/audio`: what is it
#   worth?
