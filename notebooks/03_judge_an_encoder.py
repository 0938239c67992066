# %% [markdown]
# # 3. Judge an encoder
#
# A falling loss says that twins are found, not that the embedding is good for anything. What is
# it worth? That is asked with labels, on a task, **against baselines that cost nothing**:
#
# - `logmel_stats`: mean and standard deviation of each log-mel band, no network at all;
# - `random:RUN`: the same network with random weights;
# - `RUN`: the trained encoder.

# %%
from contrastive_audio.datasets.synthetic import open_synthetic
from contrastive_audio.store import preparation
from contrastive_audio.utils import figures  # ours first: TensorFlow starts without messages
from downstream import judging, knn, linear
from downstream.cards.card import Task
from downstream.cards.task_data import TaskData
from downstream.encoders import models
from downstream.encoders.embedding_parts import Embeddings
from downstream.plots import positions

# isort: split
import collections

import numpy as np
import showing
from matplotlib import pyplot as plt

# %% tags=["parameters"]
STEPS = 150  # of 64 pairs; about a minute on two cores
CLIPS_PER_CLASS = 32
NUM_SEEDS = 5
RUN = "runs/judged"

# %% [markdown]
# ## Train
#
# On clips of another seed than those that are judged, and without their labels: all of them lie
# in one folder. So the command has nothing to watch the training by, and says so.

# %%
unlabelled = open_synthetic("runs/unlabelled", CLIPS_PER_CLASS, seed=1)
print(f"{unlabelled.num_clips} clips")

# %%
# !python -m cola.train --dataset=folder:runs/unlabelled --run={RUN} --steps={STEPS}

# %% [markdown]
# ## Two ways to ask
#
# - **Linear evaluation**: the encoder stays as it is; a linear classifier learns the classes from
#   the embeddings of training clips, and predicts those of the test clips.
# - **kNN**: a test clip gets the class of the training clip nearest to it. Nothing is fitted at
#   all.
#
# A fifth of the clips tests. How many of the others have a label is varied: with one label for
# each class an encoder has to know by itself what belongs together; with many, the classifier can
# make up for what the encoder lacks.

# %%
ENCODERS = {
  "log-mel statistics": "logmel_stats",
  "random weights": f"random:{RUN}",
  "trained": RUN,
}
LABELS = {"1 label per class": 1, "5 labels per class": 5, "all labels": None}
store = preparation.prepare(open_synthetic(clips_per_class=CLIPS_PER_CLASS), 16_000)
data = TaskData(Task("synthetic", "synthetic"), store, [None] * store.num_clips)


def judge(model):
  """Scores in %, over the seeds of splits and labels: {(method, labels): [one for each seed]}."""
  methods = {
    "linear": linear.cached()(data, model),
    "kNN": knn.make_method(neighbours=1)(data, model),
  }
  scores = collections.defaultdict(list)
  for name, method in methods.items():
    for shown, count in LABELS.items():
      for seed in range(NUM_SEEDS):
        result = judging.judge(method, data, model, judging.Condition(count), seed)
        scores[name, shown].append(result["score"])
  return scores


opened = {shown: models.open_model(name) for shown, name in ENCODERS.items()}
scores = {shown: judge(model) for shown, model in opened.items()}

# %% [markdown]
# ## The table
#
# Accuracy on the test clips in %, mean and standard deviation over the seeds that choose which
# clips test and which have labels. There is one training and one draw of random weights, so the
# spread says nothing about those.

# %%
columns = list(scores["trained"])
header = ["encoder", *(f"{method}, {shown}" for method, shown in columns)]
showing.table(
  header,
  [
    [shown, *(f"{np.mean(found[c]):.1f} ± {np.std(found[c]):.1f}" for c in columns)]
    for shown, found in scores.items()
  ],
)

# %%
STYLES = {
  "log-mel statistics": {"color": figures.GREY, "marker": "s", "linestyle": ":"},
  "random weights": {"color": figures.ORANGE, "marker": "^", "linestyle": "--"},
  "trained": {"color": figures.BLUE, "marker": "o", "linestyle": "-"},
}
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for axis, method in zip(axes, ("linear", "kNN")):
  for place, (shown, found) in enumerate(scores.items()):
    means = [np.mean(found[method, few]) for few in LABELS]
    spreads = [np.std(found[method, few]) for few in LABELS]
    places = np.arange(len(LABELS)) + 0.05 * (place - 1)  # so that error bars do not overlap
    axis.errorbar(places, means, spreads, capsize=3, label=shown, **STYLES[shown])
  axis.axhline(10, color="black", linewidth=0.8, label="chance")
  axis.set_xticks(range(len(LABELS)), LABELS)
  axis.set(ylim=(0, 102), title={"linear": "linear evaluation", "kNN": "nearest neighbour"}[method])
  axis.grid(alpha=0.3)
axes[0].set_ylabel("test accuracy (%), 5 seeds" if NUM_SEEDS == 5 else "test accuracy (%)")
axes[1].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.12))
showing.figure(figure)

# %% [markdown]
# What it means:
#
# - **With all labels, linear evaluation hardly tells the network with random weights from the
#   trained one**: both are nearly perfect, the set is too easy. Whoever shows only this number
#   for a trained encoder shows nothing.
# - **Random weights are a strong baseline.** The network's shape alone, which never averages
#   frequency away, is worth more than statistics, but for a single label per class. What training
#   adds is the distance to *them*, not to chance.
# - **Few labels and kNN show what training has done**: there the trained encoder is ahead by more
#   than the spread of the seeds. It has learnt to put clips of a class together, and there is
#   less left for the labels to do.
#
# On real audio the same comparison is harder on the encoder: see the README for what this recipe
# is worth on spoken digits, speakers, instruments and environmental sounds.

# %% [markdown]
# ## A map
#
# The clips as t-SNE lays them out by cosine distance. Neighbours mean something in such a map,
# far distances and the sizes of groups do not.

# %%
OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00"]
embeddings = {shown: Embeddings(model, store).make().of_clips() for shown, model in opened.items()}
labels = np.array(store.labels())
figure, axes = plt.subplots(1, 3, figsize=(14, 4.8), layout="constrained")
for axis, (shown, rows) in zip(axes, embeddings.items()):
  points = positions(rows)
  for number, name in enumerate(data.class_names):
    style = {"marker": "os^DvX+*<1"[number], "color": OKABE_ITO[number % 7]}
    axis.scatter(*points[labels == name].T, s=36, label=name, **style)
  axis.set(xticks=[], yticks=[], title=shown, xlabel="first dimension of t-SNE")
axes[0].set_ylabel("second dimension of t-SNE")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
showing.figure(figure)


# %% [markdown]
# ## Listen to neighbours
#
# For each clip we count how many of its three nearest clips are of its class.


# %%
def nearest(rows, count=3):
  """Numbers of the clips nearest to each, `[n, count]`."""
  normalised = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  similarities = normalised @ normalised.T
  np.fill_diagonal(similarities, -1)
  return np.argsort(-similarities, axis=1)[:, :count]


neighbours = {shown: nearest(rows) for shown, rows in embeddings.items()}
right = {shown: (labels[found] == labels[:, None]).sum(1) for shown, found in neighbours.items()}
for shown, counts in right.items():
  print(f"{shown}: {100 * counts.mean() / 3:.1f} % of neighbours are of the same class")
gain = right["trained"] - right["random weights"]
print(f"training helped {np.sum(gain > 0)} clips, and harmed {np.sum(gain < 0)}, of {len(labels)}")

# %% [markdown]
# The clip that training helped most, and the one that it harmed most: what did each encoder take
# for similar?

# %%
for clip in (gain.argmax(), gain.argmin()):
  sounds = {f"{labels[clip]}: the clip": store.wave(clip)}
  for shown in ("random weights", "trained"):
    for place, other in enumerate(neighbours[shown][clip], 1):
      sounds[f"{shown}, {place}.: {labels[other]}"] = store.wave(other)
  showing.players(sounds, store.sample_rate_hz, columns=4)

# %% [markdown]
# ## Try next
#
# - `"random:efficientnet_b0"`, the paper's network with random weights, as a fourth encoder. It
#   is behind log-mel statistics here; only what its training adds counts.
# - Your own labels, from the command line, with predictions and a confusion matrix: `python -m
#   downstream.linear --model=runs/judged --task=folder:/path/to/your/audio --output=results`
# - `STEPS = 400` with another `RUN`, or several trainings with `--seed`: is the gain larger than
#   their spread?
# - [04_your_own_audio_and_export](04_your_own_audio_and_export.ipynb): your audio, and an encoder
#   to take away.
