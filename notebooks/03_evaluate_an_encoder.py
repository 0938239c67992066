# %% [markdown]
# # 3. Evaluate an encoder
#
# A falling loss means that the network finds the pairs, not that its embedding is good for
# anything. How good is it? You measure that with labels, on a task, **against baselines that cost
# nothing**:
#
# - `logmel_stats`: mean and standard deviation of each log-mel band, without any network;
# - `random:RUN`: the same network with random weights;
# - `RUN`: the trained encoder.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import collections

import numpy as np
import showing
from matplotlib import pyplot as plt

from contrastive_audio.datasets.synthetic import open_synthetic
from contrastive_audio.store.preparation import prepare
from contrastive_audio.utils import figures
from downstream import Condition, Embeddings, Task, TaskData, evaluate, open_model
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.nearest_neighbours import knn_method
from downstream.embedding_map import positions

# %% tags=["parameters"]
STEPS = 150  # of 64 pairs; about a minute on two cores
CLIPS_PER_CLASS = 32
NUM_SEEDS = 5
RUN = "runs/evaluated"

# %% [markdown]
# ## Train
#
# The encoder trains on other clips than the evaluation uses, generated from another seed, and
# without their labels: the command gets the parent of the class folders. So there are no labels for
# monitoring the training, and the command says so.

# %%
unlabelled = open_synthetic("runs/unlabelled", CLIPS_PER_CLASS, seed=1)
print(f"{unlabelled.num_clips} clips")

# %%
# !python -m cola.train --dataset=runs/unlabelled --run={RUN} --steps={STEPS}

# %% [markdown]
# ## Two methods
#
# - **Linear evaluation**: the encoder stays as it is. A linear classifier learns the classes from
#   the embeddings of training clips, and predicts those of the test clips.
# - **kNN**: a test clip gets the class of the training clip nearest to it. Nothing is fitted.
#
# A fifth of the clips are test clips. How many of the others are labelled varies. With one label
# for each class, the encoder itself has to know what belongs together. With many, the classifier
# can compensate for what the encoder lacks.

# %%
ENCODERS = {
  "log-mel statistics": "logmel_stats",
  "random weights": f"random:{RUN}",
  "trained": RUN,
}
LABELS = {"1 label per class": 1, "5 labels per class": 5, "all labels": None}
store = prepare(open_synthetic(clips_per_class=CLIPS_PER_CLASS), 16_000)
data = TaskData(Task("synthetic", "synthetic"), store)


def scores_of(model):
  """Scores in % for each seed of splits and labels: {(method, labels): [score, ...]}."""
  methods = {
    "linear": cached_linear_method()(data, model),
    "kNN": knn_method(neighbours=1)(data, model),
  }
  scores = collections.defaultdict(list)
  for name, method in methods.items():
    for labels, count in LABELS.items():
      for seed in range(NUM_SEEDS):
        result = evaluate(method, data, model, Condition(count), seed)
        scores[name, labels].append(result.score)
  return scores


models = {encoder: open_model(name) for encoder, name in ENCODERS.items()}
scores = {encoder: scores_of(model) for encoder, model in models.items()}

# %% [markdown]
# ## The table
#
# Accuracy on the test clips in %, mean and standard deviation over the seeds that choose the test
# clips and the labels. There is only one training and one draw of random weights, so the spread
# does not include how these vary.

# %%
columns = list(scores["trained"])
headings = ["encoder", *(f"{method}, {labels}" for method, labels in columns)]
rows = []
for encoder, measured in scores.items():
  cells = [f"{np.mean(measured[c]):.1f} ± {np.std(measured[c]):.1f}" for c in columns]
  rows.append([encoder, *cells])
showing.table(headings, rows)

# %%
STYLES = {
  "log-mel statistics": {"color": figures.GREY, "marker": "s", "linestyle": ":"},
  "random weights": {"color": figures.ORANGE, "marker": "^", "linestyle": "--"},
  "trained": {"color": figures.BLUE, "marker": "o", "linestyle": "-"},
}
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for axis, method in zip(axes, ("linear", "kNN")):
  for number, (encoder, measured) in enumerate(scores.items()):
    means = [np.mean(measured[method, labels]) for labels in LABELS]
    spreads = [np.std(measured[method, labels]) for labels in LABELS]
    x = np.arange(len(LABELS)) + 0.05 * (number - 1)  # shifted: error bars do not overlap
    axis.errorbar(x, means, spreads, capsize=3, label=encoder, **STYLES[encoder])
  axis.axhline(10, color="black", linewidth=0.8, label="chance")
  axis.set_xticks(range(len(LABELS)), LABELS)
  axis.set(ylim=(0, 102), title={"linear": "linear evaluation", "kNN": "nearest neighbour"}[method])
  axis.grid(alpha=0.3)
axes[0].set_ylabel(f"test accuracy (%), seeds: {NUM_SEEDS}")
axes[1].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.12))
showing.figure(figure)

# %% [markdown]
# What this means:
#
# - **With all labels, linear evaluation hardly distinguishes random weights from trained ones.**
#   Both are nearly perfect, because the set is too easy. This number alone says nothing about a
#   trained encoder.
# - **Random weights are a strong baseline.** The architecture alone, which never averages over
#   frequency, beats the statistics; with one label per class, linear evaluation ties. The gain from
#   training is the distance to *random weights*, not to chance.
# - **Few labels and kNN show what training has achieved.** There the trained encoder is ahead by
#   more than the spread of the seeds. It has learned to place clips of a class together, which
#   leaves less for the labels to do.
#
# On real audio the same comparison is harder for the encoder.
# [Learning from little audio](../docs/learning-from-little-audio.md) shows it for spoken digits,
# speakers, instruments and environmental sounds.

# %% [markdown]
# ## A map
#
# t-SNE places the clips on a plane by the cosine distances of their embeddings. In such a map,
# neighbourhoods are meaningful; large distances and the sizes of groups are not.

# %%
embeddings = {name: Embeddings(model, store).make().of_clips() for name, model in models.items()}
labels = np.array(store.labels())
figure, axes = plt.subplots(1, 3, figsize=(14, 4.8), layout="constrained")
for axis, (encoder, rows) in zip(axes, embeddings.items()):
  points = positions(rows)
  for number, name in enumerate(data.class_names):
    style = {"marker": "os^DvX+*<1"[number], "color": figures.COLOURS[number]}
    axis.scatter(*points[labels == name].T, s=36, label=name, **style)
  axis.set(xticks=[], yticks=[], title=encoder, xlabel="first dimension of t-SNE")
axes[0].set_ylabel("second dimension of t-SNE")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
showing.figure(figure)


# %% [markdown]
# ## Listen to neighbours
#
# For each clip, count how many of its three nearest clips are of its class.


# %%
def nearest(rows, count=3):
  """The numbers of the clips nearest to each clip, `[n, count]`."""
  normalised = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  similarities = normalised @ normalised.T
  np.fill_diagonal(similarities, -1)
  return np.argsort(-similarities, axis=1)[:, :count]


neighbours = {encoder: nearest(rows) for encoder, rows in embeddings.items()}
num_right = {
  encoder: (labels[ids] == labels[:, None]).sum(axis=1) for encoder, ids in neighbours.items()
}
for encoder, counts in num_right.items():
  print(f"{encoder}: {100 * counts.mean() / 3:.1f} % of neighbours are of the same class")
gain = num_right["trained"] - num_right["random weights"]
print(f"training helped {np.sum(gain > 0)} clips, and harmed {np.sum(gain < 0)}, of {len(labels)}")

# %% [markdown]
# Here are the clip that training helped most, and the one that it harmed most. What did each
# encoder consider similar?

# %%
for clip in (gain.argmax(), gain.argmin()):
  sounds = {f"{labels[clip]}: the clip": store.wave(clip)}
  for encoder in ("random weights", "trained"):
    for rank, other in enumerate(neighbours[encoder][clip], 1):
      sounds[f"{encoder}, {rank}.: {labels[other]}"] = store.wave(other)
  showing.players(sounds, store.sample_rate_hz, columns=4)

# %% [markdown]
# ## Try next
#
# - Add a fourth encoder, `"random:efficientnet_b0"`: the paper's network with random weights. Here
#   it is worse than log-mel statistics; what counts is what training adds to it.
# - Evaluate on your own labels, from the command line, with predictions and a confusion matrix:
#   `python -m downstream.linear --model=runs/evaluated --task=/path/to/your/audio
#   --output=results`.
# - Set `STEPS = 400` with another `RUN`, or train several times with `--seed`: is the gain larger
#   than the spread?
# - Continue with [04_your_own_audio_and_export](04_your_own_audio_and_export.ipynb): your audio,
#   and an encoder to take away.
