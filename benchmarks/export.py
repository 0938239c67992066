"""python -m benchmarks.export --run=RUN: size, speed and error of each format, side by side.

The error is the largest difference from the run's encoder on ten clips of 1 ms to 21 s, relative to
the largest value of the embedding. Formats that cannot be made here are listed with the reason.
"""

import os
import tempfile
import time
import warnings

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.exporting.export import FORMATS, export
from contrastive_audio.runs import Run
from contrastive_audio.utils import markdown_table, quiet

_RUN = flags.DEFINE_string("run", None, "Run folder.", required=True)
_REPEATS = flags.DEFINE_integer("repeats", 9, "Timed calls, of which the median counts.", 1)
_SECONDS = (0.001, 0.1, 0.975, 0.98, 1, 1.37, 2.5, 5, 10.01, 21)


def main(_):
  run = Run.open(_RUN.value)
  front_end, encoder = run.front_end(), run.encoder()
  rng = np.random.default_rng(0)
  sizes = [int(seconds * front_end.sample_rate_hz) for seconds in (10, *_SECONDS)]
  timed, *clips = (rng.normal(0, 0.1, [1, size]).astype("f") for size in sizes)
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  desired = list(embedder.embed(clip[0] for clip in clips))
  run_ms = f"{median_ms(lambda wave: next(embedder.embed(wave)), timed):.0f}"
  rows = [["the run", f"{os.path.getsize(run.path('encoder.keras')) / 1e6:.1f}", run_ms, ""]]
  with tempfile.TemporaryDirectory() as folder:
    for name, file_name in FORMATS.items():
      rows.append(
        [name, *measure(run, name, os.path.join(folder, file_name), timed, clips, desired)]
      )
  print(f"\n{run.folder}: {encoder.name}, {encoder.output_shape[-1]} values\n")
  markdown_table.show(
    ["format", "size (MB)", "10 s clip (ms)", "largest relative difference"], rows
  )


def measure(run, name, path, timed, clips, desired):
  """Exports one format; returns the cells size, time and difference."""
  try:
    export(run, name, path)
    with warnings.catch_warnings(), quiet.native_stderr():
      warnings.simplefilter("ignore")  # of interpreters
      embed = OPENERS[name](path, run)
      difference = max(relative(embed(clip)[0], one) for clip, one in zip(clips, desired))
      return f"{size(path) / 1e6:.1f}", f"{median_ms(embed, timed):.0f}", f"{difference:.1e}"
  except (ImportError, UserError) as error:
    return "", "", str(error)


def size(path):
  """Returns the bytes of a file, or of all files of a folder."""
  if os.path.isfile(path):
    return os.path.getsize(path)
  return sum(
    os.path.getsize(os.path.join(root, f)) for root, _, files in os.walk(path) for f in files
  )


def median_ms(embed, wave):
  """Returns the median time of a call, in ms, after one that is not timed."""
  embed(wave)
  times_s = []
  for _ in range(_REPEATS.value):
    started_s = time.perf_counter()
    embed(wave)
    times_s.append(time.perf_counter() - started_s)
  return 1000 * np.median(times_s)


def relative(found, desired):
  """Returns the largest difference, relative to the largest value."""
  return np.abs(found - desired).max() / np.abs(desired).max()


def open_saved_model(path, run):
  """Returns a function, waveform `[1, n]` -> embedding `[1, D]`."""
  import tensorflow as tf  # not before audio, which keeps its start quiet

  loaded = tf.saved_model.load(path)
  return lambda wave: loaded.embed(wave)["embedding"].numpy()


def open_tflite(path, run):
  """The same."""
  import tensorflow as tf

  runner = tf.lite.Interpreter(path).get_signature_runner()
  return lambda wave: runner(waveform=wave)["embedding"]


def open_onnx(path, run):
  """The same; onnxruntime needs a file that takes waveforms."""
  import onnxruntime

  session = onnxruntime.InferenceSession(path)
  return lambda wave: session.run(["embedding"], {"waveform": wave})[0]


def open_keras(path, run):
  """The same, with the front end of the run before it."""
  import keras

  front_end, encoder = run.front_end(), keras.saving.load_model(path, compile=False)

  def embed(wave):
    log_mels = front_end(front_end.cut(*front_end.covering(wave))[0])
    return encoder(log_mels[..., None]).numpy().mean(axis=0, keepdims=True)

  return embed


OPENERS = {
  "saved_model": open_saved_model,
  "tflite": open_tflite,
  "onnx": open_onnx,
  "keras": open_keras,
}


if __name__ == "__main__":
  main.run_main(main)
