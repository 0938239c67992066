"""python -m benchmarks.export: compares size, speed and error of the export formats of a run.

The error is the largest difference from the run's encoder on ten clips of 1 ms to 21 s, relative to
the largest value of the embedding. A format that cannot be exported here is listed with the reason.
"""

import dataclasses
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.configuration import EXPORT_FORMATS
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table, quiet

EXAMPLES = ("python -m benchmarks.export --model=runs/mine",)
TIMED_S = 10
CLIPS_S = (0.001, 0.1, 0.975, 0.98, 1, 1.37, 2.5, 5, 10.01, 21)

Embed = Callable[[np.ndarray], np.ndarray]  # waveform `[1, n]` -> embedding `[1, D]`


def main(_: Sequence[str]) -> None:
  folder, repeats = FLAGS.model, FLAGS.repeats
  start_tensorflow()
  from contrastive_audio.exporting.export import FILE_NAMES
  from contrastive_audio.runs import Run

  run_folder = Run.open(folder)
  reference = Reference.of(run_folder, repeats)
  rows = [["the run", f"{size_mb(run_folder.path('encoder.keras')):.1f}", reference.run_ms(), ""]]
  with tempfile.TemporaryDirectory() as exports:
    for file_format in EXPORT_FORMATS:
      path = os.path.join(exports, FILE_NAMES[file_format])
      rows.append([file_format, *measure(run_folder, file_format, path, reference)])
  encoder = run_folder.encoder()
  print(f"\n{folder}: {encoder.name}, {encoder.output_shape[-1]} values\n")
  headings = ["format", "size (MB)", f"{TIMED_S} s clip (ms)", "largest relative difference"]
  markdown_table.show(headings, rows)


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

  def run_ms(self) -> str:
    """Returns the time of the run's own encoder."""
    return f"{median_ms(self.embed, self.timed, self.repeats):.0f}"


def measure(run_folder, file_format: str, path: str, reference: Reference) -> list[str]:
  """Exports one format; returns the cells size, time and difference."""
  from contrastive_audio.exporting.export import export

  try:
    export(run_folder, file_format, path)
    with warnings.catch_warnings(), quiet.native_stderr():
      warnings.simplefilter("ignore")  # of the interpreters
      embed = OPENERS[file_format](path, run_folder)
      differences = [
        relative_difference(embed(clip), desired)
        for clip, desired in zip(reference.clips, reference.embeddings)
      ]
      time_ms = median_ms(embed, reference.timed, reference.repeats)
  except (ImportError, UserError) as error:
    return ["", "", str(error)]
  return [f"{size_mb(path):.1f}", f"{time_ms:.0f}", f"{max(differences):.1e}"]


def size_mb(path: str) -> float:
  """Returns the size of a file, or of all files of a folder, in MB (10**6 bytes)."""
  if os.path.isfile(path):
    return os.path.getsize(path) / 1e6
  files = (os.path.join(root, name) for root, _, names in os.walk(path) for name in names)
  return sum(map(size_mb, files))


def median_ms(embed: Embed, wave: np.ndarray, repeats: int) -> float:
  """Returns the median time of a call in ms, after one call that is not timed."""
  embed(wave)
  times_s = []
  for _ in range(repeats):
    started_s = time.perf_counter()
    embed(wave)
    times_s.append(time.perf_counter() - started_s)
  return 1000 * float(np.median(times_s))


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
  with flag_group(REQUIRED):
    flags.DEFINE_string("model", None, "Run folder whose encoder is exported.", required=True)
    flags.DEFINE_alias("run", "model")
  with flag_group("Measurement"):
    flags.DEFINE_integer("repeats", 9, "Timed calls, whose median is printed.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
