"""python docs/figures.py: draws the picture of the README from a synthetic clip."""

import pathlib

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from cola.config import Config
from contrastive_audio.datasets import synthetic
from contrastive_audio.sound import reading

FIRST, SECOND = "#0072B2", "#D55E00"  # Okabe and Ito
BATCH = ("bird", "siren", "clicks", "bell")
STARTS_S = (0.15, 1.0)


def main():
  config = Config()
  front_end = config.front_end()
  seeds = {"bird": 0, "siren": 1, "clicks": 2, "bell": 5}
  waves = {name: clip(name, seeds[name], config.sample_rate_hz) for name in BATCH}
  excerpts = np.stack([cut(wave, front_end.num_samples) for wave in waves.values()])
  log_mels = front_end(excerpts).numpy()  # [4, 2, T, F]
  figure = plt.figure(figsize=(11, 3.6))
  grid = figure.add_gridspec(2, 5, width_ratios=[2.8, 1.7, 1.6, 0.25, 2.4], wspace=0.42, hspace=0.3)
  draw_wave(figure.add_subplot(grid[:, 0]), waves["bird"], front_end.num_samples)
  for row, colour in enumerate((FIRST, SECOND)):
    draw_log_mel(figure.add_subplot(grid[row, 1]), log_mels[0, row], colour, row)
    draw_box(figure.add_subplot(grid[row, 2]), colour)
  draw_logits(figure.add_subplot(grid[:, 4]))
  figure.savefig(pathlib.Path(__file__).parent / "cola.png", dpi=130, bbox_inches="tight")


def clip(name, seed, rate_hz):
  wave = synthetic.make_clip(name, [synthetic.VERSION, 9, seed])
  return np.resize(reading.to_mono(wave, synthetic.SAMPLE_RATE_HZ, rate_hz), 2 * rate_hz)


def cut(wave, num_samples, rate_hz=16_000):
  return np.stack([wave[int(s * rate_hz) :][:num_samples] for s in STARTS_S])


def draw_wave(axis, wave, num_samples, rate_hz=16_000):
  axis.plot(np.arange(len(wave)) / rate_hz, wave, color="#444444", linewidth=0.4)
  for start_s, colour, name in zip(STARTS_S, (FIRST, SECOND), ("anchor", "positive")):
    axis.axvspan(start_s, start_s + num_samples / rate_hz, color=colour, alpha=0.25)
    axis.text(start_s + 0.08, 1.15 * wave.max(), name, color=colour)
  axis.set_ylim(-1.3 * wave.max(), 1.4 * wave.max())
  axis.set(xlabel="time (s)", ylabel="amplitude", yticks=[])
  axis.set_title("1  two excerpts of a clip")


def draw_log_mel(axis, log_mel, colour, row):
  extent = (0, len(log_mel) * 0.01, 0, log_mel.shape[1])
  axis.imshow(log_mel.T, origin="lower", aspect="auto", cmap="magma", extent=extent)
  axis.set(xticks=[0, 0.5], yticks=[0, 32, 64], ylabel="mel band")
  axis.set(xlabel="time (s)" if row else "", title="" if row else "2  log-mels")
  for spine in axis.spines.values():
    spine.set(color=colour, linewidth=2)


def draw_box(axis, colour):
  axis.axis("off")
  style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
  text = "EfficientNet-B0\n$\\downarrow$\nprojection"
  axis.text(0.5, 0.5, text, ha="center", va="center", bbox=style, transform=axis.transAxes)
  axis.annotate("", (0.02, 0.5), (-0.22, 0.5), xycoords="axes fraction", arrowprops=ARROW)
  axis.annotate("", (1.3, 0.5), (0.98, 0.5), xycoords="axes fraction", arrowprops=ARROW)


ARROW = {"arrowstyle": "->", "color": "#444444"}


def draw_logits(axis):
  axis.imshow(np.eye(len(BATCH)), cmap="Greys", vmin=0, vmax=1.6)
  axis.set_xticks(range(len(BATCH)), BATCH, rotation=30, color=SECOND)
  axis.set_yticks(range(len(BATCH)), BATCH, color=FIRST)
  axis.set_xlabel("positives", color=SECOND)
  axis.set_ylabel("anchors", color=FIRST)
  axis.set_title("3  each anchor must find its\npositive in the batch: $x^T W\\, x'$")


if __name__ == "__main__":
  main()
