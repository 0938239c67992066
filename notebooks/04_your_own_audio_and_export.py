# %% [markdown]
# # 4. Your own audio, and an encoder to take away
#
# This notebook leads from a folder of audio files to a SavedModel that needs only TensorFlow.
# For your own audio, set `FOLDER` to it and leave out the cell that writes the clips. The cells
# from "What sounds like this?" on use the classes of the generated folder: name yours there.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import csv
import pathlib

import numpy as np
import showing
import soundfile
import soxr
import tensorflow as tf
from matplotlib import pyplot as plt

from contrastive_audio import read
from contrastive_audio.datasets import synthetic
from contrastive_audio.sound.reading import to_mono
from contrastive_audio.utils import figures

# %% tags=["parameters"]
STEPS = 100  # of 64 pairs; less than a minute on two cores
CLIPS_PER_CLASS = 12
FOLDER, RUN = "runs/my_sounds", "runs/mine"

# %% [markdown]
# ## A folder of mixed files
#
# The folder holds WAV, FLAC, OGG, MP3 and AIFF files, mono and stereo, at four sample rates, and
# one file that is not audio. (M4A, MP4, WebM and whatever else ffmpeg opens can be read, too.)
# Sub-folders are classes if every file lies in one. Only the monitoring of the training uses them;
# files without classes are fine.

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
# One command decodes everything once, chooses the recipe by the number of clips, measures the
# statistics of the log-mels, trains, evaluates the encoder on the classes along the way, and
# exports it. After Ctrl-C, the same command resumes.

# %%
# !python -m cola.train --dataset={FOLDER} --run={RUN} --steps={STEPS}

# %% [markdown]
# Files that could not be used are counted, and listed with the reason:

# %%
with open(f"{RUN}/skipped.csv", newline="") as file:
  headings, *rows = csv.reader(file)
showing.table(headings, rows)

# %% [markdown]
# ## Use the encoder
#
# The SavedModel contains everything: normalisation, log-mels, statistics and network. It takes mono
# float32 clips of any length at its own sample rate. `read` opens all these formats and resamples;
# any other library will do, too.

# %%
model = tf.saved_model.load(f"{RUN}/saved_model")
rate_hz, size = int(model.sample_rate_hz), int(model.embedding_size)
paths, waves = [], []
for path in sorted(pathlib.Path(FOLDER).rglob("[0-9]*.*")):
  paths.append(path)
  waves.append(read(path, rate_hz))
embeddings = np.concatenate([model.embed(wave[None])["embedding"] for wave in waves])
print(f"{rate_hz} Hz in, {size}-d embeddings out: {embeddings.shape}")

# %% [markdown]
# For thousands of files a command is faster: it batches them, can be interrupted and resumed, and
# lists bad files:

# %%
pathlib.Path("runs/embeddings.npz").unlink(missing_ok=True)  # from an earlier call
# !python -m downstream.embed --model={RUN} --input={FOLDER} --output=runs/embeddings.npz

# %%
with np.load("runs/embeddings.npz") as content:
  print({name: content[name].shape for name in content.files})

# %% [markdown]
# ## What sounds like this?
#
# Here are six queries and the four files nearest to each, by cosine similarity. The encoder has
# never heard the queries. The caption of a player begins with the class folder of the file, which
# the search does not use.


# %%
def normalised(rows):
  return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def query(name):
  """A clip that is not in the folder."""
  wave = synthetic.make_clip(name, [synthetic.VERSION, 5, 0])
  return to_mono(wave, synthetic.SAMPLE_RATE_HZ, rate_hz)


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
# `embed_frames` returns an embedding every 50 ms, each of about a second of sound around that time.
# Here are four new sounds in a row, and the similarity of each moment to the mean embedding of each
# of the four folders.

# %%
SCENE = ("engine", "bird", "siren", "noise_bursts")
STYLES = dict(
  zip(SCENE, [(figures.GREY, ":"), (figures.BLUE, "-"), (figures.ORANGE, "--"), ("k", "-.")])
)
sounds = [np.resize(query(name) / np.abs(query(name)).max(), 3 * rate_hz) for name in SCENE]
scene = np.concatenate(sounds)
frames = model.embed_frames(scene[None].astype("float32"))
moments, time_s = frames["embedding"][0].numpy(), frames["time_ms"][0].numpy() / 1000
mean = embeddings.mean(axis=0)  # subtracted: what all sounds have in common
figure, axis = plt.subplots(figsize=(11, 4), layout="constrained")
for name in SCENE:
  members = embeddings[[path.parent.name == name for path in paths]]
  similarities = normalised(moments - mean) @ normalised(members.mean(axis=0) - mean)
  colour, line = STYLES[name]
  axis.plot(time_s, similarities, color=colour, linestyle=line, label=name)
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
# Near a border, a window covers both sounds, so the curves cross slowly. In the first and the last
# half second, the window extends beyond the recording and covers silence. What is most similar
# there is not what is heard, so leave these moments out of any decision. The windows of
# `classify_frames` (of an export with a classifier), of `embed --hop_s=...` and of
# `downstream.detect` lie inside the recording and hold nothing else (see
# [long recordings](../docs/recordings.md)).
#
# ## Export
#
# The training has already exported the encoder. If a run was stopped early, or you deleted its
# SavedModel, this command exports it. To use the encoder elsewhere, you only need to copy the
# folder `saved_model`:

# %%
# !python -m contrastive_audio.export --model={RUN}

# %%
for path in sorted(pathlib.Path(RUN, "saved_model").rglob("*")):
  if path.is_file():
    print(f"{path.as_posix()}: {path.stat().st_size / 1e6:.2f} MB")
exported = tf.saved_model.load(f"{RUN}/saved_model")
again = exported.embed(waves[0][None])["embedding"]
print(f"largest difference from the first export: {np.abs(again - embeddings[0]).max():.1e}")

# %% [markdown]
# ## What this shows, and what it does not
#
# It shows the way from files to an encoder. Telling eight very different classes apart is no
# achievement: random weights do most of it, as [notebook 3](03_evaluate_an_encoder.ipynb) measures.
# With your audio, evaluate the encoder on your labels, against those baselines, before you trust
# it.
#
# ## Try next
#
# - Set `FOLDER = "/path/to/your/audio"`. Leave out the cell that writes the clips, and name your
#   classes in `SCENE`. Then train for more steps with another `RUN`, overnight, and watch
#   `tensorboard --logdir=runs`.
# - Try other sounds in `SCENE`; not all are as easy to distinguish. `bell` and `harmonic_tone`, for
#   example, are also confused in the listening list above.
# - Run `python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio
#   --output=neighbours` for a listening page of all your clips.
# - Run `python -m downstream.embed ... --projector=projector` for a map of your clips in
#   TensorBoard.
# - Run `python -m downstream.linear --model=runs/mine --task=/path/to/your/audio` to evaluate the
#   encoder on your labels.
