"""Progress is readable on a terminal of 80 columns, in a notebook and in a log."""

import contextlib
import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from contrastive_audio.utils import progress_bar

NOTEBOOK = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
TERMINAL = type("Terminal", (io.StringIO,), {"isatty": lambda self: True})


def seconds_between_updates(stream, seconds, steps=4000, step_s=0.05):
  """Advances a bar by a step every 0.05 s of its own clock; returns how often it wrote."""
  bar = progress_bar.make(steps, "training", "step", stream)
  now_s = bar.start_t

  def clock():
    return now_s

  bar._time, writes = clock, 0
  for _ in range(int(seconds / step_s)):
    now_s += step_s
    writes += bool(bar.update())
  bar.close()
  return seconds / writes


@pytest.mark.parametrize(
  ("kind", "every_s"), [(TERMINAL, 0.2), (NOTEBOOK, 1.0), (io.StringIO, 60.0)]
)
def test_a_bar_moves_every_second_in_a_notebook_and_every_minute_in_a_log(kind, every_s):
  assert seconds_between_updates(kind(), seconds=150) == pytest.approx(every_s, rel=0.3)


def test_a_log_holds_whole_lines_and_none_because_others_write(monkeypatch, capsys):
  stream = io.StringIO()
  with progress_bar.make(3, "decoding", "clip", stream) as bar:
    monkeypatch.setattr("sys.stderr", stream)
    bar.write("step 1: fine")
    bar.update(3)
  begin, end, rest = stream.getvalue().split("\n")
  assert begin == "decoding: 0/3 [00:00<?, ? clips/s]"
  assert end.startswith("decoding: 3/3 [00:00<00:00, ")
  assert end.endswith(" clips/s]")
  assert (rest, capsys.readouterr().out) == ("", "step 1: fine\n")


def read_all(reader):
  """What was written to a terminal that has been closed; it comes in pieces."""
  text = b""
  with contextlib.suppress(OSError):  # how a terminal says that this was all
    while piece := os.read(reader, 10_000):
      text += piece
  os.close(reader)
  return text.decode()


def test_the_loss_is_visible_at_80_columns_however_many_steps_there_are():
  reader, terminal = pty.openpty()
  fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
  with (
    open(terminal, "w", encoding="utf-8") as stream,
    progress_bar.make(4_000_000, "training", "step", stream, initial=1_100_000) as bar,
  ):
    bar.set_description_str("training, loss 1.862, 51 % found")
  last = read_all(reader).rstrip().split("\r")[-1]
  assert len(last) < 80
  assert "loss 1.862, 51 % found:  28%|" in last
  assert "1100000/4000000" in last


@pytest.mark.parametrize(
  ("rate", "units", "text"),
  [(734.2, "pairs", "734 pairs/s"), (0.2, "steps", "5.0 s/step"), (11.51, "clips", "11.5 clips/s")],
)
def test_a_speed_has_the_unit_that_is_larger_than_one(rate, units, text):
  assert progress_bar.speed(rate, units) == text


def test_a_stage_that_fails_ends_its_line_and_says_no_time():
  stream = io.StringIO()
  with pytest.raises(OSError, match="full"), progress_bar.stage("exporting", stream):
    assert stream.getvalue() == "exporting ..."
    raise OSError("full")
  assert stream.getvalue() == "exporting ...\n"


def test_tqdm_disable_silences_stages_too(monkeypatch):
  stream = io.StringIO()
  monkeypatch.setenv("TQDM_DISABLE", "1")
  with progress_bar.stage("exporting", stream):
    pass
  assert stream.getvalue() == ""
