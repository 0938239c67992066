"""Small copies of published data sets: right names, right lists, tiny audio.

A writer takes a folder and returns what should be read from it: a list of Expected, in order.
"""

import collections
import json
import os
import zlib

import soundfile

from contrastive_audio.datasets.corpora import esc50, speech_commands, tut_2018
from tests.support import tone

RATE_HZ = 16_000
Expected = collections.namedtuple("Expected", "key label group split", defaults=(None, None))


def wave(path):
  """The sound of a file: a tone of its own, by its path in the data set."""
  return tone(200 + zlib.crc32(path.encode()) % 3000, 0.05, RATE_HZ)


def write_audio(root, *paths):
  """Writes recordings, each its own tone."""
  for path in paths:
    os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
    soundfile.write(os.path.join(root, path), wave(path), RATE_HZ)


def write_text(root, path, *lines):
  """Writes a text file, a line each."""
  os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
  with open(os.path.join(root, path), "w", encoding="utf-8") as file:
    file.write("".join(f"{line}\n" for line in lines))


def fsdnoisy18k(root):
  """20 checked clips of one class, of which 3 validate; noisy, small and test ones."""
  train = [f"{i}.wav,Engine,/m/02mk9,1,0" for i in range(20)]
  train += ["100.wav,Coin_(dropping),/m/0242l,0,1", "101.wav,Rain,/m/06mb1,0,0"]
  write_text(
    root,
    "FSDnoisy18k.meta/train.csv",
    "fname,label,aso_id,manually_verified,noisy_small",
    *train,
  )
  test = ["564.wav,Walk_or_footsteps,/m/07pbtc8"]
  write_text(root, "FSDnoisy18k.meta/test.csv", "fname,label,aso_id", *test)
  write_text(root, "FSDnoisy18k.doc/README.md", "about")
  names = [f"FSDnoisy18k.audio_train/{line.split(',')[0]}" for line in train]
  write_audio(root, *names, "FSDnoisy18k.audio_test/564.wav")
  # Those with the smallest SHA-256 of their names, by `printf 0.wav | sha256sum` and so on.
  validation = {"11.wav", "17.wav", "0.wav"}
  parts = ["validation" if os.path.basename(n) in validation else "train_clean" for n in names[:20]]
  parts += ["noisy_small", "noisy_rest"]
  labels = ["Engine"] * 20 + ["Coin_(dropping)", "Rain"]
  expected = [Expected(n, c, None, part) for n, c, part in zip(names, labels, parts)]
  return [*expected, Expected("FSDnoisy18k.audio_test/564.wav", "Walk_or_footsteps", None, "test")]


def librispeech(root):
  """Two speakers in one part, one of them with two chapters; a third speaker in another."""
  folder = os.path.join(root, "LibriSpeech")
  expected = []
  chapters = [("dev-clean", "84", "121123", 1), ("train-clean-100", "103", "1240", 2)]
  chapters += [("train-clean-100", "103", "1241", 1), ("train-clean-100", "19", "198", 1)]
  splits = {"dev-clean": "dev_clean", "train-clean-100": "train_clean100"}
  for subset, speaker, chapter, count in chapters:
    place, name = f"{subset}/{speaker}/{chapter}", f"{speaker}-{chapter}"
    ids = [f"{name}-{i:04d}" for i in range(count)]
    write_text(folder, f"{place}/{name}.trans.txt", *(f"{i} CHAPTER ONE" for i in ids))
    write_audio(folder, *(f"{place}/{i}.flac" for i in ids))
    expected += [Expected(f"{place}/{i}.flac", speaker, name, splits[subset]) for i in ids]
  write_text(folder, "SPEAKERS.TXT", "; a comment", "103 | F | train-clean-100 | 25.00 | Name")
  return sorted(expected, key=lambda e: (e.split != "train_clean100", e.key))


def _speech_commands(root, number, words):
  for word in words:
    write_audio(root, f"{word}/0a7c2a8d_nohash_0.wav")
  write_audio(root, "yes/1b4c9b89_nohash_0.wav", "no/1b4c9b89_nohash_1.wav")
  write_audio(root, "_background_noise_/running_tap.wav")
  write_text(root, "validation_list.txt", "yes/1b4c9b89_nohash_0.wav")
  write_text(root, "testing_list.txt", "no/1b4c9b89_nohash_1.wav")
  write_text(root, "README.md", f"Speech Commands 0.0{number}")
  expected = [Expected(f"{w}/0a7c2a8d_nohash_0.wav", w, "0a7c2a8d", "train") for w in words]
  expected.append(Expected("yes/1b4c9b89_nohash_0.wav", "yes", "1b4c9b89", "validation"))
  expected.append(Expected("no/1b4c9b89_nohash_1.wav", "no", "1b4c9b89", "test"))
  return sorted(expected)


def speech_commands_v1(root):
  """All 30 words, one of each in training."""
  return _speech_commands(root, 1, speech_commands.V1_CLASSES)


def speech_commands_v2(root):
  """All 35 words, one of each in training."""
  return _speech_commands(root, 2, speech_commands.V2_CLASSES)


def tut_2018_copy(root):
  """Two clips of each scene, in the first city's place 0 to train and place 1 to test."""
  top = "TUT-urban-acoustic-scenes-2018-development"
  folder, expected = os.path.join(root, top), []
  for scene in tut_2018.CLASSES:
    for place, split in ((0, "train"), (1, "test")):
      path = f"audio/{scene}-barcelona-{place}-{place}-a.wav"
      expected.append(Expected(path, scene, f"barcelona-{place}", split))
  write_audio(folder, *(e.key for e in expected))
  meta = [f"{e.key}\t{e.label}\t{e.group}\ta" for e in expected]
  write_text(folder, "meta.csv", "filename\tscene_label\tidentifier\tsource_label", *meta)
  lists = {
    split: [f"{e.key}\t{e.label}" for e in expected if e.split == split]
    for split in ("train", "test")
  }
  write_text(folder, "evaluation_setup/fold1_train.txt", *lists["train"])
  write_text(folder, "evaluation_setup/fold1_evaluate.txt", *lists["test"])
  write_text(folder, "evaluation_setup/fold1_test.txt", *(x.split("\t")[0] for x in lists["test"]))
  return expected


def voxceleb(root, dev="", test=""):
  """Three speakers; `dev` and `test` are the folders into which the archives were unpacked."""
  lines = [("1", "id10001/Y8hIVOBuels/00001.wav", dev), ("3", "id10001/1zcIwhmdeo4/00001.wav", dev)]
  lines += [
    ("2", "id10270/5r0dWxy17C8/00001.wav", test),
    ("1", "id11251/gFfcgOVmiO0/00002.wav", dev),
  ]
  write_text(root, "iden_split.txt", *(f"{part} {path}" for part, path, _ in lines))
  parts = {"1": "train", "2": "validation", "3": "test"}
  expected = []
  for part, path, place in lines:
    target = os.path.join(root, place, "wav", path)
    os.makedirs(os.path.dirname(target))
    soundfile.write(target, wave(path), RATE_HZ)
    expected.append(Expected(path, path[:7], path.rpartition("/")[0], parts[part]))
  return expected


BIRD_FOLDERS = ("ff1010bird_wav/wav", "warblrb10k_public_wav/wav", "BirdVox-DCASE-20k/wav")


def birdsong_detection(root, folders=BIRD_FOLDERS):
  """Two clips of each of the three sets, in the folders of their archives."""
  sets = [("ff1010bird", "ff1010bird_metadata_2018.csv", ("64486", "2525"))]
  ids = ("759808e5-f824-401e-9058", "1d94fc4a-1c63-4da0-9cac")
  sets += [("warblrb10k_public", "warblrb10k_public_metadata_2018.csv", ids)]
  ids = ("00053d90-e4b9-4045-a2f1-f39efc90cfa9", "000db435-a40f-4ad9-a74e-d1af284d2c44")
  sets += [("BirdVox-DCASE-20k", "BirdVoxDCASE20k_csvpublic.csv", ids)]
  expected = []
  for (name, labels, ids), folder in zip(sets, folders):
    if folder is None:
      continue
    rows = [f"{ids[0]},{name},1", f"{ids[1]},{name},0"]
    write_text(root, labels, "itemid,datasetid,hasbird", *rows)
    os.makedirs(os.path.join(root, folder))
    for item, label in zip(ids, ("bird", "no bird")):
      key = f"{name}/{item}"
      soundfile.write(os.path.join(root, folder, f"{item}.wav"), wave(key), RATE_HZ)
      expected.append(Expected(key, label, key, None))
  return expected


def nsynth(root):
  """Notes of two instruments to train, of one each to validate and test."""
  notes = [("train", "bass_synthetic_033", "022-050"), ("train", "bass_synthetic_033", "023-050")]
  notes += [("train", "synth_lead_synthetic_000", "040-100")]
  notes += [
    ("valid", "keyboard_acoustic_004", "060-025"),
    ("test", "vocal_acoustic_000", "056-127"),
  ]
  expected = []
  for split in ("train", "valid", "test"):
    entries = {}
    for part, instrument, pitch in notes:
      if part == split:
        family = instrument.rpartition("_")[0].rpartition("_")[0]
        name = f"{instrument}-{pitch}"
        entries[name] = {"note_str": name, "instrument_str": instrument, "velocity": 50}
        entries[name] |= {"instrument_family_str": family, "qualities": [0] * 10}
        key = f"nsynth-{split}/audio/{name}.wav"
        expected.append(Expected(key, family, instrument, split))
    write_text(root, f"nsynth-{split}/examples.json", json.dumps(entries, indent=1))
  write_audio(root, *(e.key for e in expected))
  return expected


def voxforge(root):
  """Two languages in folders of their names."""
  paths = ["German/Main/anna-20080728-xyz/wav/de5-01.wav"]
  paths += ["English/Main/bob-20100101-abc/flac/a0001.flac"]
  write_audio(root, *paths)
  write_text(root, "German/Main/anna-20080728-xyz/etc/PROMPTS", "de5-01 ein Satz")
  return [Expected(paths[1], "en", "bob"), Expected(paths[0], "de", "anna")]


def voxforge_mirror(root):
  """The folders of `wget -x`; English lies in SpeechCorpus."""
  host, deep = "www.repository.voxforge1.org/downloads", "Trunk/Audio/Main/16kHz_16bit"
  keys = [f"SpeechCorpus/{deep}/bob-20100101-abc/wav/a0001.wav"]
  keys += [f"ru/{deep}/anonymous-20070712-ru1/wav/ru_0001.wav"]
  write_audio(os.path.join(root, host), *keys)
  write_text(root, f"{host}/ru/{deep}/anonymous-20070712-ru1.tgz", "packed, and unpacked beside")
  return [Expected(keys[0], "en", "bob"), Expected(keys[1], "ru", "anonymous")]


def _esc50_lines():
  for number, name in enumerate(esc50.ESC50_CLASSES):
    fold, source = str(number % 5 + 1), str(100_000 + number)
    file = f"{fold}-{source}-A-{number}.wav"
    yield file, fold, str(number), name, str(name in esc50.ESC10_CLASSES), source, "A"


def esc50_copy(root):
  """One clip of each class."""
  folder, lines = os.path.join(root, "ESC-50-master"), list(_esc50_lines())
  header = "filename,fold,target,category,esc10,src_file,take"
  write_text(folder, "meta/esc50.csv", header, *map(",".join, lines))
  write_audio(folder, *(f"audio/{line[0]}" for line in lines))
  return [Expected(f"audio/{x[0]}", x[3], x[5], x[1]) for x in lines]


def esc10_copy(root):
  """The same, of which ten clips are of ESC-10."""
  return [e for e in esc50_copy(root) if e.label in esc50.ESC10_CLASSES]


def fsd50k_classes():
  """200 names; the true ones at the places that are known, see the list of the data set."""
  return [{53: "Crushing", 69: "Electric_guitar"}.get(i, f"Class_{i}") for i in range(200)]


def fsd50k(root):
  """A clip of each part, with one label or two."""
  truth = "FSD50K.ground_truth"
  vocabulary = [f"{i},{name},/m/{i}" for i, name in enumerate(fsd50k_classes())]
  write_text(root, f"{truth}/vocabulary.csv", *vocabulary)
  rows = ['64760,"Electric_guitar,Crushing","/m/02sgy,/m/07plct2",train', "16399,Crushing,/m/0,val"]
  write_text(root, f"{truth}/dev.csv", "fname,labels,mids,split", *rows)
  write_text(root, f"{truth}/eval.csv", "fname,labels,mids", "37199,Electric_guitar,/m/02sgy")
  expected = [Expected("FSD50K.dev_audio/64760.wav", "Electric_guitar;Crushing", None, "train")]
  expected += [Expected("FSD50K.dev_audio/16399.wav", "Crushing", None, "validation")]
  expected += [Expected("FSD50K.eval_audio/37199.wav", "Electric_guitar", None, "test")]
  write_audio(root, *(e.key for e in expected))
  return expected


def musan(root):
  """A recording of 25.5 s in three pieces, the rest below 1 s in none of its own; two short."""
  paths = ["music/fma/music-fma-0000.wav", "noise/free-sound/noise-free-sound-0000.wav"]
  paths += ["speech/librivox/speech-librivox-0000.wav"]
  folder = os.path.join(root, "musan")
  write_audio(folder, *paths[1:])
  os.makedirs(os.path.join(folder, "music/fma"))
  soundfile.write(os.path.join(folder, paths[0]), tone(440, 25.5, 4_000), 4_000)
  write_text(folder, "music/fma/ANNOTATIONS", "music-fma-0000 rock Y artist")
  pieces = [Expected(f"{paths[0]}#{s}s", "music", paths[0], None) for s in (0, 10, 20)]
  return [*pieces, *(Expected(p, p.split("/")[0], p, None) for p in paths[1:])]


# Name of a data set -> who writes it.
WRITERS = {
  "birdsong_detection": birdsong_detection,
  "esc10": esc10_copy,
  "esc50": esc50_copy,
  "fsd50k": fsd50k,
  "fsdnoisy18k": fsdnoisy18k,
  "librispeech": librispeech,
  "musan": musan,
  "nsynth": nsynth,
  "speech_commands_v1": speech_commands_v1,
  "speech_commands_v2": speech_commands_v2,
  "tut_2018": tut_2018_copy,
  "voxceleb": voxceleb,
  "voxforge": voxforge,
}
