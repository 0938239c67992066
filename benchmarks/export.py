"""python -m benchmarks.export: compares size, speed and error of the export formats of a run.

TFLite and ONNX are measured with all kinds of weights. The error is the largest difference from the
run's encoder on ten clips of 1 ms to 21 s, relative to the largest value of the embedding, and the
smallest cosine. With --suite, linear classifiers that were fitted on the embeddings of the run
score those of the files: what a file loses. A format that cannot be exported here is listed with
the reason. --encoder measures a network with random weights in place of a run.
"""

import dataclasses
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from absl import flags

from benchmarks.lib import export_accuracy, untrained_runs
from benchmarks.lib.export_accuracy import Judge
from benchmarks.lib.laboratory_flags import define_data_flags
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, data_location
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.configuration import EXPORT_FORMATS, QUANTISATIONS
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.quantising import QUANTISABLE
from contrastive_audio.utils import markdown_table, quiet

EXAMPLES = (
  "python -m benchmarks.export --model=runs/mine",
  "python -m benchmarks.export --model=preset:general --suite --audio_root=/path/to/audio_root",
)
TIMED_S = 10
CLIPS_S = (0.001, 0.1, 0.975, 0.98, 1, 1.37, 2.5, 5, 10.01, 21)
HEADINGS = (
  *("format", "weights", "size (MB)", f"{TIMED_S} s clip (ms)", "processors (ms)"),
  *("largest relative difference", "smallest cosine"),
)

Embed = Callable[[np.ndarray], np.ndarray]  # waveform `[1, n]` -> embedding `[1, D]`


def main(_: Sequence[str]) -> None:
  model, encoder, formats, repeats = FLAGS.model, FLAGS.encoder, FLAGS.formats, FLAGS.repeats
  if (model is None) == (encoder is None):
    raise UserError("pass --model, a run folder, or --encoder, a network with random weights")
  if encoder:
    untrained_runs.require_known("encoder", encoder)
  if unknown := [name for name in formats if name not in EXPORT_FORMATS]:
    raise UserError(f"--formats={unknown[0]}: there are {', '.join(EXPORT_FORMATS)}")
  suite, audio_root, location = FLAGS.suite, FLAGS.audio_root, data_location()
  with tempfile.TemporaryDirectory() as folder:
    model = model or untrained_runs.make(encoder, os.path.join(folder, encoder))
    start_tensorflow()
    judges = export_accuracy.make(model, audio_root, location) if suite else []
    headings, rows = [*HEADINGS, *(f"{judge.task} (%)" for judge in judges)], []
    for row in rows_of(model, formats, repeats, judges):
      line("measured", ", ".join(f"{name} {cell}" for name, cell in zip(headings, row) if cell))
      rows.append(row)
  print(f"\n{encoder or model}: medians of {repeats}, {os.cpu_count()} cores\n")
  markdown_table.show(headings, rows)


def rows_of(
  model: str, formats: Sequence[str], repeats: int, judges: Sequence[Judge]
) -> Iterator[list[str]]:
  """Yields the rows of the table."""
  from contrastive_audio.exporting.export import file_name
  from contrastive_audio.runs import Run

  run_folder = Run.open(model)
  reference = Reference.of(run_folder, repeats)
  size, times = f"{size_mb(run_folder.path('encoder.keras')):.1f}", reference.times()
  yield ["the run", "none", size, *times, "", "", *(f"{judge.own_score:.1f}" for judge in judges)]
  with tempfile.TemporaryDirectory() as exports:
    for file_format in formats:
      for kind in QUANTISATIONS if file_format in QUANTISABLE else QUANTISATIONS[:1]:
        path = os.path.join(exports, file_name(file_format, kind))
        cells = measure(run_folder, file_format, kind, path, reference, judges)
        yield [file_format, kind, *cells]


@dataclasses.dataclass(frozen=True)
class Reference:
  """What all formats are compared with.

  Attributes:
    embed: the run's own encoder.
    timed: the clip whose embedding is timed, float32 `[1, n]`.
    clips: the clips whose embeddings are compared, float32 `[1, n]` each.
    embeddings: of these clips, by the run's own encoder, float32 `[1, D]` each.
    repeats: timed calls, whose median counts.
  """

  embed: Embed
  timed: np.ndarray
  clips: list[np.ndarray]
  embeddings: list[np.ndarray]
  repeats: int

  @classmethod
  def of(cls, run_folder, repeats: int) -> "Reference":
    """Embeds the clips with the encoder of a Run."""
    from contrastive_audio.exporting.clip_embedder import ClipEmbedder
    from contrastive_audio.exporting.clip_encoder import ClipEncoder

    front_end = run_folder.front_end()
    embedder = ClipEmbedder(ClipEncoder(front_end, run_folder.encoder()))
    rng = np.random.default_rng(0)
    timed, *clips = [
      rng.normal(0, 0.1, [1, int(seconds * front_end.sample_rate_hz)]).astype("f")
      for seconds in (TIMED_S, *CLIPS_S)
    ]

    def embed(wave: np.ndarray) -> np.ndarray:
      return next(embedder.embed(wave))[None]

    return cls(embed, timed, clips, [embed(clip) for clip in clips], repeats)

  def times(self) -> list[str]:
    """Returns the times of the run's own encoder."""
    return median_ms(self.embed, self.timed, self.repeats)


def measure(
  run_folder, file_format: str, kind: str, path: str, reference: Reference, judges: Sequence[Judge]
) -> list[str]:
  """Exports one format; returns the cells after its name."""
  from contrastive_audio.exporting.export import export

  try:
    export(run_folder, file_format, path, quantise=kind)
    with warnings.catch_warnings(), quiet.native_stderr():
      warnings.simplefilter("ignore")  # of the interpreters
      embed = OPENERS[file_format](path, run_folder)
      pairs = [
        (embed(clip), desired) for clip, desired in zip(reference.clips, reference.embeddings)
      ]
      times = median_ms(embed, reference.timed, reference.repeats)
      scores = [f"{judge.score_of(embed):.1f}" for judge in judges]
  except (ImportError, UserError) as error:
    return ["", "", "", str(error), "", *("" for _ in judges)]
  difference = max(relative_difference(*pair) for pair in pairs)
  lowest = min(cosine(*pair) for pair in pairs)
  return [f"{size_mb(path):.1f}", *times, f"{difference:.1e}", f"{lowest:.6f}", *scores]


def size_mb(path: str) -> float:
  """Returns the size of a file, or of all files of a folder, in MB (10**6 bytes)."""
  if os.path.isfile(path):
    return os.path.getsize(path) / 1e6
  files = (os.path.join(root, name) for root, _, names in os.walk(path) for name in names)
  return sum(map(size_mb, files))


def median_ms(embed: Embed, wave: np.ndarray, repeats: int) -> list[str]:
  """Returns median times of a call in ms, on the clock and of all processors, after one call."""
  embed(wave)
  times_s = []
  for _ in range(repeats):
    started_s = np.array([time.perf_counter(), time.process_time()])
    embed(wave)
    times_s.append([time.perf_counter(), time.process_time()] - started_s)
  return [f"{1000 * seconds:.0f}" for seconds in np.median(times_s, axis=0)]


def cosine(actual: np.ndarray, desired: np.ndarray) -> float:
  """Returns the cosine of two embeddings `[1, D]`."""
  lengths = np.linalg.norm(actual) * np.linalg.norm(desired)
  return float(np.sum(actual * desired) / lengths)


def relative_difference(actual: np.ndarray, desired: np.ndarray) -> float:
  """Returns the largest difference, relative to the largest desired value."""
  return float(np.abs(actual - desired).max() / np.abs(desired).max())


def open_saved_model(path: str, run_folder) -> Embed:
  """Opens an exported SavedModel."""
  import tensorflow as tf

  loaded = tf.saved_model.load(path)
  return lambda wave: loaded.embed(wave)["embedding"].numpy()


def open_tflite(path: str, run_folder) -> Embed:
  """Opens an exported TFLite file."""
  import tensorflow as tf

  runner = tf.lite.Interpreter(path).get_signature_runner()
  return lambda wave: runner(waveform=wave)["embedding"]


def open_onnx(path: str, run_folder) -> Embed:
  """Opens an exported ONNX file, which has to take waveforms."""
  import onnxruntime

  session = onnxruntime.InferenceSession(path)
  return lambda wave: session.run(["embedding"], {"waveform": wave})[0]


def open_keras(path: str, run_folder) -> Embed:
  """Opens an exported Keras encoder, behind the front end of its run."""
  import keras

  front_end, encoder = run_folder.front_end(), keras.saving.load_model(path, compile=False)

  def embed(wave: np.ndarray) -> np.ndarray:
    laid_out, starts = front_end.covering(wave)
    log_mels = front_end(front_end.cut(laid_out, starts)[0])
    return encoder(log_mels[..., None]).numpy().mean(axis=0, keepdims=True)

  return embed


OPENERS = {
  "saved_model": open_saved_model,
  "tflite": open_tflite,
  "onnx": open_onnx,
  "keras": open_keras,
}


def _define_flags() -> None:
  with flag_group("Model"):
    flags.DEFINE_string("model", None, "Run folder or preset whose encoder is exported.")
    flags.DEFINE_alias("run", "model")
    names = ", ".join(untrained_runs.SYSTEM_OF)
    flags.DEFINE_string("encoder", None, f"In place of it, random weights: one of {names}.")
  with flag_group("Measurement"):
    flags.DEFINE_list("formats", list(EXPORT_FORMATS), "Which of them.")
    flags.DEFINE_integer("repeats", 9, "Timed calls, whose median is printed.", lower_bound=1)
    flags.DEFINE_bool("suite", False, "Score the files on the small suite, too.")
  define_data_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
