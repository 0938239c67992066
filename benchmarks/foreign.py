"""python -m benchmarks.foreign: does the recipe `small` help on sounds it was not chosen on?

Two folders are made, 1,200 clips each: the project's synthetic set with another seed, and classes
that it does not have (vowels, rhythms, flutters). Half of the clips pre-train, without labels, and
then train a linear classifier; the others test it. It can be stopped and started again.
"""

import csv
import os

import numpy as np
import soundfile
from absl import flags

from benchmarks import recipes
from contrastive_audio.cli import flags, main
from contrastive_audio.datasets import synthetic
from contrastive_audio.utils.files import make_folder, replacing
from downstream import tables, tasks
from downstream.papers.laboratory import Laboratory, Measurement
from downstream.papers.tables import Table, Variant

CONDITIONS = recipes.conditions(["1", "10", "all"])
CLIPS_PER_CLASS = 120
TEST_EVERY = 2
RATE_HZ = synthetic.SAMPLE_RATE_HZ
FORMANTS_HZ = {  # of five vowels, after textbooks
  "a": (700, 1220, 2600),
  "e": (400, 2000, 2550),
  "i": (270, 2290, 3010),
  "o": (450, 800, 2830),
  "u": (300, 870, 2240),
}
RHYTHMS = {"dotted": (0.75, 0.25), "gallop": (0.5, 0.25, 0.25), "even": (0.5, 0.5)}  # of a beat
FLUTTERS_HZ = {"slow": (3, 6), "fast": (10, 20)}


def main(_):
  values = flags.FLAGS.flag_values_dict()
  seeds, folder = [int(seed) for seed in values["seeds"]], values["runs_dir"]
  laboratory = Laboratory(folder, "small", values)
  for name, makers in (("other seed", synthetic_makers()), ("other classes", foreign_makers())):
    dataset = f"folder:{write(os.path.join(folder, name.replace(' ', '-')), makers)}"
    scores = measure(laboratory, dataset, seeds)
    columns = [condition.name for condition in CONDITIONS]
    known = np.full([len(VARIANTS), len(columns) + 1], np.nan)
    results = tables.Results(list(VARIANTS), columns, scores, known)
    table = Table(f"synthetic sounds, {name}", [Variant(v, None) for v in VARIANTS], (), False)
    path = os.path.join(folder, f"foreign-{name.replace(' ', '-')}")
    tables.show(table, results, seeds, path, draw_published=False)


VARIANTS = {
  "log-mel statistics": None,
  "random weights": ("cola", True),
  "COLA small": ("cola", False),
  "random weights of mix-back": ("mixback", True),
  "mix-back small": ("mixback", False),
}


def measure(laboratory, dataset, seeds):
  """Returns float `[variants, conditions, seeds]` in %."""
  scores = np.empty([len(VARIANTS), len(CONDITIONS), len(seeds)])
  for row, variant in enumerate(VARIANTS.values()):
    for column, condition in enumerate(CONDITIONS):
      measurement = Measurement(_model(variant, dataset), "linear", dataset, condition)
      scores[row, column] = [laboratory.measure(measurement, seed) for seed in seeds]
  return scores


def _model(variant, dataset):
  if variant is None:
    return "logmel_stats"
  system, random = variant
  options = (("recipe", "small"), ("split", "train"))
  return recipes.Pretraining(system, options, random, dataset)


def write(folder, makers):
  """Writes a folder of clips, unless it is there; returns the path of its CSV.

  Args:
    folder: where to.
    makers: class name -> `(rng, time_s [n]) -> event [n]`.
  """
  path = os.path.join(folder, "clips.csv")
  if os.path.exists(path):
    return path
  make_folder(folder)
  rows = [["file", "label", "split"]]
  for number, (name, make) in enumerate(makers.items()):
    for index in range(CLIPS_PER_CLASS):
      rng = np.random.default_rng([7, number, index])
      time_s = np.arange(int(rng.uniform(1.5, 3.0) * RATE_HZ)) / RATE_HZ
      file = f"{name}-{index:03d}.flac"
      clip = synthetic.record(make(rng, time_s), rng)
      soundfile.write(os.path.join(folder, file), clip, RATE_HZ)
      rows.append([file, name, "test" if index % TEST_EVERY == 0 else "train"])
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    csv.writer(file).writerows(rows)
  return path


def synthetic_makers():
  """Returns the classes of the project's set."""
  return synthetic.SOUNDS


def foreign_makers():
  """Returns ten classes that the project's set does not have."""
  makers = {f"vowel {name}": _vowel(formants) for name, formants in FORMANTS_HZ.items()}
  makers |= {f"rhythm {name}": _rhythm(parts) for name, parts in RHYTHMS.items()}
  return makers | {f"flutter {name}": _flutter(range_hz) for name, range_hz in FLUTTERS_HZ.items()}


def _vowel(formants_hz):
  """A voice of any pitch and size: harmonics, loud where they meet a formant."""

  def make(rng, time_s):
    pitch_hz, size = rng.uniform(90, 280), rng.uniform(0.9, 1.15)
    voice = np.zeros(len(time_s))
    for number in range(1, int(4000 / pitch_hz)):
      hz = number * pitch_hz
      gain = sum(1 / (1 + ((hz - size * f) / 90) ** 2) / (k + 1) for k, f in enumerate(formants_hz))
      voice += gain * np.sin(2 * np.pi * hz * time_s + rng.uniform(0, 2 * np.pi))
    return voice

  return make


def _rhythm(parts):
  """Strokes of any drum, at any tempo; only their order in time tells the class."""

  def make(rng, time_s):
    beat_s, ring_s = rng.uniform(0.35, 0.7), rng.uniform(0.01, 0.06)
    timbre = np.sin(2 * np.pi * rng.uniform(100, 3000) * time_s)
    timbre = timbre + rng.uniform(0, 1) * rng.standard_normal(len(time_s))
    onsets_s, track, onset_s = [], np.zeros(len(time_s)), -rng.uniform(0, beat_s)
    while onset_s < time_s[-1]:
      for part in parts:
        onsets_s.append(onset_s)
        onset_s += part * beat_s
    for begin_s in onsets_s:
      since_s = time_s - begin_s
      track += np.where(since_s >= 0, np.exp(-np.maximum(since_s, 0) / ring_s), 0)
    return track * timbre

  return make


def _flutter(range_hz):
  """Noise of any colour whose level trembles."""

  def make(rng, time_s):
    noise = np.convolve(rng.standard_normal(len(time_s)), rng.normal(size=8), "same")
    return noise * (1 + np.sin(2 * np.pi * rng.uniform(*range_hz) * time_s + rng.uniform(0, 6)))

  return make


def _define_flags():
  flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and the tables are kept.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_list("pretraining_tasks", None, "Not used here.")
  flags.DEFINE_string("pretraining_dataset", None, "Not used here.")
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
