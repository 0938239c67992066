"""The lists of clips that are not in a store."""

from contrastive_audio import datasets
from contrastive_audio.store import left_out
from contrastive_audio.store.disk_format import MISSING, SKIPPED
from contrastive_audio.store.preparation import prepare
from tests.support import write_clips

KEYS = ["=1.wav", "'=2.wav", "-3.wav", "@4,5.wav", "6.wav"]


def test_the_list_of_skipped_clips_holds_no_formulas_and_copies_keep_their_keys(tmp_path):
  write_clips(tmp_path / "in", classes=("a",), clips=1, seconds=0.1)
  for key in KEYS:
    (tmp_path / "in" / key).write_bytes(b"no audio")
  source = datasets.open_source(f"folder:{tmp_path / 'in'}")
  store = prepare(source, 16_000, str(tmp_path / "stores"), max_bad_fraction=1)
  left_out.copy(store.folders, str(tmp_path))
  assert sorted(key for key, _ in left_out.read(str(tmp_path), SKIPPED)) == sorted(KEYS)
  lines = (tmp_path / SKIPPED).read_text().splitlines()
  assert not [line for line in lines if line.lstrip('"').startswith(tuple("=+-@"))]


def test_the_list_of_missing_clips_keeps_their_keys(tmp_path):
  left_out.write_missing(str(tmp_path), KEYS)
  assert left_out.read(str(tmp_path), MISSING) == [[key] for key in KEYS]
