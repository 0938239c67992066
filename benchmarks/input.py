"""python -m benchmarks.input: excerpt pairs per second, ours beside the published way, on one core.

The published way (google-research/cola, data.py and contrastive.py) is written out here: TFRecords
with the int64 list that tensorflow-datasets writes, each clip parsed whole, cast, normalised, and
cropped twice at random. Both are measured in processes of their own, in turns, on the same clips.
Then the hours of audio that preparing a store decodes in a minute, by format, on all cores.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile
import tqdm
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_CLIPS = flags.DEFINE_integer("clips", 1000, "Clips of 10 s.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Turns of each way; medians are printed.")
_DECODED = flags.DEFINE_integer("decoded", 200, "Clips of 10 s at 44.1 kHz decoded per format.")
_WAY = flags.DEFINE_string("way", None, "Internal: measure one way and print JSON.")
_FOLDER = flags.DEFINE_string("folder", None, "Internal: where the clips are.")

RATE_HZ, CLIP_S, BATCH, EXCERPT_SAMPLES = 16_000, 10, 64, 15_600
BATCHES = {"published": 30, "ours": 1500}


def main(_):
  if _WAY.value:
    print(json.dumps(measure(_WAY.value, _FOLDER.value)))
    return
  with tempfile.TemporaryDirectory() as folder:
    write_clips(folder)
    turns = {"published": [], "ours": []}
    for _ in range(_ROUNDS.value):
      for way, results in turns.items():
        results.append(in_own_process(way, folder))
    show_speed(turns)
    decoding(os.path.join(folder, "decoding"))


def show_speed(turns):
  pairs = {way: statistics.median(r["pairs_per_s"] for r in turns[way]) for way in turns}
  memory = {way: statistics.median(r["memory_mb"] for r in turns[way]) for way in turns}
  rows = [
    [way, f"{pairs[way]:,.0f}", f"{pairs[way] / pairs['published']:.1f}x", f"{memory[way]:,.0f}"]
    for way in turns
  ]
  print(f"\n{_CLIPS.value} clips of {CLIP_S} s, batches of {BATCH} pairs, one core\n")
  markdown_table.show(["way", "pairs/s", "ratio", "memory over TensorFlow's (MB)"], rows)


def write_clips(folder):
  """Writes the same clips as TFRecords and as WAV files, and prepares their store."""
  import tensorflow as tf

  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  wavs = os.path.join(folder, "wavs")
  os.mkdir(wavs)
  rng = np.random.default_rng(0)
  shards = [tf.io.TFRecordWriter(os.path.join(folder, f"{i:02d}.tfrecord")) for i in range(10)]
  for number in tqdm.trange(_CLIPS.value, desc="writing clips"):
    pcm = rng.normal(0, 3000, RATE_HZ * CLIP_S).astype(np.int16)
    soundfile.write(os.path.join(wavs, f"{number:05d}.wav"), pcm, RATE_HZ)
    values = tf.train.Int64List(value=pcm.astype(np.int64))
    features = {"audio": tf.train.Feature(int64_list=values)}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    shards[number % 10].write(example.SerializeToString())
  for shard in shards:
    shard.close()
  source = datasets.open_source(f"folder:{wavs}")
  store = preparation.prepare(source, RATE_HZ, os.path.join(folder, "stores"))
  with open(os.path.join(folder, "store.txt"), "w") as file:
    file.write(store.folders[0])


def in_own_process(way, folder):
  command = [sys.executable, "-m", "benchmarks.input", f"--way={way}", f"--folder={folder}"]
  result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
  return json.loads(result.stdout.splitlines()[-1])


def measure(way, folder):
  """Counts pairs per second on one core, after warming up; and memory beyond TensorFlow's."""
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  import tensorflow as tf

  import contrastive_audio  # noqa: F401, so that both ways start from the same memory

  tf.zeros([1]).numpy()
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  dataset = {"published": published, "ours": ours}[way](folder)
  count = BATCHES[way]
  batches = iter(dataset)
  for _ in range(max(3, count // 10)):
    next(batches)
  start_s = time.perf_counter()
  for _ in range(count):
    next(batches)
  elapsed_s = time.perf_counter() - start_s
  memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
  return {"pairs_per_s": count * BATCH / elapsed_s, "memory_mb": memory / 1024}


def ours(folder):
  """The excerpts of cola.train."""
  import tensorflow as tf

  from contrastive_audio.frontend.clip_layout import ClipLayout
  from contrastive_audio.store.store import Store
  from contrastive_audio.views.excerpts import ExcerptPairs

  with open(os.path.join(folder, "store.txt")) as file:
    store = Store(file.read())
  pairs = ExcerptPairs(store, BATCH, ClipLayout(EXCERPT_SAMPLES, EXCERPT_SAMPLES))
  return pairs.dataset(0, 1 << 30).prefetch(tf.data.AUTOTUNE)


def published(folder):
  """The published pipeline, operation by operation."""
  import tensorflow as tf

  def parse(record):
    features = {"audio": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)}
    return tf.io.parse_single_example(record, features)["audio"]

  def two_crops(samples):
    waveform = tf.cast(samples, tf.float32) / float(tf.int16.max)
    waveform = tf.math.l2_normalize(waveform, epsilon=1e-9)
    crops = [tf.image.random_crop(waveform, [RATE_HZ]) for _ in range(2)]
    return crops[0], crops[1] + 0.001 * tf.random.normal([RATE_HZ])

  files = tf.data.Dataset.list_files(os.path.join(folder, "*.tfrecord"))
  records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE)
  clips = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
  clips = clips.repeat().shuffle(1000 if _CLIPS.value >= 1000 else _CLIPS.value)
  pairs = clips.map(two_crops, num_parallel_calls=tf.data.AUTOTUNE)
  return pairs.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def decoding(folder):
  """Prints how much audio a store takes in per minute, by format."""
  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  rng, rows = np.random.default_rng(0), []
  for extension in ("wav", "flac", "mp3"):
    clips = os.path.join(folder, extension)
    os.makedirs(clips)
    wave = np.cumsum(rng.normal(0, 0.01, 44_100 * CLIP_S))
    for number in range(_DECODED.value):
      noisy = 0.5 * np.sin(wave) + rng.normal(0, 0.01, len(wave))
      soundfile.write(os.path.join(clips, f"{number}.{extension}"), noisy, 44_100)
    source = datasets.open_source(f"folder:{clips}")
    start_s = time.perf_counter()
    store = preparation.prepare(source, RATE_HZ, os.path.join(folder, "stores"))
    rows.append([extension, f"{store.hours / (time.perf_counter() - start_s) * 60:.0f}"])
  print(f"\npreparing a store from 44.1 kHz mono clips of {CLIP_S} s, {os.cpu_count()} cores\n")
  markdown_table.show(["format", "hours of audio per minute"], rows)


if __name__ == "__main__":
  main.run_main(main)
