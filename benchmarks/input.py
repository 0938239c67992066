"""python -m benchmarks.input: compares excerpt pairs per second with the published input pipeline.

The published pipeline (google-research/cola, data.py and contrastive.py) is written out here: it
reads TFRecords with the int64 list that tensorflow-datasets writes, parses each clip as a whole,
casts and normalises it, and crops it twice at random. Each pipeline is measured on one core, in a
process of its own, in turns, on the same clips. Then the command measures how fast threads copy
excerpts, few and many at once, and how many hours of audio the preparation of a store decodes in a
minute, by format, on all cores.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
from absl import flags

from benchmarks.lib import own_process, systems
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table, progress_bar

EXAMPLES = (
  "python -m benchmarks.input",
  "python -m benchmarks.input --clips=200 --rounds=1 --decoded=20",
)
RATE_HZ, CLIP_S, BATCH_SIZE, EXCERPT_SAMPLES = 16_000, 10, 64, 15_600
DECODED_RATE_HZ = 44_100
TIMED_BATCHES = {"published": 30, "ours": 1500}
NUM_TFRECORDS = 10
SHUFFLE_BUFFER = 1000  # clips, as published
THREADS = (1, 2, 4, 16)
COPIED_BATCHES = 256  # of each number of threads


def main(_: Sequence[str]) -> None:
  num_clips, rounds, num_decoded = FLAGS.clips, FLAGS.rounds, FLAGS.decoded
  with tempfile.TemporaryDirectory() as folder:
    own_process.call(write_clips, folder, num_clips)
    results = {name: [] for name in TIMED_BATCHES}
    for _ in range(rounds):
      for name in results:
        results[name].append(own_process.call(measure, name, folder, num_clips))
    show_speed(results, num_clips)
    show_copying(own_process.call(copy_rates, folder))
    show_decoding(os.path.join(folder, "decoding"), num_decoded)


def show_speed(results: dict[str, list[tuple[float, float]]], num_clips: int) -> None:
  """Prints medians; results: pipeline -> (pairs/s, MB) of each round."""
  rows = []
  for name, rounds in results.items():
    pairs_per_s, memory_mb = map(statistics.median, zip(*rounds))
    published = statistics.median(rate for rate, _ in results["published"])
    ratio = f"{pairs_per_s / published:.1f}x"
    rows.append([name, f"{pairs_per_s:,.0f}", ratio, f"{memory_mb:,.0f}"])
  print(f"\n{num_clips} clips of {CLIP_S} s, batches of {BATCH_SIZE} pairs, one core\n")
  markdown_table.show(["pipeline", "pairs/s", "ratio", "memory over TensorFlow's (MB)"], rows)


def write_clips(folder: str, num_clips: int) -> None:
  """Writes the same clips as TFRecords and as WAV files, and prepares their store."""
  start_tensorflow()
  import tensorflow as tf

  wavs = os.path.join(folder, "wavs")
  os.mkdir(wavs)
  rng = np.random.default_rng(0)
  paths = [os.path.join(folder, f"{number:02d}.tfrecord") for number in range(NUM_TFRECORDS)]
  shards = [tf.io.TFRecordWriter(path) for path in paths]
  with progress_bar.make(num_clips, "writing clips", "clip") as bar:
    for number in range(num_clips):
      pcm = rng.normal(0, 3000, RATE_HZ * CLIP_S).astype(np.int16)
      soundfile.write(os.path.join(wavs, f"{number:05d}.wav"), pcm, RATE_HZ)
      values = tf.train.Int64List(value=pcm.astype(np.int64))
      features = {"audio": tf.train.Feature(int64_list=values)}
      example = tf.train.Example(features=tf.train.Features(feature=features))
      shards[number % NUM_TFRECORDS].write(example.SerializeToString())
      bar.update()
  for shard in shards:
    shard.close()
  with open(os.path.join(folder, "store.txt"), "w", encoding="utf-8") as file:
    file.write(prepare(wavs, os.path.join(folder, "stores")).folders[0])


def prepare(clips: str, store_dir: str):
  """Decodes a folder of clips into a store."""
  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  return preparation.prepare(datasets.open_source(clips), RATE_HZ, store_dir)


def measure(name: str, folder: str, num_clips: int) -> tuple[float, float]:
  """Measures a pipeline on one core, after warming up.

  Returns:
    (pairs per second, peak memory beyond TensorFlow's in MB).
  """
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  start_tensorflow()
  import tensorflow as tf

  tf.zeros([1]).numpy()
  tensorflow_mb = own_process.peak_memory_mb()
  dataset = published(folder, num_clips) if name == "published" else ours(folder)
  batches, count = iter(dataset), TIMED_BATCHES[name]
  for _ in range(max(3, count // 10)):
    next(batches)
  start_s = time.perf_counter()
  for _ in range(count):
    next(batches)
  pairs_per_s = count * BATCH_SIZE / (time.perf_counter() - start_s)
  return pairs_per_s, own_process.peak_memory_mb() - tensorflow_mb


def ours(folder: str):
  """Returns the tf.data.Dataset of cola.train: excerpts from a store."""
  from contrastive_audio.frontend.clip_layout import ClipLayout
  from contrastive_audio.store.store import Store
  from contrastive_audio.utils.pipelines import BATCHES_AHEAD
  from contrastive_audio.views.excerpts import ExcerptPairs

  with open(os.path.join(folder, "store.txt"), encoding="utf-8") as file:
    store = Store(file.read())
  pairs = ExcerptPairs(store, BATCH_SIZE, ClipLayout(EXCERPT_SAMPLES, EXCERPT_SAMPLES))
  return pairs.dataset(0, 1 << 30).prefetch(BATCHES_AHEAD)


def published(folder: str, num_clips: int):
  """Returns the published pipeline, operation by operation, as a tf.data.Dataset."""
  import tensorflow as tf

  def parse(record):
    features = {"audio": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)}
    return tf.io.parse_single_example(record, features)["audio"]

  def crop_twice(samples):
    waveform = tf.cast(samples, tf.float32) / float(tf.int16.max)
    waveform = tf.math.l2_normalize(waveform, epsilon=1e-9)
    crops = [tf.image.random_crop(waveform, [RATE_HZ]) for _ in range(2)]
    return crops[0], crops[1] + 0.001 * tf.random.normal([RATE_HZ])

  files = tf.data.Dataset.list_files(os.path.join(folder, "*.tfrecord"))
  records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE)
  clips = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
  clips = clips.repeat().shuffle(min(SHUFFLE_BUFFER, num_clips))
  pairs = clips.map(crop_twice, num_parallel_calls=tf.data.AUTOTUNE)
  return pairs.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def copy_rates(folder: str) -> dict[str, list[float]]:
  """Returns the pairs that THREADS copy in a second, all of them together, for each system."""
  start_tensorflow()
  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  source, rates = datasets.open_source(os.path.join(folder, "wavs")), {}
  for system in systems.SYSTEMS:
    config = systems.paper_config(system, batch_size=BATCH_SIZE)
    store = preparation.prepare(source, config.sample_rate_hz, os.path.join(folder, "stores"))
    pairs = config.pairs(store)
    draws = [(pairs.clip_ids(step).numpy(), pairs.start_words(step).numpy()) for step in range(16)]
    for draw in draws:
      pairs.copy(*draw)  # what is read for the first time is verified
    rates[system] = [copy_rate(pairs, draws, num_threads) for num_threads in THREADS]
  return rates


def copy_rate(pairs, draws: Sequence[tuple], num_threads: int) -> float:
  """Returns the pairs that some threads copy in a second, all of them together."""
  batches = itertools.islice(itertools.cycle(draws), COPIED_BATCHES)
  with ThreadPoolExecutor(num_threads) as threads:
    start_s = time.perf_counter()
    for _ in threads.map(lambda draw: pairs.copy(*draw).size, batches):
      pass
    return COPIED_BATCHES * pairs.batch_size / (time.perf_counter() - start_s)


def show_copying(rates: dict[str, list[float]]) -> None:
  """Prints what `copy_rates` found."""
  print(f"\npairs/s copied by so many threads at once, {os.cpu_count()} cores\n")
  rows = [[system, *(f"{rate:,.0f}" for rate in found)] for system, found in rates.items()]
  markdown_table.show(["system", *map(str, THREADS)], rows)


def show_decoding(folder: str, num_clips: int) -> None:
  """Prints how much audio the preparation of a store decodes per minute, by format."""
  rng, rows = np.random.default_rng(0), []
  for extension in ("wav", "flac", "mp3"):
    clips = os.path.join(folder, extension)
    os.makedirs(clips)
    wave = np.cumsum(rng.normal(0, 0.01, DECODED_RATE_HZ * CLIP_S))
    for number in range(num_clips):
      noisy = 0.5 * np.sin(wave) + rng.normal(0, 0.01, len(wave))
      soundfile.write(os.path.join(clips, f"{number}.{extension}"), noisy, DECODED_RATE_HZ)
    start_s = time.perf_counter()
    store = prepare(clips, os.path.join(folder, "stores"))
    rows.append([extension, f"{store.hours / (time.perf_counter() - start_s) * 60:.0f}"])
  print(f"\npreparing a store from 44.1 kHz mono clips of {CLIP_S} s, {os.cpu_count()} cores\n")
  markdown_table.show(["format", "hours of audio per minute"], rows)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_integer("clips", 1000, "Clips of 10 s.", lower_bound=BATCH_SIZE)
    flags.DEFINE_integer("rounds", 3, "Rounds, whose medians are printed.", lower_bound=1)
    flags.DEFINE_integer(
      "decoded", 200, "Clips of 10 s at 44.1 kHz that are decoded for each format.", lower_bound=1
    )


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
