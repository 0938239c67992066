"""Made-up field recordings: sounds at known times in noise and rain.

A recording is pink noise in its first half and rain in its second. Sounds of ESC-10 and of
instruments are pasted into it, without overlap, each class equally often. Their signal-to-noise
ratio is that of their mean power and that of the background. Sounds and rain of the test are those
that the tasks esc10_fold5 and instrument test on: no recording of a sound is on both sides.

  train/00.flac ...   each sound with a signal-to-noise ratio of its own
  test/00dB.flac ...  one for each signal-to-noise ratio
  events.json         when what is heard; written last
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import soundfile

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.utils.files import make_folder, read_json, replacing, write_json
from downstream.cards.opening import open_task
from downstream.choices import TaskChoice

RATE_HZ = 16_000
SNRS_DB = (0, 5, 10, 15, 20)
RAIN = "002 - Rain"
# Task -> classes of it; those of ESC-10 that are no background themselves.
CLASSES = {
  "esc10_fold5": ("001 - Dog bark", "004 - Baby cry", "006 - Person sneeze", "008 - Chainsaw",
                  "009 - Rooster"),
  "instrument": ("cello", "flute", "oboe", "saxophone", "trombone"),
}  # fmt: skip
_EVENTS = "events.json"
_BACKGROUND_RMS = 0.01  # so that sounds of 20 dB seldom reach full scale
_LONGEST_S, _SHORTEST_S, _FADE_S = 3.0, 0.3, 0.01  # of a sound
_QUIET_DB = -30.0  # below the loudest 50 ms of a sound: it has not begun, or is over
_SECONDS_PER_EVENT = 12
_FEWEST_S = 1.5  # between two sounds


@dataclasses.dataclass(frozen=True)
class Event:
  """A sound in a recording.

  Attributes:
    file: name of the recording, relative to the folder.
    start_s: where it begins.
    end_s: where it ends.
    label: its class.
    snr_db: its signal-to-noise ratio.

  Example:
    >>> Event("train/00.flac", 2.0, 3.5, "dog", 10.0).end_s
    3.5
  """

  file: str
  start_s: float
  end_s: float
  label: str
  snr_db: float


@dataclasses.dataclass(frozen=True)
class Sounds:
  """What recordings are made of.

  Attributes:
    events: class -> waves, float `[n]` each.
    rain: waves of rain.

  Example:
    >>> Sounds({"dog": [np.ones(9)]}, rain=[np.ones(9)]).rain[0].shape
    (9,)
  """

  events: dict[str, list[np.ndarray]]
  rain: list[np.ndarray]


def read_sounds(audio_root: str, location: DataLocation) -> dict[str, Sounds]:
  """Reads the sounds of both sides: "train" and "test".

  Args:
    audio_root: folder that holds the folders esc10 and philharmonia.
    location: where decoded clips are kept.
  """
  sounds = {side: Sounds({}, []) for side in ("train", "test")}
  for task, classes in CLASSES.items():
    data = open_task(TaskChoice(task, audio_root=audio_root), location, RATE_HZ)
    (split,) = data.splits(seed=0)
    for side, ids in (("train", split.train), ("test", split.test)):
      for clip in ids:
        label = data.clips.labels[clip]
        if label == RAIN:
          sounds[side].rain.append(data.store.wave(int(clip)))
        elif label in classes:
          sounds[side].events.setdefault(label, []).append(data.store.wave(int(clip)))
  return sounds


def known(folder: str) -> list[Event] | None:
  """Returns the events of recordings that `make` has written; None: it has not, or was stopped.

  Args:
    folder: of the recordings.

  Example:
    >>> known("no/such/folder") is None
    True
  """
  found = read_json(os.path.join(folder, _EVENTS))
  return None if found is None else [Event(**each) for each in found]


def make(
  folder: str, sounds: dict[str, Sounds], num_train: int, minutes: float, seed: int = 0
) -> list[Event]:
  """Writes the recordings; returns the events of all.

  Args:
    folder: where to write.
    sounds: see `read_sounds`.
    num_train: number of recordings to train on.
    minutes: length of each.
    seed: of everything that is drawn.

  Example:
    >>> rng = np.random.default_rng(0)
    >>> side = Sounds({"a": [rng.normal(size=8000)], "b": [np.ones(8000)]}, [np.ones(8000)])
    >>> events = make("scenes", {"train": side, "test": side}, num_train=1, minutes=0.5)
    >>> len(events), events[-1].file, events[-1].snr_db
    (12, 'test/20dB.flac', 20.0)
  """
  events: list[Event] = []
  names = [("train", f"{number:02d}", SNRS_DB) for number in range(num_train)]
  names += [("test", f"{snr_db:02d}dB", (snr_db,)) for snr_db in SNRS_DB]
  for number, (side, name, snrs_db) in enumerate(names):
    make_folder(os.path.join(folder, side))
    rng = np.random.default_rng([seed, number])
    wave, found = _recording(sounds[side], minutes, snrs_db, rng)
    file = f"{side}/{name}.flac"
    with replacing(os.path.join(folder, file)) as unfinished:
      soundfile.write(unfinished, wave, RATE_HZ)
    events += [dataclasses.replace(each, file=file) for each in found]
  write_json(os.path.join(folder, _EVENTS), [dataclasses.asdict(each) for each in events])
  return events


def _recording(
  sounds: Sounds, minutes: float, snrs_db: Sequence[float], rng: np.random.Generator
) -> tuple[np.ndarray, list[Event]]:
  """Returns a wave, and what is heard when in it."""
  total = round(60 * minutes * RATE_HZ)
  half = total // 2
  wave = np.concatenate([pink_noise(half, rng), _looped(sounds.rain, total - half, rng)])
  labels = sorted(sounds.events)
  labels *= max(1, round(60 * minutes / _SECONDS_PER_EVENT / len(labels)))
  rng.shuffle(labels)
  cuts = [cut_event(_one_of(sounds.events[label], rng)) for label in labels]
  events = []
  for label, cut, start in zip(labels, cuts, _starts(cuts, total, rng)):
    snr_db = float(rng.choice(snrs_db))
    wave[start : start + len(cut)] += _at_level(cut, snr_db)
    end = start + len(cut)
    events.append(Event("", start / RATE_HZ, end / RATE_HZ, label.rpartition(" - ")[2], snr_db))
  peak = np.abs(wave).max()
  return (wave / max(1.0, peak / 0.99)).astype(np.float32), events


def cut_event(wave: np.ndarray) -> np.ndarray:
  """Returns a sound from where it begins, up to 3 s of it, without silence at the end.

  Args:
    wave: float `[n]`.

  Example:
    >>> wave = np.concatenate([np.zeros(8000), np.ones(12_000), np.zeros(60_000)])
    >>> len(cut_event(wave)) / RATE_HZ
    0.75
  """
  frame = RATE_HZ // 20
  frames = np.resize(wave, [max(1, len(wave) // frame), frame])
  power = np.mean(frames.astype(np.float64) ** 2, axis=1)
  loud = np.flatnonzero(power > power.max() * 10 ** (_QUIET_DB / 10))
  first = int(loud[0]) if len(loud) else 0
  loud = loud[loud < first + round(_LONGEST_S * RATE_HZ) // frame]
  last = int(loud[-1]) if len(loud) else 0
  end = max((last + 1) * frame, first * frame + round(_SHORTEST_S * RATE_HZ))
  cut = wave[first * frame : end].copy()
  fade = np.linspace(0, 1, min(len(cut) // 2, round(_FADE_S * RATE_HZ)))
  cut[: len(fade)] *= fade
  cut[len(cut) - len(fade) :] *= fade[::-1]
  return cut


def pink_noise(count: int, rng: np.random.Generator) -> np.ndarray:
  """Returns noise whose power falls by 3 dB per octave, float `[count]`, at the background's level.

  Args:
    count: of samples.
    rng: draws it.

  Example:
    >>> float(np.std(pink_noise(16_000, np.random.default_rng(0))).round(3))
    0.01
  """
  spectrum = np.fft.rfft(rng.normal(size=count))
  spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 50))
  return _at_level(np.fft.irfft(spectrum, count), 0.0)


def _looped(waves: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
  """Returns waves in random order, each at the background's level, faded into one another."""
  fade = np.sqrt(np.linspace(0, 1, RATE_HZ // 4))
  joined = np.zeros(count + len(fade))
  position = 0
  while position < count:
    wave = _at_level(_one_of(waves, rng), 0.0)
    fades = fade[: len(wave) // 2]
    wave[: len(fades)] *= fades
    wave[len(wave) - len(fades) :] *= fades[::-1]
    part = wave[: len(joined) - position]
    joined[position : position + len(part)] += part
    position += len(wave) - len(fades)
  return joined[:count]


def _starts(cuts: Sequence[np.ndarray], total: int, rng: np.random.Generator) -> Sequence[int]:
  """Returns where sounds begin, so that none overlap; they have to fit."""
  lengths = np.array([len(cut) for cut in cuts])
  fewest = round(_FEWEST_S * RATE_HZ)
  free = total - lengths.sum() - fewest * (len(cuts) + 1)
  if free < 0:
    raise ValueError(f"{len(cuts)} sounds of {lengths.sum() / RATE_HZ:.0f} s do not fit")
  gaps = np.diff(np.sort(rng.integers(0, free + 1, len(cuts))), prepend=0)
  return (np.cumsum(gaps + fewest) + np.cumsum(lengths) - lengths).tolist()


def _one_of(waves: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
  return waves[int(rng.integers(len(waves)))]


def _at_level(wave: np.ndarray, snr_db: float) -> np.ndarray:
  """Returns a wave with so much more power than the background."""
  rms = np.sqrt(np.mean(wave.astype(np.float64) ** 2)) + 1e-12
  return wave * (_BACKGROUND_RMS * 10 ** (snr_db / 20) / rms)
