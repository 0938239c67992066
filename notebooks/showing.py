"""What all notebooks share: players, figures, pictures of log-mels, and log-mels made audible.

Letters: n samples, T frames, F mel bands.
"""

import base64
import html
import io

from contrastive_audio.frontend.log_mel import (
  mel_filters,  # ours first: TensorFlow starts without messages
)

# isort: split
import IPython.display
import numpy as np
import soundfile
import tensorflow as tf
from matplotlib import pyplot as plt
from PIL import Image

DPI = 75  # small files; the figures stay legible
COLOURS = 200  # of a PNG, likewise
PEAK = 0.7  # of everything that is played
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)
_WINDOWS = {"hann": tf.signal.hann_window, "hamming": tf.signal.hamming_window}


def players(sounds, rate_hz, columns=4, same_level=True):
  """Shows an audio player for each sound.

  Args:
    sounds: dictionary, caption -> float `[n]`.
    rate_hz: their sample rate.
    columns: players of a row.
    same_level: bring each to the same peak; otherwise only what is too loud is made quieter.
  """
  cells = [_player(caption, wave, rate_hz, same_level) for caption, wave in sounds.items()]
  rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
  table = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
  IPython.display.display(IPython.display.HTML(f"<table>{table}</table>"))


def _player(caption, wave, rate_hz, same_level):
  peak = np.abs(wave).max() + 1e-9
  gain = PEAK / peak if same_level else min(1.0, PEAK / peak)
  file = io.BytesIO()
  soundfile.write(file, gain * np.asarray(wave), rate_hz, format="MP3")
  content = base64.b64encode(file.getvalue()).decode()
  source = f"data:audio/mpeg;base64,{content}"
  audio = f'<audio controls preload="metadata" style="width:200px" src="{source}"></audio>'
  return f'<td style="text-align:left">{html.escape(caption)}<br>{audio}</td>'


def figure(drawn):
  """Shows a matplotlib figure as PNG, and closes it."""
  full, small = io.BytesIO(), io.BytesIO()
  drawn.savefig(full, format="png", dpi=DPI, bbox_inches="tight")
  plt.close(drawn)
  Image.open(full).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(small, "PNG")
  IPython.display.display(IPython.display.Image(small.getvalue()))


def draw_log_mel(axis, values, log_mel, title="", **limits):
  """Draws a log-mel with its axes in seconds and Hz.

  Args:
    axis: of matplotlib.
    values: float `[T, F]`.
    log_mel: the LogMel layer they were made by.
    title: of the axis.
    **limits: vmin and vmax, of the colours.

  Returns:
    The image, for a colour bar.
  """
  values = np.asarray(values)
  duration_s = len(values) * log_mel.hop_samples / log_mel.sample_rate_hz
  extent = (0, duration_s, -0.5, log_mel.num_mels - 0.5)
  image = axis.imshow(
    values.T,
    origin="lower",
    aspect="auto",
    extent=extent,
    cmap="magma",
    interpolation="nearest",
    **limits,
  )
  shown_hz = [hz for hz in _TICKS_HZ if log_mel.fmin_hz <= hz <= log_mel.fmax_hz]
  axis.set_yticks(np.interp(shown_hz, centres_hz(log_mel), range(log_mel.num_mels)), shown_hz)
  axis.set_title(title, loc="left", fontsize=10)
  return image


def name_axes(axes):
  """Writes the units of log-mels at the left and the lower edge of a grid of axes."""
  for axis in axes[:, 0]:
    axis.set_ylabel("frequency (Hz)")
  for axis in axes[-1]:
    axis.set_xlabel("time (s)")


def centres_hz(log_mel):
  """Returns the centres of the mel bands of a LogMel layer, float `[F]`."""
  filters = _filters(log_mel)
  bins_hz = np.linspace(0, log_mel.sample_rate_hz / 2, len(filters))
  return bins_hz @ filters / filters.sum(axis=0)


def sound_of(values, log_mel, rounds=40):
  """Makes a log-mel audible; what it does not hold, such as phases, is guessed.

  Spectra that would give these mel bands, by multiplicative updates, then phases that fit to them
  and to each other, by the method of Griffin and Lim.

  Args:
    values: float `[T, F]`, not standardised.
    log_mel: the LogMel layer they were made by.
    rounds: of both methods.

  Returns:
    float32 `[n]` at the rate of the layer.
  """
  mel, filters = log_mel.expand(tf.constant(values, tf.float32)), tf.constant(_filters(log_mel))
  bins = wanted = tf.matmul(tf.nn.relu(mel), filters, transpose_b=True)
  for _ in range(rounds):
    found = tf.matmul(tf.matmul(bins, filters), filters, transpose_b=True)
    bins *= tf.math.divide_no_nan(wanted, found)
  return _with_phases(bins ** (1 / log_mel.power), log_mel, rounds).numpy()


def _with_phases(magnitudes, log_mel, rounds):
  sizes = log_mel.frame_samples, log_mel.hop_samples, log_mel.fft_samples
  window = _WINDOWS[log_mel.window]
  inverse = tf.signal.inverse_stft_window_fn(log_mel.hop_samples, window)
  phases = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitudes.shape).astype(np.float32)
  for _ in range(rounds + 1):
    spectra = tf.complex(magnitudes * tf.cos(phases), magnitudes * tf.sin(phases))
    wave = tf.signal.inverse_stft(spectra, *sizes, window_fn=inverse)
    phases = tf.math.angle(tf.signal.stft(wave, *sizes, window_fn=window))
  return wave


def _filters(log_mel):
  num_bins = 1 + log_mel.fft_samples // 2
  edges_hz = log_mel.fmin_hz, log_mel.fmax_hz
  return mel_filters(
    log_mel.mel_scale, log_mel.num_mels, num_bins, log_mel.sample_rate_hz, *edges_hz
  )


def table(header, rows):
  """Shows a table.

  Args:
    header: names of the columns.
    rows: a list of lists of texts.
  """
  lines = ["".join(f"<th>{html.escape(name)}</th>" for name in header)]
  lines += ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
  content = "".join(f"<tr>{line}</tr>" for line in lines)
  IPython.display.display(IPython.display.HTML(f"<table>{content}</table>"))
