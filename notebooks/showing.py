"""What all notebooks share: players, figures, tables, and log-mels made audible.

Letters: n samples, T frames, F mel bands, K bins of a spectrum.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import IPython.display
import numpy as np
import soundfile
import tensorflow as tf
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from contrastive_audio.frontend.log_mel import LogMel, mel_filters

DPI = 75  # small files; the figures stay legible
COLOURS = 200  # of a PNG, for the same reason
PEAK = 0.7  # of everything that is played
_WINDOWS = {"hann": tf.signal.hann_window, "hamming": tf.signal.hamming_window}


def players(
  sounds: Mapping[str, Any], rate_hz: int, columns: int = 4, same_level: bool = True
) -> None:
  """Shows an audio player for each sound.

  Args:
    sounds: caption -> float `[n]`.
    rate_hz: their sample rate.
    columns: players in a row.
    same_level: bring each to the same peak; otherwise only what is too loud is made quieter.
  """
  cells = [_player(caption, wave, rate_hz, same_level) for caption, wave in sounds.items()]
  rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
  content = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
  IPython.display.display(IPython.display.HTML(f"<table>{content}</table>"))


def _player(caption: str, wave: Any, rate_hz: int, same_level: bool) -> str:
  peak = np.abs(wave).max() + 1e-9
  gain = PEAK / peak if same_level else min(1.0, PEAK / peak)
  file = io.BytesIO()
  soundfile.write(file, gain * np.asarray(wave), rate_hz, format="MP3")
  content = base64.b64encode(file.getvalue()).decode()
  source = f"data:audio/mpeg;base64,{content}"
  audio = f'<audio controls preload="metadata" style="width:200px" src="{source}"></audio>'
  return f'<td style="text-align:left">{html.escape(caption)}<br>{audio}</td>'


def figure(drawn: Figure) -> None:
  """Shows a matplotlib figure as PNG, and closes it."""
  full, small = io.BytesIO(), io.BytesIO()
  drawn.savefig(full, format="png", dpi=DPI, bbox_inches="tight")
  plt.close(drawn)
  Image.open(full).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(small, "PNG")
  IPython.display.display(IPython.display.Image(small.getvalue()))


def sound_of(values: Any, log_mel: LogMel, rounds: int = 40) -> np.ndarray:
  """Makes a log-mel audible; what it does not hold, such as phases, is guessed.

  First it finds spectra with these mel bands, by multiplicative updates. Then it finds phases that
  are consistent with them and with each other, by the method of Griffin and Lim.

  Args:
    values: float `[T, F]`, not standardised.
    log_mel: the layer that computed them.
    rounds: iterations of both methods.

  Returns:
    float32 `[n]` at the rate of the layer.
  """
  mels, filters = log_mel.expand(tf.constant(values, tf.float32)), tf.constant(_filters(log_mel))
  spectra = target = tf.matmul(tf.nn.relu(mels), filters, transpose_b=True)  # [T, K]
  for _ in range(rounds):
    actual = tf.matmul(tf.matmul(spectra, filters), filters, transpose_b=True)
    spectra *= tf.math.divide_no_nan(target, actual)
  return _with_phases(spectra ** (1 / log_mel.power), log_mel, rounds).numpy()


def _with_phases(magnitudes: tf.Tensor, log_mel: LogMel, rounds: int) -> tf.Tensor:
  window = _WINDOWS[log_mel.window]
  inverse_window = tf.signal.inverse_stft_window_fn(log_mel.hop_samples, window)
  sizes = {
    "frame_length": log_mel.frame_samples,
    "frame_step": log_mel.hop_samples,
    "fft_length": log_mel.fft_samples,
  }
  phases = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitudes.shape).astype(np.float32)
  for _ in range(rounds + 1):
    spectra = tf.complex(magnitudes * tf.cos(phases), magnitudes * tf.sin(phases))
    wave = tf.signal.inverse_stft(spectra, **sizes, window_fn=inverse_window)
    phases = tf.math.angle(tf.signal.stft(wave, **sizes, window_fn=window))
  return wave


def _filters(log_mel: LogMel) -> np.ndarray:
  return mel_filters(
    log_mel.mel_scale,
    log_mel.num_mels,
    1 + log_mel.fft_samples // 2,
    log_mel.sample_rate_hz,
    fmin_hz=log_mel.fmin_hz,
    fmax_hz=log_mel.fmax_hz,
  )


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
  """Shows a table.

  Args:
    headings: names of the columns.
    rows: rows of cells, each as long as `headings`.
  """
  lines = ["".join(f"<th>{html.escape(name)}</th>" for name in headings)]
  lines += ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
  content = "".join(f"<tr>{line}</tr>" for line in lines)
  IPython.display.display(IPython.display.HTML(f"<table>{content}</table>"))
