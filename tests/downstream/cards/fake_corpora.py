"""Small copies of published data sets: right names and lists, a fraction of a second of tone each.

Every maker takes the folder that `--data_dir` names and writes one data set into a folder of it.
"""

import csv
import json

import numpy as np
import soundfile

from downstream.choices import Condition
from downstream.evaluation import _problem
from tests.support import tone

RATE_HZ = 16_000


def clip(path, seconds=0.1, hz=440):
  """Writes a sound."""
  path.parent.mkdir(parents=True, exist_ok=True)
  soundfile.write(path, tone(hz, seconds, RATE_HZ), RATE_HZ)


def table(path, rows, delimiter=","):
  """Writes a list of rows."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, "w", newline="") as file:
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


def librispeech(parent):
  """Speakers 1 and 2 with several chapters, speaker 3 with one; and a part that no card needs."""
  for subset, chapters in (
    ("train-clean-100", {"1": "abc", "2": "ab", "3": "a"}),
    ("dev-clean", {"9": "a"}),
  ):
    for speaker, letters in chapters.items():
      for chapter in (f"{speaker}{ord(letter)}" for letter in letters):
        folder = parent / "librispeech" / "LibriSpeech" / subset / speaker / chapter
        names = [f"{speaker}-{chapter}-{i:04d}" for i in range(5)]
        for name in names:
          clip(folder / f"{name}.flac")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(f"{n} A\n" for n in names))


def speech_commands(parent, version=1):
  """Words yes, no and three others, ten recordings each; the last three choose and test."""
  root = parent / f"speech_commands_v{version}"
  words = ["yes", "no", "bed", "cat", "tree"] + (["backward"] if version == 2 else [])
  lists = {"validation_list.txt": [], "testing_list.txt": []}
  for word in words:
    for speaker in range(10):
      clip(root / word / f"{speaker:08x}_nohash_0.wav")
      if speaker >= 7:
        name = "validation_list.txt" if speaker == 7 else "testing_list.txt"
        lists[name].append(f"{word}/{speaker:08x}_nohash_0.wav")
  clip(root / "_background_noise_" / "tap.wav")
  for name, lines in lists.items():
    (root / name).write_text("".join(f"{line}\n" for line in lines))


def tut_2018(parent):
  """Two scenes, three places each, four segments of each place; place 2 is the official test."""
  root = parent / "tut_2018"
  rows, folds = (
    [["filename", "scene_label", "identifier", "source_label"]],
    {"train": [], "test": []},
  )
  for scene in ("bus", "airport"):
    for place in range(3):
      for segment in range(4):
        name = f"audio/{scene}-lyon-{place}-{segment}-a.wav"
        clip(root / name)
        rows.append([name, scene, f"{scene}-lyon-{place}", "a"])
        folds["test" if place == 2 else "train"].append([name, scene])
  table(root / "meta.csv", rows, "\t")
  table(root / "evaluation_setup" / "fold1_train.txt", folds["train"], "\t")
  table(root / "evaluation_setup" / "fold1_evaluate.txt", folds["test"], "\t")


def voxceleb(parent):
  """Three speakers, each with a video for each part of the official list."""
  lines = []
  for speaker in ("id10001", "id10002", "id10003"):
    for part, video in enumerate(("first", "second", "third"), start=1):
      for utterance in ("00001", "00002"):
        lines.append(f"{part} {speaker}/{video}/{utterance}.wav")
        clip(parent / "voxceleb" / "wav" / speaker / video / f"{utterance}.wav")
  (parent / "voxceleb" / "iden_split.txt").write_text("".join(f"{line}\n" for line in lines))


def birdsong_detection(parent):
  """Two of the three sets, 20 recordings each."""
  names = {"ff1010bird_wav": "ff1010bird", "warblrb10k_public_wav": "warblrb10k_public"}
  for folder, name in names.items():
    root = parent / "birdsong_detection"
    rows = [[f"{i}", name, f"{i % 2}"] for i in range(20)]
    labels = root / f"{name}_metadata_2018.csv"
    table(labels, [["itemid", "datasetid", "hasbird"], *rows])
    for item, _, _ in rows:
      clip(root / folder / "wav" / f"{item}.wav")


def musan(parent):
  """Recordings of 21 s, which are two pieces of 10 s and the rest, and short ones."""
  for kind, source in (("music", "fma"), ("speech", "librivox"), ("noise", "free-sound")):
    for number in range(6):
      seconds = 21 if number < 5 else 3
      clip(parent / "musan" / kind / source / f"{kind}-{source}-{number:04d}.wav", seconds)


def voxforge(parent):
  """Two languages; "anonymous" speaks both, and most of one of them."""
  for language, speakers in (("de", "abcd"), ("fr", "wxyz")):
    recordings = [(speaker, 3) for speaker in speakers]
    recordings.append(("anonymous", 6 if language == "de" else 1))
    for speaker, count in recordings:
      for number in range(count):
        folder = parent / "voxforge" / language / f"{speaker}-2010-abc" / "wav"
        clip(folder / f"{language}{number}.wav")


def nsynth(parent):
  """Two families in all parts, synth_lead in train only."""
  for part, instruments in (("train", "abc"), ("valid", "d"), ("test", "e")):
    root, notes = parent / "nsynth" / f"nsynth-{part}", {}
    for family in ("guitar", "bass", *(["synth_lead"] if part == "train" else [])):
      for instrument in instruments:
        for pitch in (60, 61):
          note = f"{family}_{instrument}-{pitch}"
          clip(root / "audio" / f"{note}.wav")
          notes[note] = {
            "note_str": note,
            "instrument_family_str": family,
            "instrument_str": f"{family}_{instrument}",
          }
    (root / "examples.json").write_text(json.dumps(notes))


def fsdnoisy18k(parent, seconds=0.1):
  """Three classes: 9 noisy training clips each, 3 of them in the small part, 7 clean, 3 to test."""
  root = parent / "fsdnoisy18k"
  train = [["fname", "label", "aso_id", "manually_verified", "noisy_small"]]
  test = [["fname", "label", "aso_id"]]
  for number, label in enumerate(("Wind", "Rain", "Fire")):
    for i in range(19):
      name = f"{100 * number + i}.wav"
      folder = "audio_test" if i >= 16 else "audio_train"
      clip(root / f"FSDnoisy18k.{folder}" / name, seconds, 300 * 2**number + 5 * i)
      if i >= 16:
        test.append([name, label, "/m/0"])
      else:
        train.append([name, label, "/m/0", int(i >= 9), int(i < 3)])
  table(root / "FSDnoisy18k.meta" / "train.csv", train)
  table(root / "FSDnoisy18k.meta" / "test.csv", test)


def esc50(parent, folder="esc50"):
  """Two classes of ESC-10 and one other in five folds."""
  rows = [["filename", "fold", "target", "category", "esc10", "src_file", "take"]]
  for target, category, is_ten in ((0, "dog", True), (1, "rooster", True), (3, "cow", False)):
    for fold in range(1, 6):
      for take in "AB":
        name = f"{fold}-{target}{fold}-{take}-{target}.wav"
        clip(parent / folder / "ESC-50-master" / "audio" / name)
        rows.append([name, fold, target, category, is_ten, f"{target}{fold}", take])
  table(parent / folder / "ESC-50-master" / "meta" / "esc50.csv", rows)


def fsd50k(parent):
  """Three of 200 classes, some clips with two of them."""
  root = parent / "fsd50k"
  labels = ["class007", "class003", "class003,class007", "class150"]
  dev, evaluation = [["fname", "labels", "mids", "split"]], [["fname", "labels", "mids"]]
  for i in range(16):
    is_dev = i < 12
    clip(root / f"FSD50K.{'dev' if is_dev else 'eval'}_audio" / f"{i}.wav")
    row = [str(i), labels[i % 4], ""]
    (dev if is_dev else evaluation).append([*row, "train" if i < 8 else "val"] if is_dev else row)
  table(root / "FSD50K.ground_truth" / "dev.csv", dev)
  table(root / "FSD50K.ground_truth" / "eval.csv", evaluation)
  vocabulary = [[i, f"class{i:03d}", f"/m/{i}"] for i in range(200)]
  table(root / "FSD50K.ground_truth" / "vocabulary.csv", vocabulary)


def audioset(parent):
  """Three of 527 classes, several in a clip; balanced, unbalanced and eval parts."""
  root = parent / "audioset"
  mids = [f"/m/{i:04d}" for i in range(527)]
  header = [["index", "mid", "display_name"]]
  table(
    root / "class_labels_indices.csv",
    header + [[i, mid, f"Sound, {i}"] for i, mid in enumerate(mids)],
  )
  several = [(5,), (2,), (2, 5), (400, 5)]
  for part, count in (("balanced_train", 8), ("unbalanced_train", 4), ("eval", 8)):
    lines = ["# Segments csv created Sun Mar  5 10:54:31 2017\n", "# num_ytids=8\n"]
    lines.append("# YTID, start_seconds, end_seconds, positive_labels\n")
    for i in range(count):
      name = f"{part[:3]}_______{i}"
      clip(root / f"{part}_segments" / f"Y{name}.wav")
      lines.append(f'{name}, 0.000, 10.000, "{",".join(mids[c] for c in several[i % 4])}"\n')
    (root / f"{part}_segments.csv").write_text("".join(lines))


MAKERS = {
  "librispeech": librispeech,
  "speech_commands_v1": speech_commands,
  "speech_commands_v2": lambda parent: speech_commands(parent, version=2),
  "tut_2018": tut_2018,
  "voxceleb": voxceleb,
  "birdsong_detection": birdsong_detection,
  "musan": musan,
  "voxforge": voxforge,
  "nsynth": nsynth,
  "fsdnoisy18k": fsdnoisy18k,
  "esc50": esc50,
  "esc10": lambda parent: esc50(parent, "esc10"),
  "fsd50k": fsd50k,
  "audioset": audioset,
}


def labels_of(data, clip_ids):
  """Returns the set of labels of some clips of a TaskData."""
  return {data.clips.labels[i] for i in np.asarray(clip_ids)}


def problem_of(data, split, seed=0):
  """One split of a TaskData, with its validation clips, all labels and no model."""
  return _problem(data, None, split, Condition(), seed, None)
