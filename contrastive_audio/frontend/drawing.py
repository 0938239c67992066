"""Log-mels as pictures, with axes in seconds and Hz.

Letters: T frames, F mel bands.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.utils.figures import plain

_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)


def draw_log_mel(
  axis: Axes, values: Any, log_mel: LogMel, title: str = "", **limits: Any
) -> AxesImage:
  """Draws a log-mel with its axes in seconds and Hz.

  Args:
    axis: of matplotlib.
    values: float `[T, F]`.
    log_mel: the layer that computed them.
    title: of the axis.
    **limits: vmin and vmax, of the colours.

  Returns:
    The image, for a colour bar.

  Example:
    >>> from contrastive_audio.utils import figures
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> figure, axis = figures.subplots()
    >>> image = draw_log_mel(axis, np.zeros([96, 64]), log_mel)
    >>> [text.get_text() for text in axis.get_yticklabels()]
    ['250', '500', '1000', '2000', '4000']
    >>> float(axis.get_xlim()[1])
    0.96
  """
  values = np.asarray(values)
  duration_s = len(values) * log_mel.hop_samples / log_mel.sample_rate_hz
  image = axis.imshow(
    values.T,
    origin="lower",
    aspect="auto",
    extent=(0, duration_s, -0.5, log_mel.num_mels - 0.5),
    cmap="magma",
    interpolation="nearest",
    **limits,
  )
  ticks_hz = [hz for hz in _TICKS_HZ if log_mel.fmin_hz <= hz <= log_mel.fmax_hz]
  bands = np.interp(ticks_hz, log_mel.centres_hz(), range(log_mel.num_mels))
  axis.set_yticks(bands, [str(hz) for hz in ticks_hz])
  axis.set_title(plain(title), loc="left", fontsize=10)
  return image


def name_axes(axes: np.ndarray) -> None:
  """Writes the units of log-mels at the left and the lower edge of a grid of axes.

  Args:
    axes: of matplotlib, `[rows, columns]`.

  Example:
    >>> from contrastive_audio.utils import figures
    >>> _, axes = figures.subplots(2, 2)
    >>> name_axes(axes)
    >>> axes[1, 0].get_xlabel(), axes[1, 0].get_ylabel(), axes[0, 1].get_ylabel()
    ('time (s)', 'frequency (Hz)', '')
  """
  for axis in axes[:, 0]:
    axis.set_ylabel("frequency (Hz)")
  for axis in axes[-1]:
    axis.set_xlabel("time (s)")
