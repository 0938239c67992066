"""A config.json under damage."""

import json

import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.utils import run_files

WHOLE = {"system": "cola", "config": {"steps": 9}, "data": {}, "input": {}, "versions": {}}
DAMAGES = [
  b"", b"{", b"\xff\xfe{}", b"null", b"[]", b"7", b'"text"', b"true", b"[" * 100_000,
  *(
    json.dumps(WHOLE | {name: value}).encode()
    for name in ("system", "config", "data", "input")
    for value in (None, [], 7, {"deep": {}} if name == "system" else "text")
  ),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGES, ids=lambda content: content[:40])
def test_a_damaged_config_is_one_line_that_names_it(tmp_path, content):
  (tmp_path / "config.json").write_bytes(content)
  with pytest.raises(UserError, match=r"config.json is damaged \([^\n]+\): [^\n]+$"):
    run_files.read_config(str(tmp_path))


def test_a_whole_config_is_read_whatever_else_it_holds(tmp_path):
  content = WHOLE | {"system": "later", "format": 99}
  (tmp_path / "config.json").write_text(json.dumps(content))
  assert run_files.read_config(str(tmp_path)) == content


def test_a_folder_instead_of_the_file_is_one_line(tmp_path):
  (tmp_path / "config.json").mkdir()
  with pytest.raises(UserError, match="is not a run folder: cannot read .*: is a directory"):
    run_files.read_config(str(tmp_path))
