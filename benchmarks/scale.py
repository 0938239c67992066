"""python -m benchmarks.scale: builds, opens and draws from the index of two million clips.

There is no audio: the lists are in AudioSet's official format, the recordings are named as in
PANNs, and the shards are sparse files of the right size. Each part runs in a process of its own,
so that its peak of memory is its own. Drawing is compared with drawing from a store of 1,000 clips.
"""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Sequence

from absl import flags

from benchmarks.lib import own_process
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.scale",
  "python -m benchmarks.scale --clips=100000 --batches=100 --folder=/path/to/scratch",
)
FEW_CLIPS = 1000
CLIP_SAMPLES = 160_000  # 10 s at 16 kHz
NUM_CLASSES = 527


@dataclasses.dataclass(frozen=True)
class Size:
  """How large the measurement is.

  Attributes:
    folder: where the files are.
    clips: of the large store.
    batches: how many are drawn.
    batch_size: clips of a batch.
  """

  folder: str
  clips: int
  batches: int
  batch_size: int

  def store(self, few: bool) -> tuple[str, int]:
    """Returns (folder, number of clips) of the large store, or of the one of FEW_CLIPS."""
    name, count = ("few", FEW_CLIPS) if few else ("many", self.clips)
    return os.path.join(self.folder, name), count


def main(_: Sequence[str]) -> None:
  parent, clips, batches, batch_size = FLAGS.folder, FLAGS.clips, FLAGS.batches, FLAGS.batch_size
  with tempfile.TemporaryDirectory(dir=parent) as folder:
    size = Size(folder, clips, batches, batch_size)
    results = {name: own_process.call(measure, name, size) for name in PARTS}
  titles = {
    "join": "build: read the lists, find their recordings",
    "index": "build: index of the store",
    "open": "open the store",
    "draw": f"draw {batches} batches of {batch_size} pairs",
    "open few": f"open a store of {FEW_CLIPS} clips",
    "draw few": f"draw as many from {FEW_CLIPS} clips",
  }
  _, imports_mb = results["imports"]
  print(f"\n{clips} clips of 10 s; peak memory includes {imports_mb:.0f} MB of imports\n")
  rows = [[title, *_cells(results[name])] for name, title in titles.items()]
  markdown_table.show(["what", "time (s)", "peak memory (MB)"], rows)
  ratio = results["draw"][0] / results["draw few"][0]
  print(f"\ndrawing from {clips} clips takes {ratio:.2f} times as long as from {FEW_CLIPS}")


def _cells(result: tuple[float, float]) -> list[str]:
  seconds, peak_mb = result
  return [f"{seconds:.2f}", f"{peak_mb:.0f}"]


def measure(name: str, size: Size) -> tuple[float, float]:
  """Runs a part in this process, after all imports.

  Args:
    name: a key of PARTS.
    size: of the measurement.

  Returns:
    (seconds, peak memory in MB).
  """
  start_tensorflow()
  import cola.config  # noqa: F401
  from contrastive_audio.datasets.corpora.audioset import joining  # noqa: F401
  from contrastive_audio.store.store import Store  # noqa: F401
  from contrastive_audio.views.excerpts import ExcerptPairs  # noqa: F401

  work = PARTS[name](size)
  started_s = time.perf_counter()
  work()
  return time.perf_counter() - started_s, own_process.peak_memory_mb()


def _open_few(size: Size) -> Callable[[], object]:
  folder, count = size.store(few=True)
  write_store(folder, count)
  return lambda: open_store(folder, count)


def _draw(size: Size, few: bool) -> Callable[[], object]:
  folder, count = size.store(few)
  pairs = make_pairs(open_store(folder, count), size.batch_size)
  draw(pairs, 2)
  return lambda: draw(pairs, size.batches)


# Name -> makes everything ready, and returns what is timed; in this order.
PARTS: dict[str, Callable[[Size], Callable[[], object]]] = {
  "imports": lambda size: lambda: None,
  "lists": lambda size: lambda: write_lists(size.folder, size.clips),
  "join": lambda size: lambda: join(size.folder, size.clips),
  "index": lambda size: lambda: write_store(*size.store(few=False)),
  "open": lambda size: lambda: open_store(*size.store(few=False)),
  "draw": lambda size: _draw(size, few=False),
  "open few": _open_few,
  "draw few": lambda size: _draw(size, few=True),
}


def youtube_id(number: int) -> str:
  """Returns an id of 11 characters."""
  letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
  scattered = (number * 0x9E3779B97F4A7C15) % 2**66
  return "".join(letters[(scattered >> (6 * digit)) & 63] for digit in range(11))


def write_lists(folder: str, count: int) -> None:
  """Writes the unbalanced list and the class file, in the official format."""
  mids = [f"/m/0{number:04x}" for number in range(NUM_CLASSES)]
  with open(os.path.join(folder, "class_labels_indices.csv"), "w", encoding="utf-8") as file:
    file.write("index,mid,display_name\n")
    file.writelines(f'{n},{mid},"Sound of class {n}, somewhere"\n' for n, mid in enumerate(mids))
  path = os.path.join(folder, "unbalanced_train_segments.csv")
  with open(path, "w", encoding="utf-8") as file:
    file.write("# Segments csv created Sun Mar  5 10:56:58 2017\n")
    file.write(f"# num_ytids={count}, num_segs={count}, num_unique_labels={NUM_CLASSES}\n")
    file.write("# YTID, start_seconds, end_seconds, positive_labels\n")
    for number in range(count):
      labels = ",".join(mids[(number * k) % NUM_CLASSES] for k in (1, 7))
      start_s = 10 * (number % 30)
      file.write(f'{youtube_id(number)}, {start_s:.3f}, {start_s + 10:.3f}, "{labels}"\n')


def join(folder: str, count: int) -> None:
  """Reads the lists and joins them with as many recordings, 5 % of which are missing."""
  from contrastive_audio.datasets.corpora.audioset import joining, lists, recordings

  tables = ["unbalanced_train_segments.csv", "class_labels_indices.csv"]
  path = "audios/unbalanced_train_segments/unbalanced_train_segments_part{:02d}/Y{}.wav"
  paths = (path.format(n // 50_000, youtube_id(n)) for n in range(count) if n % 20)
  there = recordings.identify(folder, paths)
  classes = lists.read_classes(folder, tables)
  segments = lists.read_segments(folder, tables, classes)
  contents = joining.join(there, segments, tuple(classes.values()))
  num_missing = -(-count // 20)
  assert contents.table.num_rows == count - num_missing
  assert contents.missing.num_rows == num_missing


def write_store(folder: str, count: int) -> None:
  """Writes the index of a store whose shards are sparse files."""
  import pyarrow as pa

  from contrastive_audio.store import chunks, manifest
  from contrastive_audio.store.disk_format import (
    BLOCK_BYTES,
    INDEX,
    INDEX_SCHEMA,
    VERSION,
    block_checksum,
  )
  from contrastive_audio.utils import checksums

  os.makedirs(folder, exist_ok=True)
  shards, size = [], 2 * CLIP_SAMPLES * chunks.CHUNK_CLIPS
  block_checksums = f"{block_checksum(bytes(BLOCK_BYTES)):08x}" * (size // BLOCK_BYTES)
  with pa.ipc.new_file(os.path.join(folder, INDEX), INDEX_SCHEMA) as writer:
    for number in range(chunks.count(count)):
      columns = _index_columns(number, *chunks.clip_range(number, count))
      arrays = [pa.array(columns[field.name], field.type) for field in INDEX_SCHEMA]
      writer.write_batch(pa.record_batch(arrays, schema=INDEX_SCHEMA))
      shard = chunks.Shard(f"shard-{number:05d}-00.arrow", size, block_checksums)
      shards.append((shard.name, size))
      with open(os.path.join(folder, shard.name), "wb") as file:
        file.truncate(size)
      chunks.save(chunks.Chunk([shard], chunks.Rows("", 0, ""), []), folder, number)
  paths = [chunks.path_of(folder, number) for number in range(len(shards))]
  paths.append(os.path.join(folder, INDEX))
  sums = {os.path.basename(path): checksums.of_file(path) for path in paths}
  complete = manifest.Manifest(VERSION, "", "", "", "0", 16_000, 0, shards, checksums=sums)
  manifest.write(complete, folder)


def _index_columns(shard: int, start: int, stop: int) -> dict:
  import numpy as np

  rows = np.arange(stop - start)
  ones = np.ones(len(rows), np.float32)
  levels = dict.fromkeys(("gain", "mean", "peak", "centred_peak", "l2"), ones)
  return levels | {
    "key": [youtube_id(number) for number in range(start, stop)],
    "label": [f"Sound of class {row % NUM_CLASSES}, somewhere;Other sound" for row in rows],
    "group": [None] * len(rows),
    "num_samples": np.full(len(rows), CLIP_SAMPLES),
    "shard": np.full(len(rows), shard, np.int32),
    "byte_offset": 2 * CLIP_SAMPLES * rows,
  }


def open_store(folder: str, count: int):
  """Opens a Store, as a training does."""
  from contrastive_audio.store.store import Store

  store = Store(folder)
  assert store.num_clips == count
  assert store.has_labels
  assert store.num_silent == 0
  return store


def make_pairs(store, batch_size: int):
  """Returns COLA's ExcerptPairs of a store."""
  from cola.config import Config

  return Config(batch_size=batch_size).pairs(store)


def draw(pairs, batches: int) -> None:
  """Draws batches, as a training does."""
  for _ in pairs.dataset(0, batches):
    pass


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_integer("clips", 2_000_000, "Clips of the large store.", lower_bound=1000)
    flags.DEFINE_integer("batches", 1000, "Batches to draw.", lower_bound=1)
    flags.DEFINE_integer("batch_size", 64, "Clips of a batch.", lower_bound=1)
    flags.DEFINE_string("folder", None, "Where to write; if not given, a temporary folder.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
