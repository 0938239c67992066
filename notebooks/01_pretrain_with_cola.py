# %% [markdown]
# # 1. Pre-train with COLA
#
# COLA (Saeed, Grangier, Zeghidour, 2021) learns from clips without labels. Two random excerpts of
# the same clip belong together, excerpts of different clips do not: **each excerpt has to find
# its partner among all clips of the batch.** The paper's idea fits into a `train_step` of a dozen
# lines. You write it here, train it with `compile` and `fit`, and measure what it has learned.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import dataclasses

import keras
import numpy as np
import showing
import tensorflow as tf
from matplotlib import pyplot as plt

from cola.config import RECIPES, Config
from cola.model import make_encoder, make_views, optimizer, projection_head
from contrastive_audio import ClipEmbedder, ClipEncoder
from contrastive_audio.configuration import configure
from contrastive_audio.datasets.synthetic import open_synthetic
from contrastive_audio.frontend.statistics import log_mel_statistics
from contrastive_audio.monitoring import knn
from contrastive_audio.store.preparation import prepare
from contrastive_audio.training.contrastive import step_seed
from contrastive_audio.training.cross_entropy import cross_entropy
from contrastive_audio.utils import figures

# %% tags=["parameters"]
STEPS = 200  # of 64 pairs; about a minute on two cores
CLIPS_PER_CLASS = 32

# %% [markdown]
# ## Data: pairs of excerpts
#
# The clips are decoded once, into a store. From it, `pairs.dataset` draws batches: two excerpts of
# 0.975 s (96 frames) from each of 64 different clips. The draw depends only on the step number and
# a seed, so a run can be stopped and resumed.
#
# All hyper-parameters come from the recipe `small`, for small data sets and short training runs.
# [Recipes](../docs/recipes.md) lists how it differs from the paper, and why. Its log-mels are
# standardised with the mean and standard deviation of the data set.

# %%
store = prepare(open_synthetic(clips_per_class=CLIPS_PER_CLASS), 16_000)
config = configure(Config, RECIPES["small"], {"steps": STEPS}, store.num_clips)
mean, std = log_mel_statistics(store, config.front_end())
config = dataclasses.replace(config, mean=mean, std=std)
pairs = config.pairs(store)
dataset = pairs.dataset(first_step=0, num_steps=STEPS).prefetch(tf.data.AUTOTUNE)
print(f"{store.num_clips} clips, {pairs.steps_per_epoch} steps an epoch")
print(dataset.element_spec)

# %% [markdown]
# Here are three pairs to listen to, all brought to the same peak. The network does not hear levels
# either: each excerpt is brought to the same l2 norm.

# %%
excerpts = next(iter(dataset))
sounds = {}
for number, key in enumerate(store.keys(pairs.clip_ids(0).numpy()[:3])):
  sounds |= {f"{key}, {which}": excerpts[number, i] for i, which in enumerate(["one", "other"])}
showing.players(sounds, config.sample_rate_hz, columns=2)

# %% [markdown]
# ## Model
#
# - `views` computes the log-mel of each excerpt, changes its pitch, level and colour at random, and
#   masks parts of it, so that the network cannot recognise a recording by them (notebook 2 shows
#   all augmentations).
# - The `encoder` turns a log-mel into an embedding. This is what you keep.
# - The `head` projects the embedding to 128 numbers, by which excerpts are compared. It is
#   discarded after training.

# %%
keras.utils.set_random_seed(0)
views = make_views(config)
encoder = make_encoder(config)
head = projection_head(encoder, config)
print(
  f"{encoder.name}: {encoder.count_params():,} weights, {encoder.output_shape[-1]}-d embeddings"
)


# %%
class Cola(keras.Model):
  """B clips, N samples, T frames, F mel bands, P numbers of a projection."""

  def __init__(self, views, encoder, head, temperature):
    super().__init__()
    self.views, self.encoder, self.head = views, encoder, head
    self.temperature = temperature

  def call(self, log_mels, training=False):
    return self.head(self.encoder(log_mels, training=training), training=training)

  def train_step(self, excerpts):  # [B, 2, N]
    pairs = self.views(excerpts, step_seed(0, self.optimizer.iterations))  # [B, 2, T, F]
    log_mels = tf.concat([pairs[:, 0], pairs[:, 1]], 0)[..., None]  # [2B, T, F, 1]
    with tf.GradientTape() as tape:
      projections = tf.math.l2_normalize(self(log_mels, training=True), axis=1)  # [2B, P]
      anchors, positives = tf.split(projections, 2)
      own = tf.range(tf.shape(anchors)[0])  # row i of the similarities should choose column i
      loss, accuracy = cross_entropy(anchors / self.temperature, positives, own)
    gradients = tape.gradient(loss, self.trainable_weights)
    self.optimizer.apply(gradients, self.trainable_weights)
    return {"loss": loss, "contrastive accuracy": accuracy}


model = Cola(views, encoder, head, config.temperature)
model.build((None, config.frames, config.num_mels, 1))

# %% [markdown]
# ## Before training
#
# How well does the encoder separate the ten classes? The ten nearest other clips, by cosine
# similarity of the embeddings, vote for the class of a clip. Labels are used here and nowhere else.

# %%
embedder = ClipEmbedder(ClipEncoder(config.front_end(), encoder))
labels = store.labels()


def embed():
  """The embedding of each clip: the maximum over the windows that cover it."""
  return np.stack(list(embedder.embed(map(store.wave, range(store.num_clips)))))


def knn_accuracy(embeddings):
  return 100 * knn.macro_accuracy(knn.leave_one_out(embeddings, labels), labels)


before = embed()
print(f"kNN with random weights: {knn_accuracy(before):.1f} % (chance 10 %)")

# %% [markdown]
# ## Training

# %%
model.compile(optimizer(config))
per_epoch = min(STEPS, max(1, STEPS // 20))
history = model.fit(
  dataset, epochs=STEPS // per_epoch, steps_per_epoch=per_epoch, shuffle=False, verbose=0
).history

# %%
steps = per_epoch * (1 + np.arange(len(history["loss"])))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
left.plot(steps, history["loss"], "o-", color=figures.BLUE, markersize=4)
chance = np.log(config.batch_size)
left.axhline(chance, color=figures.GREY, linestyle=":", label=f"guessing (ln {config.batch_size})")
left.set(xlabel="training step", ylabel="loss (nats)", ylim=(0, None), title="contrastive loss")
right.plot(steps, 100 * np.array(history["contrastive accuracy"]), "o-", color=figures.BLUE, ms=4)
chance = 100 / config.batch_size
right.axhline(chance, color=figures.GREY, linestyle=":", label=f"guessing ({chance:.1f} %)")
right.set(xlabel="training step", ylabel="partners found (%)", title="contrastive accuracy")
right.set_ylim(0, 100)
for axis in (left, right):
  axis.legend(frameon=False)
  axis.grid(alpha=0.3)
showing.figure(figure)

# %% [markdown]
# ## After training

# %%
after = embed()
print(f"kNN: {knn_accuracy(before):.1f} % before, {knn_accuracy(after):.1f} % after {STEPS} steps")

# %% [markdown]
# The similarities themselves show what has changed. The clips are sorted by class. With random
# weights all clips resemble each other, although the classes already show. After training, other
# classes are far away, and yet the network was never told what a class is.


# %%
def similarities(embeddings):
  normalised = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
  return normalised @ normalised.T


order = np.argsort(labels, kind="stable")
classes, first = np.unique(np.array(labels)[order], return_index=True)
accuracy = {"random weights": knn_accuracy(before), "after training": knn_accuracy(after)}
sorted_by_class = {"random weights": before[order], "after training": after[order]}
low = min(np.percentile(similarities(rows), 2) for rows in sorted_by_class.values())
figure, axes = plt.subplots(1, 2, figsize=(12, 5.2), sharey=True, layout="constrained")
for axis, (title, embeddings) in zip(axes, sorted_by_class.items()):
  values = similarities(embeddings)
  image = axis.imshow(values, cmap="viridis", vmin=low, vmax=1, interpolation="nearest")
  centres = first + len(labels) / len(classes) / 2
  axis.set_yticks(centres, classes)
  axis.set_xticks(centres, classes, rotation=90)
  axis.set_xlabel("clips, by class")
  axis.set_title(f"{title}: kNN {accuracy[title]:.1f} %", fontsize=11)
axes[0].set_ylabel("clips, by class")
figure.colorbar(image, ax=axes, label="cosine similarity of two clips", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# ## Listen to what the encoder considers similar
#
# Here are some clips, each followed by the three that the trained encoder places nearest to it:

# %%
values = similarities(after)
np.fill_diagonal(values, -1)
sounds = {}
for clip in order[:: len(order) // 4][:4]:
  nearest = np.argsort(-values[clip])[:3]
  sounds[f"{labels[clip]}:"] = store.wave(clip)
  sounds |= {
    f"{n}. of {labels[clip]}: {labels[i]}": store.wave(i) for n, i in enumerate(nearest, 1)
  }
showing.players(sounds, config.sample_rate_hz)

# %% [markdown]
# ## What this shows, and what it does not
#
# The random network is already good at these ten classes: they differ so much that almost any
# picture of the sound separates them. A short training adds some points. On real audio, this gain
# is what matters. Measuring it takes real audio, more steps and a fair comparison: see
# [notebook 3](03_evaluate_an_encoder.ipynb) and
# [learning from little audio](../docs/learning-from-little-audio.md).
#
# ## Try next
#
# - Set `STEPS = 400`, the recipe's own value, or add `"augment": "none"` beside `"steps"` in
#   `configure`.
# - Run `python -m cola.train`: the same with checkpoints, monitoring, resuming and export. Its
#   model is `cola.model.build_model`, its step
#   `contrastive_audio.training.contrastive.ContrastiveModel.train_step`.
# - Continue with [02_views_and_mix_back](02_views_and_mix_back.ipynb): what can be done to an
#   excerpt.
