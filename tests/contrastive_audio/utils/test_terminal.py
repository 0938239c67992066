"""Output that nobody reads, or that a terminal cannot show, ends no job."""

import io
import os
import subprocess
import sys

import pytest

from contrastive_audio.utils import terminal
from tests.support import environment

NAME = "n\u00f6t \udcff"  # of a file: a letter that ASCII lacks, a byte that is no UTF-8


@pytest.mark.parametrize(
  ("encoding", "shown"), [("ascii", rb"n\xf6t \udcff"), ("utf-8", b"n\xc3\xb6t \\udcff")]
)
def test_what_an_encoding_lacks_is_written_with_backslashes(encoding, shown):
  reading, writing = os.pipe()
  like = io.TextIOWrapper(io.BytesIO(), encoding)
  terminal.writer(writing, like).write(NAME)  # and is flushed when it goes
  os.close(writing)
  with open(reading, "rb") as pipe:
    assert pipe.read() == shown


def test_a_reader_that_left_is_no_error():
  reading, writing = os.pipe()
  stream = terminal.writer(writing)
  os.close(reading)
  for _ in range(3):
    print("more", file=stream, flush=True)
  os.close(writing)


# Writes more than a pipe holds, then a file: the result that must not be lost.
JOB = """
import contextlib, os, sys
from contrastive_audio.cli.main import run_main
from contrastive_audio.utils import quiet

def main(_):
  with quiet.native_stderr() as shown:
    print("progress", file=shown)
  with open("result", "w") as file:  # must not become descriptor 1 or 2
    for descriptor in (1, 2):
      with contextlib.suppress(OSError):
        os.write(descriptor, b"native")
    for number in range(20_000):
      print(number, flush=True)
    file.write("done")

run_main(main, lambda: None, "", [], ["play"])
"""
# (redirection, exit code, what is said)
ENDS = [
  ("| head -1 > head", 0, ""),
  ("| true", 0, ""),
  (">&-", 0, ""),
  (">&- 2>&- <&-", 0, ""),
  ("> /dev/full", 1, "error: cannot write standard output: no space left on device; nothing"),
]


@pytest.mark.parametrize(("redirection", "code", "said"), ENDS)
def test_a_job_finishes_whatever_becomes_of_its_output(redirection, code, said, tmp_path):
  (tmp_path / "job.py").write_text(JOB)
  line = f"set -o pipefail; {sys.executable} job.py {redirection}"
  done = subprocess.run(
    ["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, text=True
  )
  error = done.stderr.replace("progress\n", "").replace("native", "")
  assert (done.returncode, error[: len(said)]) == (code, said)
  assert error.count("\n") == bool(said)
  assert (tmp_path / "result").read_text() == "done"
