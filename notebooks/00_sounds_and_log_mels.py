# %% [markdown]
# # 0. Sounds and log-mels
#
# Everything in this project starts from two things: clips of sound, and the picture of them that
# a network receives, the **log-mel spectrogram**. In this notebook you listen to clips, look at
# their log-mels, and see what the parameters of the front end do.
#
# You need no data: the project includes a small synthetic set, generated from a seed.

# %%
from contrastive_audio.cli.main import start_tensorflow

start_tensorflow()  # imports TensorFlow without its start-up messages

# %%
import numpy as np
import showing
from matplotlib import pyplot as plt

from cola.config import Config
from contrastive_audio import LogMel
from contrastive_audio.datasets import synthetic
from contrastive_audio.frontend.drawing import draw_log_mel, name_axes
from contrastive_audio.sound import reading
from contrastive_audio.utils import figures

# %% [markdown]
# ## Ten classes of sound
#
# Pitch, timing, length, level and background are random in each clip. A person tells the classes
# apart without effort. So do simple statistics, as you will see: **this set shows that things
# work, not how good they are.**

# %%
config = Config()  # all parameters of the COLA paper


def clip(name, number=0):
  """One clip of a class, float32 [n] at the paper's 16 kHz."""
  wave = synthetic.make_clip(name, [synthetic.VERSION, 7, number])
  return reading.to_mono(wave, synthetic.SAMPLE_RATE_HZ, config.sample_rate_hz)


clips = {name: clip(name) for name in synthetic.SOUNDS}
showing.players(clips, config.sample_rate_hz, columns=5)

# %% [markdown]
# ## From waveform to log-mel
#
# `LogMel` cuts the wave into frames of 25 ms, one every 10 ms, and takes the magnitude of each
# frame's spectrum. It sums the magnitudes in 64 bands, which are narrow at low and wide at high
# frequencies, as in human hearing, and takes the logarithm. Before that, each excerpt is divided by
# its l2 norm, which makes a quiet recording look like a loud one.

# %%
front_end = config.front_end()
log_mel = front_end.log_mel


def picture(wave, layer=log_mel):
  """The log-mel [T, F] of a whole clip."""
  return layer(front_end.normalise(wave[None]))[0].numpy()


LIMITS = {"vmin": -6, "vmax": 1}  # of the colours: ln of magnitude
figure, axes = plt.subplots(
  2, 2, figsize=(11, 5.5), sharex="col", sharey="row", layout="constrained"
)
for column, name in zip(axes.T, ["bird", "siren"]):
  wave = clips[name]
  time_s = np.arange(len(wave)) / config.sample_rate_hz
  column[0].plot(time_s, wave, color=figures.BLUE, linewidth=0.5)
  column[0].set_title(f"{name}: waveform", loc="left", fontsize=10)
  image = draw_log_mel(column[1], picture(wave), log_mel, f"{name}: log-mel", **LIMITS)
  column[1].set_xlim(0, time_s[-1])
name_axes(axes)
axes[0, 0].set_ylabel("amplitude (1: full scale)")
figure.colorbar(image, ax=axes[1], label="ln of magnitude", fraction=0.03)
showing.figure(figure)

# %% [markdown]
# The waveform shows when the bird sings. The log-mel also shows what it sings: a warble around
# 4 kHz. The siren is a solid bar in the waveform, and three rising and falling harmonics in the
# log-mel. Here are all ten classes, with the same colour scale. Which would you confuse if you
# only had the pictures?

# %%
figure, axes = plt.subplots(2, 5, figsize=(14, 5), sharey=True, layout="constrained")
for axis, (name, wave) in zip(axes.flat, clips.items()):
  image = draw_log_mel(axis, picture(wave), log_mel, name, **LIMITS)
name_axes(axes)
figure.colorbar(image, ax=axes, label="ln of magnitude", fraction=0.02)
showing.figure(figure)

# %% [markdown]
# ## What hop, bands and floor do
#
# Each row changes one parameter of the front end and shows the paper's value beside others.
#
# - **Hop**: 5 ms costs twice the time and shows the same clicks slightly sharper. With 40 ms, two
#   clicks fall between the 25 ms frames and nearly vanish.
# - **Mel bands**: 16 blur the harmonics of the siren; 128 make them thinner and cost more to
#   compute.
# - **Floor**: values below it are raised to it. The paper's floor, 1e-5 (-11.5 in these
#   pictures), lies far below the noise of these clips: only digital silence reaches it. A high
#   floor hides the noise, and the quiet harmonics with it.

# %%
ROWS = {
  "clicks, hop": ("hop_samples", {80: "5 ms", 160: "10 ms (paper)", 640: "40 ms"}),
  "siren, bands": ("num_mels", {16: "16", 64: "64 (paper)", 128: "128"}),
  "harmonic_tone, floor": ("floor", {1e-5: "1e-5 (paper)", 0.1: "0.1", 0.3: "0.3"}),
}
figure, axes = plt.subplots(3, 3, figsize=(11, 7.5), sharex="row", layout="constrained")
for row, (name, (argument, values)) in zip(axes, ROWS.items()):
  for axis, (value, text) in zip(row, values.items()):
    layer = LogMel(**(log_mel.get_config() | {argument: value}))
    changed = picture(clips[name.split(",")[0]], layer)
    image = draw_log_mel(axis, changed, layer, f"{name} {text}", **LIMITS)
name_axes(axes)
figure.colorbar(image, ax=axes, label="ln of magnitude", fraction=0.02)
showing.figure(figure)

# %% [markdown]
# ## A quiet clip looks like a loud one
#
# The same clip, 30 dB quieter, has the same log-mel up to rounding:

# %%
loud = clips["bell"]
quiet = loud * 10 ** (-30 / 20)
difference = np.abs(picture(loud) - picture(quiet)).max()
print(f"peaks {np.abs(loud).max():.3f} and {np.abs(quiet).max():.4f}")
print(f"largest difference of the log-mels: {difference:.5f}")

# %% [markdown]
# ## Listen to what the network receives
#
# A log-mel discards the phase, and all detail within a band. `showing.sound_of` turns a log-mel
# back into a wave as well as it can, and guesses the phase. What is missing with 64 bands? And what
# is left of the melody with 16, where a band is wider than the distance between two harmonics?

# %%
coarse = LogMel(**(log_mel.get_config() | {"num_mels": 16}))
sounds = {}
for name in ("harmonic_tone", "bird", "bell"):
  sounds |= {
    f"{name}: original": clips[name],
    f"{name}: 64 bands": showing.sound_of(picture(clips[name]), log_mel),
    f"{name}: 16 bands": showing.sound_of(picture(clips[name], coarse), coarse),
  }
showing.players(sounds, config.sample_rate_hz, columns=3)

# %% [markdown]
# ## Try next
#
# - Use a recording of your own: `reading.read("file.mp3", 16_000)` in place of `clip("bird")`.
# - Use the front end of mix-back: `from mixback.config import Config`. It has 96 bands up to 10.5
#   kHz, and adds its floor instead of clipping at it.
# - Continue with [01_pretrain_with_cola](01_pretrain_with_cola.ipynb), where a network learns from
#   such pictures, without labels.
