"""python -m benchmarks.soundscapes: measures what long recordings are good for, by known events.

It makes recordings of ten minutes, in which sounds of ESC-10 and of instruments are heard at known
times in noise and rain (lib/soundscapes.py), and prints four tables:

  training   trainings on pieces, on whole files, and on clips that were cut by hand
  query      average precision over all windows, for one example of 3 s of each class
  detector   F1 of a detector that was trained on ten labelled events of each class, by loudness
  hops       the same for other hops of the last of the models, in recordings of each seed

The same command resumes where it was stopped.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib import soundscapes
from benchmarks.lib.event_matching import COLLAR_S
from benchmarks.lib.laboratory_flags import define_laboratory_flags, laboratory_request
from benchmarks.lib.soundscape_tables import (
  BY_HAND,
  HOPS_S,
  PROBE,
  detect_events,
  query_windows,
  write_lists,
)
from benchmarks.lib.soundscapes import SNRS_DB, Event
from benchmarks.recipes import show_training
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from downstream.choices import parse_seeds
from downstream.model_names import require_model
from downstream.papers.cells import Cell, arrange
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.papers.results import Results
from downstream.papers.run_health import Remark, remarks_on
from downstream.papers.stages import Stages
from downstream.papers.table import Table, Variant

EXAMPLES = (
  "python -m benchmarks.soundscapes --audio_root=/path/to/audio_root --runs_dir=runs/soundscapes",
  "python -m benchmarks.soundscapes --audio_root=/path/to/audio_root --runs_dir=runs/soundscapes "
  "--parts=detector --models=runs/mine --models=logmel_stats",
)
PARTS = ("training", "query", "detector", "hops")
MODELS = ("logmel_stats", "random:preset:general", "preset:general")
WHOLE = "whole files"  # what the other trainings are compared with
NUM_QUERIES = 3  # of each class


def main(_: Sequence[str]) -> None:
  request, models = laboratory_request(), FLAGS.models or list(MODELS)
  seeds, steps, variants = parse_seeds(FLAGS.seeds), FLAGS.steps, FLAGS.variants
  num_train, minutes, parts = FLAGS.recordings, FLAGS.minutes, FLAGS.parts or list(PARTS)
  if unknown := [part for part in parts if part not in PARTS]:
    raise UserError(f"--parts: there is no {unknown[0]!r}; there are {', '.join(PARTS)}")
  if request.audio_root is None:
    raise UserError("--audio_root=FOLDER: the folder that holds the folders esc10 and philharmonia")
  for model in models:
    require_model(model)
  folder, events = draw(request, num_train, minutes)
  if "training" in parts:
    compare_trainings(request, folder, seeds, steps, variants)
  start_tensorflow()
  columns = [f"{snr_db} dB" for snr_db in SNRS_DB]
  if "query" in parts:
    rows = [query_windows(model, folder, events, NUM_QUERIES, request) for model in models]
    show(request, "query", models, columns, np.array(rows), measure="average precision")
  if "detector" in parts:
    for what, collar_s in (("detector", COLLAR_S), ("detector, collar 1 s", 1.0)):
      rows = [detect_events(each, folder, events, HOPS_S[1], request, collar_s) for each in models]
      show(request, what, models, columns, np.array(rows)[..., None], measure="F1")
  if "hops" in parts:
    draws = [draw(request, num_train, minutes, seed) for seed in seeds]
    scores = [
      [detect_events(models[-1], *each, hop_s, request) for each in draws] for hop_s in HOPS_S
    ]
    hops = [f"every {hop_s:g} s" for hop_s in HOPS_S]
    show(request, "hops", hops, columns, np.moveaxis(np.array(scores), 1, 2), measure="F1")


def draw(
  request: LaboratoryRequest, num_train: int, minutes: float, seed: int = 0
) -> tuple[str, list[Event]]:
  """Makes the recordings of a seed, unless they are there; returns (their folder, all events)."""
  name = f"scenes-{num_train}x{minutes:g}min{f'-seed{seed}' * (seed > 0)}"
  folder = os.path.abspath(os.path.join(request.folder, name))
  events = soundscapes.known(folder)
  if events is None:
    sounds = soundscapes.read_sounds(request.audio_root, request.location)
    events = soundscapes.make(folder, sounds, num_train, minutes, seed)
  write_lists(folder, events)
  return folder, events


def compare_trainings(
  request: LaboratoryRequest,
  folder: str,
  seeds: Sequence[int],
  steps: int,
  names: list[str] | None,
) -> None:
  """Trains on the recordings in several ways; prints a linear probe of each, and its training."""
  task, stages = f"folder:{os.path.join(folder, PROBE)}", Stages(request)
  variants = Table("", trainings(folder, steps), ()).choose(names).variants
  cells = [
    Cell((row, 0, number), variant.name, Measurement(variant.model, "linear", task), seed)
    for row, variant in enumerate(variants)
    for number, seed in enumerate(seeds)
    if variant.model is not None
  ]
  stages.train(cells)
  scores = arrange(cells, stages.measure(cells), (len(variants), 1, len(seeds)))
  remarks = remarks_on(cells, stages.pretrainings)
  show(request, "training", [each.name for each in variants], ["linear probe"], scores, remarks)
  path = os.path.join(request.folder, "soundscapes-training-health.csv")
  show_training(variants, stages.pretrainings, seeds, path)
  stages.conclude()


def trainings(folder: str, steps: int) -> list[Variant]:
  """Returns what is compared: the same recipe on the same recordings, cut in several ways."""
  files, by_hand = f"folder:{folder}/train", f"folder:{os.path.join(folder, BY_HAND)}"

  def pretraining(dataset: str, *options: tuple[str, str | int | float]) -> PretrainingChoice:
    common = (("recipe", "small"), ("batch_size", 12), ("steps", steps))
    return PretrainingChoice("cola", (*common, *options), dataset=dataset)

  pieces = pretraining(files, ("piece_s", 5))
  return [
    Variant("log-mel statistics", "logmel_stats"),
    Variant("random weights", dataclasses.replace(pieces, random=True)),
    Variant(WHOLE, pretraining(files, ("piece_s", 0))),
    Variant("pieces of 5 s", pieces),
    Variant("pieces of 5 s, active", pretraining(files, ("piece_s", 5), ("active", True))),
    Variant("cut by hand", pretraining(by_hand, ("piece_s", 0))),
  ]


def show(
  request: LaboratoryRequest,
  what: str,
  rows: Sequence[str],
  columns: Sequence[str],
  scores: np.ndarray,
  remarks: Sequence[Remark] = (),
  measure: str = "accuracy",
) -> None:
  """Prints and writes a table; scores are `[rows, columns, draws]`."""
  from downstream.papers.table_files import print_and_write

  published = np.full([len(rows), len(columns) + 1], np.nan)
  results = Results(rows, columns, range(scores.shape[2]), scores, published, remarks)
  variants = [Variant(name, None) for name in rows]
  reference = WHOLE if WHOLE in rows else rows[0]
  table = Table(f"soundscapes, {what}", variants, (), False, reference=reference, measure=measure)
  name = f"soundscapes-{what.replace(', ', '-').replace(' ', '-')}"
  print_and_write(table, results, os.path.join(request.folder, name), draw_published=False)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_list("parts", None, f"Some of {', '.join(PARTS)}; if not given, all.")
    flags.DEFINE_multi_string(
      "models", None, f"Encoder, as in downstream.detect; if not given, {', '.join(MODELS)}."
    )
    flags.DEFINE_multi_string("variants", None, "Row of the table of trainings; if not given, all.")
    flags.DEFINE_integer("recordings", 12, "Number of recordings to train on.", lower_bound=3)
    flags.DEFINE_float("minutes", 10.0, "Length of a recording.", lower_bound=1)
    flags.DEFINE_integer("steps", 200, "Steps of each training.", lower_bound=1)
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
