# %% [markdown]
# # 2. Views and mix-back
#
# A contrastive encoder learns to ignore whatever differs between two **views** of a clip, and to
# keep whatever they share and other clips lack. So the views decide what is learned. This notebook
# shows and plays what this project can do to make a view: the choice of patches, mix-back (Fonseca
# and others, 2021), and ten augmentations.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import dataclasses

import numpy as np
import showing
from matplotlib import pyplot as plt

from contrastive_audio.datasets.synthetic import open_synthetic
from contrastive_audio.frontend.drawing import draw_log_mel, name_axes
from contrastive_audio.store.preparation import prepare
from contrastive_audio.training.contrastive import step_seed
from contrastive_audio.views import augment
from mixback.config import Config
from mixback.mixing import mix_back
from mixback.model import make_views

# %% tags=["parameters"]
CLIPS_PER_CLASS = 8

# %%
store = prepare(open_synthetic(clips_per_class=CLIPS_PER_CLASS), 22_050)
config = Config(batch_size=8)  # otherwise as in the paper; raw log-mels, not standardised
front_end = config.front_end()
log_mel = front_end.log_mel
LIMITS = {"vmin": -3, "vmax": 4}  # of the colours: log10 of energy


def longest_clip(name):
  """The number of the longest clip of a class."""
  ids = np.flatnonzero(np.array(store.labels()) == name)
  return ids[store.num_samples[ids].argmax()]


# %% [markdown]
# ## Which two patches
#
# A patch is one second, or 101 frames. The two patches may be anywhere in the clip (`random`, as in
# the paper), identical (`same`), or one patch length apart, as far as the clip allows
# (`separated`).

# %%
clip_ids = np.array([longest_clip("bird")])
words = np.array([[1_300_000_000, 3_100_000_000]], np.uint32)  # as a step would draw them
figure, axes = plt.subplots(2, 3, figsize=(11, 4.5), sharey=True, layout="constrained")
for column, positives in zip(axes.T, ["random", "same", "separated"]):
  pairs = dataclasses.replace(config, positives=positives).pairs(store)
  for axis, patch, name in zip(column, front_end(pairs.copy(clip_ids, words))[0], ["one", "other"]):
    image = draw_log_mel(axis, patch, log_mel, f"{positives}: {name} patch", **LIMITS)
name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# ## Mix-back
#
# A little of another clip is mixed behind each view. The two views then share the event in the
# foreground, but not the background. Foreground and background are first brought to the same
# energy. The background gets a random share of 0 to 5 % of the energy, so that it is at least 13 dB
# below the foreground. A share of 50 %, far more than in the paper, shows the effect.

# %%
names = ["siren", "bird"]
ids = np.array([longest_clip(name) for name in names])
middle = np.full([2, 1], 2_000_000_000, np.uint32)
waves = config.pairs(store).copy(ids, middle)  # [2, 1, N]
energies = front_end.energies(waves)[:, 0]  # [2, T, F], linear
foreground, background = energies[:1], energies[1:]
SHARES = (0.05, 0.5)
mixed = {share: mix_back(foreground, background, [share])[0] for share in SHARES}

panels = {"foreground: siren": foreground[0], "background: bird": background[0]}
panels |= {f"mix, {100 * share:.0f} % bird": energy for share, energy in mixed.items()}
figure, axes = plt.subplots(1, 4, figsize=(13, 3), sharey=True, squeeze=False, layout="constrained")
for axis, (title, energy) in zip(axes[0], panels.items()):
  image = draw_log_mel(axis, log_mel.compress(energy), log_mel, title, **LIMITS)
name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# Mixing mel energies is nearly the same as mixing waves, and waves can be played. At 5 % the bird
# is audible if you know that it is there:

# %%
siren, bird = waves[:, 0]
ratio = np.sqrt(np.sum(foreground) / np.sum(background))
sounds = {"foreground: siren": siren, "background: bird": bird * ratio}
for share in SHARES:
  mix = np.sqrt(1 - share) * siren + np.sqrt(share) * ratio * bird
  sounds[f"mix, {100 * share:.0f} % bird"] = mix
showing.players(sounds, config.sample_rate_hz)

# %% [markdown]
# ## Ten augmentations
#
# All of them work on the log-mel. Each pair of pictures below shows one of them: the siren after
# the augmentation, and by how many dB each point has changed, with the largest change in the title.
# The change by `noise` is magnified a hundred times; at the scale of the others it would be
# invisible. `AugmentConfig` holds their parameters.
#
# | name | what it does | what the encoder should ignore |
# |---|---|---|
# | `rrc` | cuts out 80 to 100 % of the area and stretches it | tempo, pitch, exact position |
# | `compress` | multiplies the log-mel by 0.75 to 1 | dynamics |
# | `noise` | adds Gaussian noise of at most 0.01: a tenth of a dB, as published | hardly anything |
# | `specaugment` | masks some frames and some bands | any single part |
# | `time_shift` | rolls in time | when things happen |
# | `frequency_shift` | rolls in frequency | pitch |
# | `pitch_shift` | moves up or down in frequency, and repeats the edge | pitch |
# | `level` | up to 13 dB louder or quieter | loudness |
# | `fader` | changes the level evenly from one end to the other | fading in and out |
# | `equalise` | colours the spectrum | microphone and room |
#
# Mix-back's released code uses the first three; the recipe `small` uses `pitch_shift`, `level` and
# `equalise`, and for COLA also `specaugment`.

# %%
NAMES = ("rrc", "compress", "noise", "specaugment", "time_shift", "frequency_shift")
NAMES += ("pitch_shift", "level", "fader", "equalise")
SEEDS = {"rrc": 3, "fader": 2, "level": 1}  # otherwise 0; these draws show the effect
patch = log_mel.compress(foreground)  # [1, T, F]
views = {
  name: augment.augmentation(config, name)(patch, step_seed(SEEDS.get(name, 0), 0))[0]
  for name in NAMES
}

figure, axes = plt.subplots(5, 4, figsize=(12, 11), sharex=True, sharey=True, layout="constrained")
for (left, right), (name, view) in zip(axes.reshape(10, 2), views.items()):
  image = draw_log_mel(left, view, log_mel, name, **LIMITS)
  change_db = np.asarray(view - patch[0]) / log_mel.decibel
  largest_db = np.abs(change_db).max()
  zoom = 100 if largest_db < 1 else 1  # otherwise nothing would be seen of `noise`
  title = f"{zoom} x change, {largest_db:.1f} dB" if zoom > 1 else f"change, {largest_db:.0f} dB"
  change = draw_log_mel(right, zoom * change_db, log_mel, title, vmin=-20, vmax=20)
  change.set_cmap("PuOr_r")
name_axes(axes)
figure.colorbar(
  image, ax=axes[:, :2], label="views: log10 of energy", location="bottom", fraction=0.03
)
figure.colorbar(change, ax=axes[:, 2:], label="changes (dB)", location="bottom", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# Here are the log-mels as sound, at their own levels. (The phase is guessed, hence the metallic
# sound.) `rrc`, `frequency_shift` and `pitch_shift` change the pitch. `level` and `fader` are easy
# to hear and leave everything else as it was. `noise` is inaudible.

# %%
sounds = {"no augmentation": showing.sound_of(patch[0], log_mel)}
sounds |= {name: showing.sound_of(view, log_mel) for name, view in views.items()}
loudest = max(np.abs(wave).max() for wave in sounds.values())
sounds = {name: wave / loudest for name, wave in sounds.items()}
showing.players(sounds, config.sample_rate_hz, columns=5, same_level=False)

# %% [markdown]
# ## Find the pairs
#
# Now everything together, as the network gets it: random patches, mix-back, then rrc, compression,
# level, fader, equaliser and masks. These are eight views of four clips, shuffled. Which two belong
# together? The network has to answer this for all views of its batch. The solution is below.

# %%
game = dataclasses.replace(config, augment="rrc,compress,level,fader,equalise,specaugment", seed=5)
pairs = game.pairs(store)
clip_ids = np.array([longest_clip(name) for name in ("bell", "bird", "engine", "chirp")])
excerpts = pairs.copy(clip_ids, pairs.start_words(0).numpy()[:4])
views = make_views(game)(excerpts, step_seed(5, 0)).numpy().reshape(8, 101, 96)  # [8, T, F]
shuffled = np.random.default_rng(1).permutation(8)

figure, axes = plt.subplots(2, 4, figsize=(13, 5.5), sharex=True, sharey=True, layout="constrained")
for letter, axis, number in zip("ABCDEFGH", axes.flat, shuffled):
  image = draw_log_mel(axis, views[number], log_mel, letter, **LIMITS)
name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %%
sounds = {
  letter: showing.sound_of(views[number], log_mel) for letter, number in zip("ABCDEFGH", shuffled)
}
showing.players(sounds, config.sample_rate_hz)

# %%
for clip, label in enumerate(store.labels(clip_ids)):
  letters = [letter for letter, number in zip("ABCDEFGH", shuffled) if number // 2 == clip]
  print(f"{' and '.join(letters)}: {label}")

# %% [markdown]
# The chirps in A, B and G and the bird in D come from mix-back, and hold no more than 5 % of the
# energy. The logarithm makes them as conspicuous to the network as they are to your eye. The
# network has to learn that they do not make two views a pair.
#
# ## What helps
#
# Which augmentations help depends on the data. Whatever separates your clips but does not interest
# you should differ between the views; what interests you must not. How to measure what a view is
# worth: [learning from little audio](../docs/learning-from-little-audio.md).
#
# ## Try next
#
# - Try other parameters, such as `dataclasses.replace(config, level_db_max=30.0)`, or other
#   `SEEDS`.
# - Train with views of your choice: `python -m mixback.train --augment=rrc,specaugment
#   --mix=within_clip --positives=separated`. The run's `plots/pairs.png` shows them.
# - Continue with [03_evaluate_an_encoder](03_evaluate_an_encoder.ipynb): what has been learned?
