"""`cola.train --dataset=audioset` on a faithful copy that lacks some clips and damages some."""

import collections

import numpy as np
import pytest

from contrastive_audio.utils.spreadsheets import read_csv
from tests.contrastive_audio.datasets.corpora import fake_audioset as fake
from tests.support import train

pytestmark = pytest.mark.slow
NUM_CLIPS, NUM_MISSING, NUM_CORRUPT = 2000, 100, 20


def write_copy(folder):
  """Writes lists of 2,000 segments, 5 % of them without a recording, 1 % with a corrupt one."""
  rng = np.random.default_rng(0)
  letters = np.array(list("abcdefghijkLMNOPQ0123456789-_"))
  ids = ["".join(rng.choice(letters, 11)) for _ in range(NUM_CLIPS)]
  labels = [tuple(rng.choice(6, rng.integers(1, 3), replace=False)) for _ in ids]
  parts = {
    "balanced_train_segments": slice(0, 1000),
    "unbalanced_train_segments": slice(1000, None),
  }
  segments = {
    name: [(ytid, 0, 1, row) for ytid, row in zip(ids[part], labels[part])]
    for name, part in parts.items()
  }
  fake.write_lists(folder / "csv", segments)
  odd = rng.permutation(NUM_CLIPS)
  missing, corrupt = odd[:NUM_MISSING], odd[NUM_MISSING : NUM_MISSING + NUM_CORRUPT]
  sound = fake.sound("any", 0.3)
  for number in np.setdiff1d(np.arange(NUM_CLIPS), missing):
    name = "balanced_train_segments" if number < 1000 else "unbalanced_train_segments_part00"
    content = sound[: len(sound) // 2] if number in corrupt else sound
    fake.write(folder / "audios" / name / f"Y{ids[number]}.wav", content)
  return [ids[i] for i in missing], [ids[i] for i in corrupt]


def test_a_copy_with_missing_and_corrupt_clips_trains_and_says_and_lists_both(tmp_path):
  missing, corrupt = write_copy(tmp_path / "audioset")
  options = ["--dataset=audioset", f"--data_dir={tmp_path}", "--run=run", "--store_dir=stores"]
  result = train(*options, "--steps=2", "--batch_size=4", cwd=tmp_path)
  assert "1880 clips" in result.stdout
  assert "100 of 2000 listed clips are missing" in result.stdout
  assert "missing    100 of 2000 listed clips are not there, see " in result.stdout
  assert "skipped    20 unusable clips, see " in result.stdout
  assert [row[0] for row in read_csv(tmp_path / "run" / "missing.csv")[1:]] == sorted(missing)
  skipped = read_csv(tmp_path / "run" / "skipped.csv")[1:]
  assert sorted(row[0] for row in skipped) == sorted(corrupt)
  assert collections.Counter(row[1].split(":")[0] for row in skipped) == {"truncated": NUM_CORRUPT}
  assert "kNN" in result.stdout  # judged by the clips with one label
