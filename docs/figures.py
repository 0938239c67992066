"""python docs/figures.py: draws the figure of the README from a synthetic clip."""

import pathlib

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cola.config import Config
from contrastive_audio.cli.main import start_tensorflow
from contrastive_audio.datasets import synthetic
from contrastive_audio.frontend.drawing import draw_log_mel
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.sound import reading
from contrastive_audio.utils.figures import BLUE, ORANGE

CLIPS = {"bird": 0, "siren": 1, "clicks": 2, "bell": 5}  # class -> seed
EXCERPTS = {"anchor": (0.15, BLUE), "positive": (1.0, ORANGE)}  # name -> (start in s, colour)
RATE_HZ = Config.sample_rate_hz
DARK = "#444444"
ARROW = {"arrowstyle": "->", "color": DARK}


def main() -> None:
  start_tensorflow()
  front_end = Config().front_end()
  bird = clip("bird")
  log_mels = front_end(cut_excerpts(bird, front_end.num_samples)).numpy()  # [2, T, F]
  figure = Figure(figsize=(11, 3.6))
  grid = figure.add_gridspec(
    2, 6, width_ratios=[2.6, 0.1, 1.7, 1.6, 0.25, 2.4], wspace=0.42, hspace=0.3
  )
  draw_wave(figure.add_subplot(grid[:, 0]), bird, front_end.num_samples)
  for row, (_, colour) in enumerate(EXCERPTS.values()):
    draw_view(figure.add_subplot(grid[row, 2]), log_mels[row], front_end.log_mel, colour, row)
    draw_encoder(figure.add_subplot(grid[row, 3]), colour)
  draw_logits(figure.add_subplot(grid[:, 5]))
  path = pathlib.Path(__file__).parent / "cola.png"
  figure.savefig(path, dpi=130, bbox_inches="tight")


def clip(name: str) -> np.ndarray:
  """Returns two seconds of a class, float32 `[n]`."""
  wave = synthetic.make_clip(name, [synthetic.VERSION, 9, CLIPS[name]])
  return np.resize(reading.to_mono(wave, synthetic.SAMPLE_RATE_HZ, RATE_HZ), 2 * RATE_HZ)


def cut_excerpts(wave: np.ndarray, num_samples: int) -> np.ndarray:
  """Returns the excerpts `[2, N]` of a clip."""
  return np.stack(
    [wave[int(start_s * RATE_HZ) :][:num_samples] for start_s, _ in EXCERPTS.values()]
  )


def draw_wave(axis: Axes, wave: np.ndarray, num_samples: int) -> None:
  """Draws a clip, and marks its two excerpts."""
  axis.plot(np.arange(len(wave)) / RATE_HZ, wave, color=DARK, linewidth=0.4)
  for name, (start_s, colour) in EXCERPTS.items():
    axis.axvspan(start_s, start_s + num_samples / RATE_HZ, color=colour, alpha=0.25)
    axis.text(start_s + 0.08, 1.15 * wave.max(), name, color=colour)
  axis.set_ylim(-1.3 * wave.max(), 1.4 * wave.max())
  axis.set(xlabel="time (s)", ylabel="amplitude", yticks=[])
  axis.set_title("1  two excerpts of a clip")


def draw_view(axis: Axes, values: np.ndarray, log_mel: LogMel, colour: str, row: int) -> None:
  """Draws the log-mel `[T, F]` of an excerpt in a coloured frame."""
  draw_log_mel(axis, values, log_mel)
  axis.set(xticks=[0, 0.5], ylabel="frequency (Hz)")
  axis.tick_params(axis="y", labelsize=8)
  axis.set(xlabel="time (s)" if row else "", title="" if row else "2  log-mels")
  for spine in axis.spines.values():
    spine.set(color=colour, linewidth=2)


def draw_encoder(axis: Axes, colour: str) -> None:
  """Draws the encoder as a box between two arrows."""
  axis.axis("off")
  style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
  text = "EfficientNet-B0\n$\\downarrow$\nprojection"
  axis.text(0.5, 0.5, text, ha="center", va="center", bbox=style, transform=axis.transAxes)
  axis.annotate("", (0.02, 0.5), (-0.22, 0.5), xycoords="axes fraction", arrowprops=ARROW)
  axis.annotate("", (1.3, 0.5), (0.98, 0.5), xycoords="axes fraction", arrowprops=ARROW)


def draw_logits(axis: Axes) -> None:
  """Draws the similarities of a batch, of which the diagonal is to be largest."""
  names = list(CLIPS)
  axis.imshow(np.eye(len(names)), cmap="Greys", vmin=0, vmax=1.6)
  axis.set_xticks(range(len(names)), names, rotation=30, color=ORANGE)
  axis.set_yticks(range(len(names)), names, color=BLUE)
  axis.set_xlabel("positives", color=ORANGE)
  axis.set_ylabel("anchors", color=BLUE)
  axis.set_title("3  each anchor must find its\npositive in the batch: $x^T W\\, x'$")


if __name__ == "__main__":
  main()
