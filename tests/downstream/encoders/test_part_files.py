"""Parts are written and read a few rows at a time, and damage is never read."""

import numpy as np
import pyarrow as pa
import pytest

from contrastive_audio.errors import UserError
from downstream.encoders import part_files
from downstream.encoders.part_files import read_part, write_part
from tests.support import assert_close

RNG = np.random.default_rng(0)
ROWS = [
  (np.array([0, 0, 1], np.int32), RNG.normal(size=[3, 5]).astype("f")),
  (np.array([1], np.int32), RNG.normal(size=[1, 5]).astype("f")),
  (np.array([1, 2], np.int32), RNG.normal(size=[2, 5]).astype("f")),
]
DAMAGE = (pa.ArrowException, OSError, KeyError, ValueError, TypeError)  # see Embeddings


@pytest.fixture
def path(tmp_path, monkeypatch):
  monkeypatch.setattr(part_files, "BATCH_BYTES", 2 * 5 * 4)  # two rows
  write_part(str(tmp_path / "part"), iter(ROWS))
  return tmp_path / "part"


def test_rows_come_back_in_order_and_in_small_batches(path):
  batches = list(read_part(str(path), 5))
  assert [len(clips) for clips, _ in batches] == [3, 3]
  for number, dtype in enumerate((np.int32, np.float32)):
    column = np.concatenate([batch[number] for batch in batches])
    assert column.dtype == dtype
    assert_close(column, np.concatenate([rows[number] for rows in ROWS]))


def test_no_damage_is_read(path):
  whole = path.read_bytes()
  desired = [values.tobytes() for _, values in read_part(str(path), 5)]
  cut = [whole[:length] for length in range(0, len(whole), 37)]
  flipped = []
  for position in range(0, len(whole), 3):
    content = bytearray(whole)
    content[position] ^= 1 << (position % 8)
    flipped.append(content)
  num_refused = 0
  for content in [*cut, *flipped]:
    path.write_bytes(content)
    try:
      assert [values.tobytes() for _, values in read_part(str(path), 5)] == desired
    except DAMAGE:
      num_refused += 1
  assert num_refused > len(cut)


def test_a_batch_that_is_missing_at_the_end_is_noticed(path, tmp_path):
  with pa.OSFile(str(path)) as file:
    reader = pa.ipc.open_file(file)
    batch, metadata = reader.get_batch_with_custom_metadata(0)
  with pa.ipc.new_file(str(tmp_path / "shorter"), batch.schema) as writer:
    writer.write_batch(batch, custom_metadata=dict(metadata))
  with pytest.raises(ValueError, match="the content of the file has changed"):
    list(read_part(str(tmp_path / "shorter"), 5))


def test_an_error_of_what_embeds_leaves_no_file(tmp_path):
  def rows():
    yield ROWS[0]
    raise UserError("not finite")

  with pytest.raises(UserError, match="not finite"):
    write_part(str(tmp_path / "part"), rows())
  assert list(tmp_path.iterdir()) == []
