"""python -m benchmarks.scale: the index of two million clips: built, opened, drawn from.

No audio: the lists are written in AudioSet's official format, the names of the recordings as PANNs
has them, and the shards are sparse files of the right size. Each part runs in a process of its own,
so that the peak of memory is its own; the drawing is compared with a store of 1,000 clips.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_CLIPS = flags.DEFINE_integer("clips", 2_000_000, "Clips of the large store.", lower_bound=1000)
_BATCHES = flags.DEFINE_integer("batches", 1000, "Batches to draw.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Clips of a batch.", lower_bound=1)
_PART = flags.DEFINE_string("part", None, "Run one part only, in this process; prints JSON.")
_FOLDER = flags.DEFINE_string("folder", None, "Where the files are; default: a temporary folder.")

FEW_CLIPS = 1000
CLIP_SAMPLES = 160_000  # 10 s at 16 kHz
PARTS = ("lists", "join", "index", "open", "draw", "open few", "draw few")


def main(_):
  if _PART.value:
    print(json.dumps(run_part(_PART.value, _FOLDER.value)))
    return
  with tempfile.TemporaryDirectory(dir=_FOLDER.value) as folder:
    results = {part: in_a_process(part, folder) for part in PARTS}
  titles = {
    "join": "build: read the lists, find their recordings",
    "index": "build: index of the store",
    "open": "open the store",
    "draw": f"draw {_BATCHES.value} batches of {_BATCH_SIZE.value} pairs",
    "open few": f"open a store of {FEW_CLIPS} clips",
    "draw few": f"draw as many from {FEW_CLIPS} clips",
  }
  print(f"\n{_CLIPS.value} clips of 10 s; peak memory includes {base_mb():.0f} MB of imports\n")
  rows = [
    [title, f"{results[p]['s']:.2f}", f"{results[p]['mb']:.0f}"] for p, title in titles.items()
  ]
  markdown_table.show(["what", "time (s)", "peak memory (MB)"], rows)
  ratio = results["draw"]["s"] / results["draw few"]["s"]
  print(f"\ndrawing from {_CLIPS.value} clips takes {ratio:.2f} times as long as from {FEW_CLIPS}")


def in_a_process(part, folder):
  """Runs a part; returns its seconds and its peak of memory."""
  options = ["clips", "batches", "batch_size"]
  arguments = [f"--{name}={flags.FLAGS[name].value}" for name in options]
  command = [sys.executable, "-m", "benchmarks.scale", f"--part={part}", f"--folder={folder}"]
  done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
  return json.loads(done.stdout.splitlines()[-1])


def run_part(part, folder):
  """Runs a part in this process."""
  few = part.endswith("few")
  name, count = ("few", FEW_CLIPS) if few else ("many", _CLIPS.value)
  store = os.path.join(folder, name)
  work = {
    "lists": lambda: write_lists(folder, _CLIPS.value),
    "join": lambda: join(folder, _CLIPS.value),
    "index": lambda: write_store(store, count),
    "open": lambda: open_store(store, count),
    "draw": lambda: None,
  }[part.split()[0]]
  if part == "open few":
    write_store(store, count)
  if part.startswith("draw"):
    pairs = make_pairs(store, count)
    draw(pairs, 2)

    def work():
      draw(pairs, _BATCHES.value)

  started_s = time.perf_counter()
  work()
  return {"s": time.perf_counter() - started_s, "mb": peak_mb()}


def peak_mb():
  """Returns the peak of memory of this process."""
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def base_mb():
  """Returns the memory of this process, which has imported everything and done nothing."""
  return peak_mb()


def ytid(number):
  """Returns an id of 11 characters."""
  letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
  scattered = (number * 0x9E3779B97F4A7C15) % 2**66
  return "".join(letters[(scattered >> (6 * digit)) & 63] for digit in range(11))


def write_lists(folder, count):
  """Writes the unbalanced list and the class file, in the official format."""
  mids = [f"/m/0{number:04x}" for number in range(527)]
  with open(os.path.join(folder, "class_labels_indices.csv"), "w", encoding="utf-8") as file:
    file.write("index,mid,display_name\n")
    file.writelines(f'{n},{mid},"Sound of class {n}, somewhere"\n' for n, mid in enumerate(mids))
  path = os.path.join(folder, "unbalanced_train_segments.csv")
  with open(path, "w", encoding="utf-8") as file:
    file.write("# Segments csv created Sun Mar  5 10:56:58 2017\n")
    file.write(f"# num_ytids={count}, num_segs={count}, num_unique_labels=527\n")
    file.write("# YTID, start_seconds, end_seconds, positive_labels\n")
    for number in range(count):
      labels = ",".join(mids[(number * k) % 527] for k in (1, 7))
      start_s = 10 * (number % 30)
      file.write(f'{ytid(number)}, {start_s:.3f}, {start_s + 10:.3f}, "{labels}"\n')


def join(folder, count):
  """Reads the lists and joins them with as many recordings, 5 % of which are missing."""
  from contrastive_audio.datasets.corpora.audioset import joining, lists, recordings

  tables = ["unbalanced_train_segments.csv", "class_labels_indices.csv"]
  part = "audios/unbalanced_train_segments/unbalanced_train_segments_part{:02d}/Y{}.wav"
  paths = (part.format(n // 50_000, ytid(n)) for n in range(count) if n % 20)
  found = recordings.of_paths(folder, paths)
  classes = lists.read_classes(folder, tables)
  segments = lists.read_segments(folder, tables, classes)
  contents = joining.join(found, segments, tuple(classes.values()))
  assert contents.table.num_rows == count - -(-count // 20)
  assert contents.missing.num_rows == -(-count // 20)


def write_store(folder, count):
  """Writes the index of a store whose shards are sparse files."""
  import numpy as np
  import pyarrow as pa

  from contrastive_audio.store import chunks
  from contrastive_audio.store.store import INDEX, INDEX_SCHEMA, MANIFEST, VERSION
  from contrastive_audio.utils.files import write_json

  os.makedirs(folder, exist_ok=True)
  shards, size = [], 2 * CLIP_SAMPLES * chunks.CHUNK_CLIPS
  with pa.ipc.new_file(os.path.join(folder, INDEX), INDEX_SCHEMA) as writer:
    for number in range(chunks.count(count)):
      start, stop = chunks.clips_of(number, count)
      rows = np.arange(stop - start)
      ones = np.ones(len(rows), np.float32)
      levels = dict.fromkeys(("gain", "mean", "peak", "centred_peak", "l2"), ones)
      columns = levels | {
        "key": [ytid(number) for number in range(start, stop)],
        "label": [f"Sound of class {row % 527}, somewhere;Other sound" for row in rows],
        "group": [None] * len(rows),
        "num_samples": np.full(len(rows), CLIP_SAMPLES),
        "shard": np.full(len(rows), number, np.int32),
        "byte_offset": 2 * CLIP_SAMPLES * rows,
      }
      arrays = [pa.array(columns[field.name], field.type) for field in INDEX_SCHEMA]
      writer.write_batch(pa.record_batch(arrays, schema=INDEX_SCHEMA))
      shards.append([f"shard-{number:05d}-00.arrow", size])
      with open(os.path.join(folder, shards[-1][0]), "wb") as file:
        file.truncate(size)
  manifest = {"version": VERSION, "digest": "0", "sample_rate_hz": 16_000, "num_skipped": 0}
  write_json(os.path.join(folder, MANIFEST), manifest | {"shards": shards})


def open_store(folder, count):
  """Opens a store, as a training does."""
  from contrastive_audio.store.store import Store

  store = Store(folder)
  assert store.num_clips == count
  assert store.has_labels
  assert store.num_silent == 0
  return store


def make_pairs(folder, count):
  """Returns COLA's excerpts of a store."""
  from cola.config import Config

  return Config(batch_size=_BATCH_SIZE.value).pairs(open_store(folder, count))


def draw(pairs, batches):
  """Draws batches, as a training does."""
  for _ in pairs.dataset(0, batches):
    pass


if __name__ == "__main__":
  main.run_main(main)
