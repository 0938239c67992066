"""The built-in default: sound events generated from a seed, written as FLAC files.

A person can tell the ten classes apart by ear. Within a class, pitch, timing, level, length and
background are random, so that none of these alone reveals the class.
"""

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import soundfile

from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.folder import open_folder
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder

SAMPLE_RATE_HZ = 22_050
VERSION = 1  # raise it whenever a sound changes: the files are generated once and kept


def open_synthetic(
  data_dir: str | None = None, clips_per_class: int = 32, seed: int = 0
) -> FileSource:
  """Generates the clips, unless they exist, and opens their folder.

  Args:
    data_dir: where the folder is kept; None: in the user's cache.
    clips_per_class: number of clips of each of the ten classes.
    seed: the same seed gives the same clips on every machine.

  Returns:
    A data set named "synthetic".

  Example:
    >>> source = open_synthetic(clips_per_class=1)
    >>> [clip.label for clip in source.clips(0, 4)]
    ['bell', 'bird', 'chirp', 'clicks']
  """
  parent = os.path.join(data_dir or cache_folder(), "synthetic")
  root = os.path.join(parent, f"v{VERSION}-seed{seed}-{clips_per_class}")
  if not os.path.isdir(root):
    make_folder(parent)
    _write(parent, root, clips_per_class, seed)
  source = open_folder(root)
  source.name = "synthetic"
  return source


def make_clip(class_name: str, seed: Sequence[int]) -> np.ndarray:
  """Generates one clip.

  Args:
    class_name: a key of SOUNDS.
    seed: integers that identify the clip.

  Returns:
    float32 `[n]` at SAMPLE_RATE_HZ, 1.5 to 3 s, peak below 1.

  Example:
    >>> clip = make_clip("siren", seed=[VERSION, 0, 8, 0])
    >>> 1.5 <= len(clip) / SAMPLE_RATE_HZ <= 3.0, bool(np.abs(clip).max() < 1)
    (True, True)
  """
  rng = np.random.default_rng(seed)
  num_samples = int(rng.uniform(1.5, 3.0) * SAMPLE_RATE_HZ)
  return record(SOUNDS[class_name](rng, np.arange(num_samples) / SAMPLE_RATE_HZ), rng)


def record(event: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Adds background noise to an event and sets a random level, as in a recording.

  Args:
    event: float `[n]`, at SAMPLE_RATE_HZ.
    rng: draws the noise and the levels.

  Returns:
    float32 `[n]`; the peak is between -25 and -1 dB of full scale.

  Example:
    >>> event = np.sin(np.arange(SAMPLE_RATE_HZ) / 10)
    >>> clip = record(event, np.random.default_rng(0))
    >>> bool(-25 <= 20 * np.log10(np.abs(clip).max()) <= -1)
    True
  """
  event = event * _fade(len(event)) / (np.abs(event).max() + 1e-9)
  event_to_background_db = rng.uniform(10, 35)
  background = _coloured_noise(rng, len(event), slope=rng.uniform(0, 1.5))
  background *= 10 ** (-event_to_background_db / 20) * np.std(event) / np.std(background)
  clip = event + background
  level_db = rng.uniform(-25, -1)
  return (clip * 10 ** (level_db / 20) / np.abs(clip).max()).astype(np.float32)


def _write(parent: str, root: str, clips_per_class: int, seed: int) -> None:
  """Writes all clips beside the final folder, then renames it, so that it is always complete."""
  unfinished = tempfile.mkdtemp(dir=parent)
  try:
    _write_clips(unfinished, clips_per_class, seed)
    os.chmod(unfinished, 0o755)
    os.rename(unfinished, root)
  except OSError:
    if not os.path.isdir(root):  # unless another process wrote it meanwhile
      raise
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)


def _write_clips(root: str, clips_per_class: int, seed: int) -> None:
  num_clips = clips_per_class * len(SOUNDS)
  with progress_bar.make(num_clips, "generating sounds", "clip") as progress:
    for class_index, class_name in enumerate(SOUNDS):
      folder = os.path.join(root, class_name)
      os.mkdir(folder)
      for index in range(clips_per_class):
        clip = make_clip(class_name, [VERSION, seed, class_index, index])
        soundfile.write(os.path.join(folder, f"{index:03d}.flac"), clip, SAMPLE_RATE_HZ)
        progress.update()


def _fade(num_samples: int, seconds: float = 0.02) -> np.ndarray:
  ramp = np.minimum(1, np.arange(num_samples) / (seconds * SAMPLE_RATE_HZ))
  return ramp * ramp[::-1]


def _coloured_noise(
  rng: np.random.Generator,
  num_samples: int,
  slope: float,
  low_hz: float = 20.0,
  high_hz: float = SAMPLE_RATE_HZ / 2,
) -> np.ndarray:
  """Returns noise whose power falls as 1 / f^slope inside a band."""
  fft_samples = 1 << (num_samples - 1).bit_length()
  spectrum = np.fft.rfft(rng.standard_normal(fft_samples))
  hz = np.fft.rfftfreq(fft_samples, 1 / SAMPLE_RATE_HZ)
  spectrum *= ((hz >= low_hz) & (hz <= high_hz)) / np.maximum(hz, 20.0) ** (slope / 2)
  return np.fft.irfft(spectrum)[:num_samples]


def _sine_of(frequency_hz: np.ndarray) -> np.ndarray:
  """Returns a sine whose frequency changes over time: its phase is the integral."""
  return np.sin(2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
  return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _onsets(rng: np.random.Generator, duration_s: float, gap_s: tuple[float, float]) -> list[float]:
  """Returns irregular times, the first near zero, each a random gap after the one before."""
  times, time_s = [], rng.uniform(0, 0.2)
  while time_s < duration_s - 0.1:
    times.append(time_s)
    time_s += rng.uniform(*gap_s)
  return times


def _decay(time_s: np.ndarray, onset_s: float, seconds: float) -> np.ndarray:
  since_s = time_s - onset_s
  return np.where(since_s >= 0, np.exp(-np.maximum(since_s, 0) / seconds), 0)


def _mix(sounds: Iterable[np.ndarray]) -> np.ndarray:
  return functools.reduce(np.add, sounds)


def _harmonic_tone(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """A steady note, as if sung: harmonics with a slight vibrato."""
  vibrato = 1 + rng.uniform(0, 0.01) * np.sin(2 * np.pi * rng.uniform(4, 7) * time_s)
  pitch_hz = _log_uniform(rng, 110, 600) * vibrato
  rolloff = rng.uniform(0.8, 2)
  return _mix(_sine_of(pitch_hz * k) / k**rolloff for k in range(1, 9))


def _chirp(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """Repeated sweeps from one frequency to another, upwards or downwards."""
  low_hz, high_hz = _log_uniform(rng, 200, 600), _log_uniform(rng, 2000, 6000)
  phase = (time_s / rng.uniform(0.4, 1.0) + rng.uniform()) % 1
  phase = phase if rng.uniform() < 0.5 else 1 - phase
  return _sine_of(low_hz * (high_hz / low_hz) ** phase)


def _noise_bursts(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """Short bursts of broadband noise with pauses."""
  noise = _coloured_noise(rng, len(time_s), 0.5, high_hz=rng.uniform(5000, 10_000))
  length_s = rng.uniform(0.06, 0.2)
  onsets = _onsets(rng, time_s[-1], (0.3, 0.8))
  return noise * sum((time_s >= t) & (time_s < t + length_s) for t in onsets)


def _clicks(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """Dry clicks at irregular times."""
  ring_hz = _log_uniform(rng, 1500, 5000)
  onsets = _onsets(rng, time_s[-1], (0.05, 0.4))
  return _mix(_decay(time_s, t, 0.003) * np.sin(2 * np.pi * ring_hz * (time_s - t)) for t in onsets)


def _siren(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """A tone that slowly rises and falls."""
  sway = np.sin(2 * np.pi * (rng.uniform(0.4, 1.2) * time_s + rng.uniform()))
  pitch_hz = _log_uniform(rng, 500, 1200) * 2 ** (rng.uniform(0.3, 0.7) * sway)
  return _mix(_sine_of(pitch_hz * k) / k for k in (1, 2, 3))


def _bird(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """High syllables with fast frequency modulation."""
  centre_hz, depth_hz = _log_uniform(rng, 2500, 5500), rng.uniform(300, 1200)
  rate_hz, song = rng.uniform(15, 45), np.zeros(len(time_s))
  for onset_s in _onsets(rng, time_s[-1], (0.2, 0.5)):
    length_s = rng.uniform(0.08, 0.2)
    envelope = np.exp(-(((time_s - onset_s - length_s / 2) / (length_s / 3)) ** 2))
    song += envelope * _sine_of(centre_hz + depth_hz * np.sin(2 * np.pi * rate_hz * time_s))
  return song


def _bell(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """Struck metal: inharmonic partials; the higher ones decay faster."""
  strike_hz = _log_uniform(rng, 250, 900)
  ratios = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.67, 3.01, 4.1]) * rng.uniform(0.98, 1.02, 8)
  ring_s = rng.uniform(0.4, 1.2)
  return _mix(
    _decay(time_s, onset_s, ring_s / ratio) * np.sin(2 * np.pi * strike_hz * ratio * time_s)
    for onset_s in _onsets(rng, time_s[-1], (0.7, 1.5))
    for ratio in ratios
  )


def _drum_rhythm(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """A steady beat of a low drum and a hiss."""
  beat_s, drum_hz = rng.uniform(0.25, 0.5), rng.uniform(60, 130)
  hiss = _coloured_noise(rng, len(time_s), 0.0, low_hz=4000)
  hiss /= np.abs(hiss).max()
  pattern = np.zeros(len(time_s))
  for beat in range(int(time_s[-1] / beat_s) + 1):
    onset_s = beat * beat_s
    pattern += _decay(time_s, onset_s, 0.08) * np.sin(2 * np.pi * drum_hz * (time_s - onset_s))
    pattern += 0.5 * _decay(time_s, onset_s + beat_s / 2, 0.03) * hiss
  return pattern


def _wind(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """Low noise that swells and fades."""
  noise = _coloured_noise(rng, len(time_s), rng.uniform(1.5, 2.5), high_hz=rng.uniform(600, 1800))
  swell = np.sin(2 * np.pi * (rng.uniform(0.2, 0.8) * time_s + rng.uniform()))
  return noise * (1 + rng.uniform(0.5, 0.9) * swell)


def _engine(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
  """A train of dull pulses, too fast to count."""
  firing_hz = rng.uniform(25, 60) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time_s))
  phase = (np.cumsum(firing_hz) / SAMPLE_RATE_HZ) % 1
  body = np.exp(-8 * phase) * np.sin(2 * np.pi * rng.uniform(3, 7) * phase)
  return body + 0.1 * _coloured_noise(rng, len(time_s), 1.0, high_hz=3000)


# Class -> (random generator, times in seconds `[n]`) -> the sound `[n]`.
SOUNDS: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
  "bell": _bell,
  "bird": _bird,
  "chirp": _chirp,
  "clicks": _clicks,
  "drum_rhythm": _drum_rhythm,
  "engine": _engine,
  "harmonic_tone": _harmonic_tone,
  "noise_bursts": _noise_bursts,
  "siren": _siren,
  "wind": _wind,
}
