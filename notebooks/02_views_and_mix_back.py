# %% [markdown]
# # 2. Views and mix-back
#
# A contrastive encoder learns to ignore whatever differs between two **views** of a clip, and to
# keep whatever they share and other clips lack. So the views decide what is learnt. This notebook
# shows, and plays, all that this project can do to make one: the choice of patches, mix-back
# (Fonseca and others, 2021), and nine augmentations.

# %%
from contrastive_audio.datasets.synthetic import open_synthetic
from contrastive_audio.store import preparation  # ours first: TensorFlow starts without messages
from contrastive_audio.training.contrastive import step_seed
from contrastive_audio.views import augment
from mixback.config import Config
from mixback.mixing import mix_back
from mixback.model import make_views

# isort: split
import dataclasses

import numpy as np
import showing
from matplotlib import pyplot as plt

# %% tags=["parameters"]
CLIPS_PER_CLASS = 8

# %%
store = preparation.prepare(open_synthetic(clips_per_class=CLIPS_PER_CLASS), 22_050)
config = Config(batch_size=8)  # otherwise the paper of mix-back; raw log-mels, not standardised
front_end = config.front_end()
log_mel = front_end.log_mel
LIMITS = {"vmin": -3, "vmax": 4}  # of all colours: log10 of energy


def longest_clip(name):
  """The number of the longest clip of a class."""
  ids = np.flatnonzero(np.array(store.labels()) == name)
  return ids[store.num_samples[ids].argmax()]


# %% [markdown]
# ## Which two patches
#
# A patch is one second, 101 frames. Both may be anywhere in the clip (`random`, the paper), the
# same (`same`), or as far from each other as a patch is long, or the clip allows (`separated`).

# %%
clip_ids = np.array([longest_clip("bird")])
words = np.array([[1_300_000_000, 3_100_000_000]], np.uint32)  # what a step would draw
figure, axes = plt.subplots(2, 3, figsize=(11, 4.5), sharey=True, layout="constrained")
for column, positives in zip(axes.T, ["random", "same", "separated"]):
  pairs = dataclasses.replace(config, positives=positives).pairs(store)
  for axis, patch, name in zip(column, front_end(pairs.copy(clip_ids, words))[0], ["one", "other"]):
    image = showing.draw_log_mel(axis, patch, log_mel, f"{positives}: {name} patch", **LIMITS)
showing.name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# ## Mix-back
#
# A little of another clip is mixed behind each view, so that two views of a clip share the event
# in the foreground, but not the background. Both are brought to the same energy first; the share
# of the background is drawn from 0 to 5 % of the energy, which is 13 dB below the foreground or
# less. A half, far more than the paper takes, shows what happens.

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
  image = showing.draw_log_mel(axis, log_mel.compress(energy), log_mel, title, **LIMITS)
showing.name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# Mixing energies of log-mels is nearly the same as mixing waves, and waves can be listened to. At
# 5 % the bird is there, if you know it:

# %%
siren, bird = waves[:, 0]
ratio = np.sqrt(np.sum(foreground) / np.sum(background))
sounds = {"foreground: siren": siren, "background: bird": bird * ratio}
for share in SHARES:
  mix = np.sqrt(1 - share) * siren + np.sqrt(share) * ratio * bird
  sounds[f"mix, {100 * share:.0f} % bird"] = mix
showing.players(sounds, config.sample_rate_hz)

# %% [markdown]
# ## Nine augmentations
#
# All work on the log-mel. Each pair of pictures below is one of them: what it makes of the siren,
# and by how much each point changes, in dB. The numbers are those of `AugmentConfig`.
#
# | name | what it does | what the encoder is to ignore |
# |---|---|---|
# | `rrc` | cuts out 80 to 100 % of the area and stretches it | tempo, pitch, exact place |
# | `compress` | multiplies the log-mel by 0.75 to 1 | dynamics |
# | `noise` | adds Gaussian noise of at most 0.01: a tenth of a dB, as published | nearly nothing |
# | `specaugment` | hides some frames and some bands | any single part |
# | `time_shift` | rolls in time | when |
# | `frequency_shift` | rolls in frequency | pitch |
# | `level` | up to 13 dB louder or quieter | loudness |
# | `fader` | moves the level from one end to the other | fading in and out |
# | `equalise` | colours the spectrum | microphone and room |
#
# The paper of mix-back takes the first three, the recipe `small` level and equaliser, and for COLA
# masks.

# %%
NAMES = ("rrc", "compress", "noise", "specaugment", "time_shift", "frequency_shift", "level")
NAMES += ("fader", "equalise")
SEEDS = {"rrc": 3, "fader": 2, "level": 1}  # otherwise 0: draws that show something
patch = log_mel.compress(foreground)  # [1, T, F]
views = {
  name: augment.augmentation(config, name)(patch, step_seed(SEEDS.get(name, 0), 0))[0] for name in NAMES
}

figure, axes = plt.subplots(3, 6, figsize=(15, 7), sharex=True, sharey=True, layout="constrained")
for (left, right), (name, view) in zip(axes.reshape(9, 2), views.items()):
  image = showing.draw_log_mel(left, view, log_mel, name, **LIMITS)
  change_db = (view - patch[0]) / log_mel.decibel
  change = showing.draw_log_mel(right, change_db, log_mel, "change", vmin=-20, vmax=20)
  change.set_cmap("PuOr_r")
showing.name_axes(axes)
figure.colorbar(image, ax=axes[:, :3], label="log10 of energy", location="bottom", fraction=0.03)
figure.colorbar(change, ax=axes[:, 3:], label="change (dB)", location="bottom", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# Made audible again from the log-mels, all at the level they have (phases are guessed, hence a
# metallic sound). `rrc` and `frequency_shift` change the pitch; `level` and `fader` are easily
# heard and leave every other thing as it was; `noise` cannot be heard at all.

# %%
sounds = {"no augmentation": showing.sound_of(patch[0], log_mel)}
sounds |= {name: showing.sound_of(view, log_mel) for name, view in views.items()}
loudest = max(np.abs(wave).max() for wave in sounds.values())
sounds = {name: wave / loudest for name, wave in sounds.items()}
showing.players(sounds, config.sample_rate_hz, columns=5, same_level=False)

# %% [markdown]
# ## Find the twins
#
# All of it together, as the network gets it: random patches, mix-back, then rrc, compression,
# level, fader, equaliser and masks. Eight views of four clips, shuffled. Which two belong
# together? The network has to say it among all views of its batch. The solution is below.

# %%
game = dataclasses.replace(config, augment="rrc,compress,level,fader,equalise,specaugment", seed=5)
pairs = game.pairs(store)
clip_ids = np.array([longest_clip(name) for name in ("bell", "bird", "engine", "chirp")])
excerpts = pairs.copy(clip_ids, pairs.start_words(0).numpy()[:4])
twins = make_views(game)(excerpts, step_seed(5, 0)).numpy()  # [4, 2, T, F]
shuffled = np.random.default_rng(1).permutation(8)

figure, axes = plt.subplots(2, 4, figsize=(13, 5.5), sharex=True, sharey=True, layout="constrained")
for letter, axis, number in zip("ABCDEFGH", axes.flat, shuffled):
  image = showing.draw_log_mel(axis, twins.reshape(8, 101, 96)[number], log_mel, letter, **LIMITS)
showing.name_axes(axes)
figure.colorbar(image, ax=axes, label="log10 of energy", fraction=0.03)
showing.figure(figure)

# %%
sounds = {
  letter: showing.sound_of(twins.reshape(8, 101, 96)[number], log_mel)
  for letter, number in zip("ABCDEFGH", shuffled)
}
showing.players(sounds, config.sample_rate_hz)

# %%
for clip, label in enumerate(store.labels(clip_ids)):
  pair = [letter for letter, number in zip("ABCDEFGH", shuffled) if number // 2 == clip]
  print(f"{' and '.join(pair)}: {label}")

# %% [markdown]
# The chirps in A, B and G and the bird in D are no more than 5 % of the energy, put there by
# mix-back. The logarithm makes them as conspicuous to the network as they are to your eye, and it
# has to learn that they are no reason to call two views twins.
#
# ## What helps
#
# Which of these help depends on the data: what separates your clips, and is not what you are
# after, should differ between views; what you are after must not. In the short trainings of the
# README mix-back seems to help a little, and the choice of patches makes no difference that is
# larger than the spread of three seeds.
#
# ## Try next
#
# - Other numbers: `dataclasses.replace(config, level_db_max=30.0)`, other seeds in `SEEDS`.
# - Train with views of your choice: `python -m mixback.train --augment=rrc,specaugment
#   --mix=within_clip --positives=separated`. The run's `plots/pairs.png` shows them.
# - [03_judge_an_encoder](03_judge_an_encoder.ipynb): what has been learnt?
