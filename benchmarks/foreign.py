"""python -m benchmarks.foreign: measures the recipe `small` on sounds it was not chosen on.

It writes two folders of 1,200 clips each: the project's synthetic set with another seed, and
classes that this set does not have (vowels, rhythms, flutters). Half of the clips pre-train without
labels, and then train a linear classifier; the other half tests it. The same command resumes where
it was stopped.
"""

import csv
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import soundfile

from benchmarks.lib.laboratory_flags import define_laboratory_flags, laboratory_request
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.main import run_main
from contrastive_audio.datasets import synthetic
from contrastive_audio.utils.files import make_folder, replacing
from downstream.choices import Condition, parse_seeds
from downstream.papers.cells import Cell, arrange
from downstream.papers.measurement import Measurement, Pretraining
from downstream.papers.results import Results
from downstream.papers.run_health import remarks_on
from downstream.papers.stages import Stages
from downstream.papers.table import Table, Variant

EXAMPLES = (
  "python -m benchmarks.foreign",
  "python -m benchmarks.foreign --runs_dir=runs/foreign --seeds=0",
)
CONDITIONS = (Condition(1), Condition(10), Condition())
CLIPS_PER_CLASS = 120
TEST_EVERY = 2
RATE_HZ = synthetic.SAMPLE_RATE_HZ
FORMANTS_HZ = {  # of five vowels, from textbooks
  "a": (700, 1220, 2600),
  "e": (400, 2000, 2550),
  "i": (270, 2290, 3010),
  "o": (450, 800, 2830),
  "u": (300, 870, 2240),
}
RHYTHMS = {"dotted": (0.75, 0.25), "gallop": (0.5, 0.25, 0.25), "even": (0.5, 0.5)}  # in beats
FLUTTERS_HZ = {"slow": (3, 6), "fast": (10, 20)}

# `(rng, time_s [n]) -> event [n]`
Maker = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def main(_: Sequence[str]) -> None:
  request, seeds = laboratory_request(), parse_seeds(FLAGS.seeds)
  stages, tables = Stages(request), []
  for name, makers in (("other seed", synthetic_makers()), ("other classes", foreign_makers())):
    folder = os.path.join(request.folder, name.replace(" ", "-"))
    tables.append((name, f"folder:{write(folder, makers)}"))
  stages.train([cell for _, dataset in tables for cell in cells_on(dataset, seeds)])
  for name, dataset in tables:
    measure_table(name, dataset, stages, seeds)
  stages.conclude()


def measure_table(name: str, dataset: str, stages: Stages, seeds: Sequence[int]) -> None:
  """Measures, prints and writes the table of a data set."""
  from downstream.papers.table_files import print_and_write

  variants, cells = variants_on(dataset), cells_on(dataset, seeds)
  scores = arrange(cells, stages.measure(cells), (len(variants), len(CONDITIONS), len(seeds)))
  columns = [condition.name for condition in CONDITIONS]
  published = np.full([len(variants), len(columns) + 1], np.nan)
  remarks = remarks_on(cells, stages.pretrainings)
  names = [variant.name for variant in variants]
  results = Results(names, columns, seeds, scores, published, remarks)
  table = Table(f"synthetic sounds, {name}", variants, tasks=(), tasks_are_rows=False)
  path = os.path.join(stages.request.folder, f"foreign-{name.replace(' ', '-')}")
  print_and_write(table, results, path, draw_published=False)


def cells_on(dataset: str, seeds: Sequence[int]) -> list[Cell]:
  """Returns the numbers of the table of a data set."""
  return [
    Cell(
      (row, column, number),
      variant.name,
      Measurement(variant.model, variant.method, dataset, condition),
      seed,
    )
    for row, variant in enumerate(variants_on(dataset))
    for number, seed in enumerate(seeds)
    for column, condition in enumerate(CONDITIONS)
  ]


def variants_on(dataset: str) -> list[Variant]:
  """Returns the rows: baselines, and both systems pre-trained on a data set."""

  def pretraining(system: str, random: bool = False) -> Pretraining:
    return Pretraining(system, (("recipe", "small"), ("split", "train")), random, dataset)

  return [
    Variant("log-mel statistics", "logmel_stats"),
    Variant("random weights", pretraining("cola", random=True)),
    Variant("COLA small", pretraining("cola")),
    Variant("random weights of mix-back", pretraining("mixback", random=True)),
    Variant("mix-back small", pretraining("mixback")),
  ]


def write(folder: str, makers: Mapping[str, Maker]) -> str:
  """Writes a folder of clips, unless it exists; returns the path of its CSV.

  Args:
    folder: where to.
    makers: class name -> what makes its events.
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
      file_name = f"{name}-{index:03d}.flac"
      clip = synthetic.record(make(rng, time_s), rng)
      soundfile.write(os.path.join(folder, file_name), clip, RATE_HZ)
      rows.append([file_name, name, "test" if index % TEST_EVERY == 0 else "train"])
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    csv.writer(file).writerows(rows)
  return path


def synthetic_makers() -> Mapping[str, Maker]:
  """Returns the classes of the project's synthetic set."""
  return synthetic.SOUNDS


def foreign_makers() -> Mapping[str, Maker]:
  """Returns ten classes that the synthetic set does not have."""
  makers = {f"vowel {name}": _vowel(formants) for name, formants in FORMANTS_HZ.items()}
  makers |= {f"rhythm {name}": _rhythm(beats) for name, beats in RHYTHMS.items()}
  return makers | {f"flutter {name}": _flutter(range_hz) for name, range_hz in FLUTTERS_HZ.items()}


def _vowel(formants_hz: Sequence[float]) -> Maker:
  """A voice of random pitch and size: harmonics that are loud near a formant."""

  def make(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    pitch_hz, size = rng.uniform(90, 280), rng.uniform(0.9, 1.15)
    voice = np.zeros(len(time_s))
    for number in range(1, int(4000 / pitch_hz)):
      hz = number * pitch_hz
      gain = sum(1 / (1 + ((hz - size * f) / 90) ** 2) / (k + 1) for k, f in enumerate(formants_hz))
      voice += gain * np.sin(2 * np.pi * hz * time_s + rng.uniform(0, 2 * np.pi))
    return voice

  return make


def _rhythm(beats: Sequence[float]) -> Maker:
  """Strokes of a random drum at a random tempo; only their timing reveals the class."""

  def make(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    beat_s, ring_s = rng.uniform(0.35, 0.7), rng.uniform(0.01, 0.06)
    timbre = np.sin(2 * np.pi * rng.uniform(100, 3000) * time_s)
    timbre = timbre + rng.uniform(0, 1) * rng.standard_normal(len(time_s))
    onsets_s, track, onset_s = [], np.zeros(len(time_s)), -rng.uniform(0, beat_s)
    while onset_s < time_s[-1]:
      for beats_to_next in beats:
        onsets_s.append(onset_s)
        onset_s += beats_to_next * beat_s
    for start_s in onsets_s:
      since_s = time_s - start_s
      track += np.where(since_s >= 0, np.exp(-np.maximum(since_s, 0) / ring_s), 0)
    return track * timbre

  return make


def _flutter(range_hz: tuple[float, float]) -> Maker:
  """Noise of random colour whose level flutters."""

  def make(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    noise = np.convolve(rng.standard_normal(len(time_s)), rng.normal(size=8), "same")
    return noise * (1 + np.sin(2 * np.pi * rng.uniform(*range_hz) * time_s + rng.uniform(0, 6)))

  return make


def _define_flags() -> None:
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
