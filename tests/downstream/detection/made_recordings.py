"""Half a minute of noise with sounds of two classes at known times, and what a command detects."""

import csv

import numpy as np

from tests.support import command

RATE_HZ = 16_000
BANDS_HZ = {"high": (2500, 7000), "low": (100, 1500)}
BORDER_S = 0.6  # so near to the start or end of an event, a window of a second hears both
# File -> (class, start in s, end in s).
EVENTS = {
  "first.wav": [("low", 4.0, 6.0), ("high", 12.0, 15.0)],
  "second.wav": [("high", 0.0, 2.5), ("low", 26.5, 30.0)],
}


def noise(seconds, seed):
  return np.random.default_rng(seed).normal(0, 0.02, round(seconds * RATE_HZ)).astype("f")


def hiss(name, seconds, seed):
  """Noise in the band of a class, much louder than the background."""
  spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ)))
  hz = np.fft.rfftfreq(round(seconds * RATE_HZ), 1 / RATE_HZ)
  low_hz, high_hz = BANDS_HZ[name]
  spectrum[(hz < low_hz) | (hz > high_hz)] = 0
  return (0.2 * np.fft.irfft(spectrum, round(seconds * RATE_HZ))).astype("f")


def sound(name, seed):
  """A second of noise; in it a class that may begin late or end early, as in a window."""
  wave = noise(1, seed)
  if name == "noise":
    return wave
  heard = hiss(name, 0.5 + 0.1 * (seed % 6), seed)
  first = len(wave) - len(heard) if seed % 2 else 0
  wave[first : first + len(heard)] += heard
  return wave


OPTIONS = ["--model=logmel_stats", "--input=recordings", "--store_dir=stores"]
CLASSIFIER = ["--classifier=linear", "--ignore=noise"]


def detect(place, output, *options):
  return command("downstream.detect", *OPTIONS, f"--output={output}", *options, cwd=place)


def rows_of(path):
  with open(path, newline="") as file:
    reader = csv.DictReader(file)
    assert reader.fieldnames == ["file", "start_s", "end_s", "label", "score"]
    return list(reader)
