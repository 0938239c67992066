"""Packs small copies of data sets into archives as they are published."""

import bisect
import os
import shutil
import struct
import tarfile
import zipfile

from contrastive_audio.datasets.corpora import tut_2018

_TUT = "TUT-urban-acoustic-scenes-2018-development"


def _tut_clips(number):
  """What is in the audio archive of a number: scenes to train in the first ten, then to test."""
  if number < 10:
    return [f"{_TUT}/audio/{tut_2018.CLASSES[number]}-barcelona-0-0-a.wav"]
  scenes = tut_2018.CLASSES[number - 10 :: 3]
  return [f"{_TUT}/audio/{scene}-barcelona-1-1-a.wav" for scene in scenes]


# Name of a data set -> what is in each of its archives: paths of the copy, where they start.
_PACKED = {
  "birdsong_detection": {
    "ff1010bird_wav.zip": ("ff1010bird_wav", ["wav"]),
    "warblrb10k_public_wav.zip": ("warblrb10k_public_wav", ["wav"]),
    "BirdVox-DCASE-20k.zip": ("BirdVox-DCASE-20k", ["wav"]),
    "ff1010bird_metadata_2018.csv": None,
    "warblrb10k_public_metadata_2018.csv": None,
    "BirdVoxDCASE20k_csvpublic.csv": None,
  },
  "esc50": {"ESC-50-master.zip": ("", ["ESC-50-master"])},
  "esc10": {"ESC-50-master.zip": ("", ["ESC-50-master"])},
  "fsdnoisy18k": {
    f"FSDnoisy18k.{part}.zip": ("", [f"FSDnoisy18k.{part}"])
    for part in ("audio_train", "audio_test", "meta", "doc")
  },
  "musan": {"musan.tar.gz": ("", ["musan"])},
  "speech_commands_v1": {"speech_commands_v0.01.tar.gz": ("", ["."])},
  "speech_commands_v2": {"speech_commands_v0.02.tar.gz": ("", ["."])},
  "tut_2018": {
    f"{_TUT}.meta.zip": ("", [f"{_TUT}/meta.csv", f"{_TUT}/evaluation_setup"]),
    **{f"{_TUT}.audio.{i + 1}.zip": ("", _tut_clips(i)) for i in range(13)},
  },
  "fsd50k": {
    "FSD50K.dev_audio.zip": ("", ["FSD50K.dev_audio"]),
    "FSD50K.eval_audio.zip": ("", ["FSD50K.eval_audio"]),
    "FSD50K.ground_truth.zip": ("", ["FSD50K.ground_truth"]),
  },
}
# In how many volumes an archive is.
_VOLUMES = {"FSD50K.dev_audio.zip": 6, "FSD50K.eval_audio.zip": 2}


def pack(name, copy, target):
  """Packs the copy of a data set into archives as it is published in.

  Args:
    name: of the data set.
    copy: the folder to which its writer wrote.
    target: a new folder for the archives.
  """
  os.makedirs(target)
  for archive, content in _PACKED[name].items():
    if content is None:
      shutil.copy(os.path.join(copy, archive), target)
    else:
      _pack(os.path.join(copy, content[0]), content[1], os.path.join(target, archive))
    if archive in _VOLUMES:
      cut_zip(os.path.join(target, archive), _VOLUMES[archive])


def _pack(start, names, archive):
  if archive.endswith(".tar.gz"):
    with tarfile.open(archive, "w:gz") as file:
      for name in names:
        file.add(os.path.join(start, name), arcname=name)
    return
  with zipfile.ZipFile(archive, "w") as file:
    for name in names:
      for path in _files(os.path.join(start, name)):
        file.write(path, os.path.relpath(path, start))


def _files(path):
  if os.path.isfile(path):
    return [path]
  return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def cut_zip(path, num_volumes):
  """Cuts a zip file into volumes, as `zip -s` makes them: NAME.z01, ..., NAME.zip."""
  with open(path, "rb") as file:
    content = b"PK\x07\x08" + file.read()  # the mark of a zip file in volumes
  end = content.rindex(b"PK\x05\x06")
  num_entries, _, start_of_list = struct.unpack_from("<HLL", content, end + 10)
  start_of_list += 4
  cuts = [start_of_list * i // num_volumes for i in range(num_volumes)]
  changed, entry = bytearray(content), start_of_list
  for _ in range(num_entries):
    lengths = struct.unpack_from("<HHH", content, entry + 28)
    (offset,) = struct.unpack_from("<L", content, entry + 42)
    volume = bisect.bisect_right(cuts, offset + 4) - 1
    struct.pack_into("<H", changed, entry + 34, volume)
    struct.pack_into("<L", changed, entry + 42, offset + 4 - cuts[volume])
    entry += 46 + sum(lengths)
  last = num_volumes - 1
  struct.pack_into("<HH", changed, end + 4, last, last)
  struct.pack_into("<L", changed, end + 16, start_of_list - cuts[-1])
  for number, (start, stop) in enumerate(zip(cuts, [*cuts[1:], len(changed)]), start=1):
    volume = path if number == num_volumes else f"{path[: -len('zip')]}z{number:02d}"
    with open(volume, "wb") as file:
      file.write(changed[start:stop])
