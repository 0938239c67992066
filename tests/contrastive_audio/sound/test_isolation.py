"""Nothing but the given file is opened, whatever it says and however it is called."""

import contextlib
import ctypes
import os
import sys

import pytest

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import reading
from tests.contrastive_audio.sound.sound_files import NOISE, encode_by_ffmpeg

RATE_HZ = 48_000
_OPENED = 0x20  # the event of inotify
SESSION = (
  b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
  b"m=audio 45454 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n"
)
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nother.m4a\n#EXT-X-ENDLIST\n"
MANIFEST = b'<?xml version="1.0"?><MPD><BaseURL>other.m4a</BaseURL></MPD>'
LISTS = {
  "x.wav": b"ffconcat version 1.0\nfile 'other.m4a'\n",
  "x.m3u8": PLAYLIST,
  "x.mp3": PLAYLIST,
  "x.sdp": SESSION,
  "x.mpd": MANIFEST,
}


@pytest.fixture
def openings(tmp_path):
  """Returns a function that says whether anybody opened `other.m4a` since the last call."""
  if not sys.platform.startswith("linux"):
    pytest.skip("asks Linux")
  (tmp_path / "other.m4a").write_bytes(encode_by_ffmpeg("ipod", "aac"))
  library = ctypes.CDLL(None, use_errno=True)
  watch = library.inotify_init1(os.O_NONBLOCK)
  assert library.inotify_add_watch(watch, os.fsencode(tmp_path / "other.m4a"), _OPENED) >= 0

  def opened():
    with contextlib.suppress(BlockingIOError):
      return bool(os.read(watch, 65536))
    return False

  yield opened
  os.close(watch)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_files_or_addresses_opens_none_of_them(tmp_path, monkeypatch, openings, name):
  monkeypatch.chdir(tmp_path)
  open("other.m4a").close()
  assert openings()  # so it would be seen
  (tmp_path / name).write_bytes(LISTS[name])
  for source in (name, memoryview(LISTS[name])):
    with pytest.raises(UnusableAudio, match="format not recognised|cannot be decoded"):
      reading.read(source, RATE_HZ)
  assert not openings()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/net/udp")
def test_the_description_of_a_session_opens_no_port():
  def ports():
    with open("/proc/net/udp") as table:
      return {line.split()[1].split(":")[1] for line in table.readlines()[1:]}

  before = ports()
  with pytest.raises(UnusableAudio, match="format not recognised"):
    reading.read(memoryview(SESSION), RATE_HZ)
  assert f"{45454:04X}" not in ports() - before


@pytest.mark.parametrize(
  "name",
  [
    *("2024-05-01T12:00.m4a", "concat:other.m4a", "subfile,,start,0,end,0,,:other.m4a"),
    *("file:x.m4a", "data:audio,x.m4a", "-i.m4a", "http:x.m4a", "crypto:other.m4a"),
  ],
)
def test_a_relative_name_is_a_name_and_no_protocol(tmp_path, monkeypatch, openings, name):
  monkeypatch.chdir(tmp_path)
  (tmp_path / name).write_bytes(encode_by_ffmpeg("ipod", "aac"))
  assert abs(len(reading.read(name, RATE_HZ)) - len(NOISE)) < 2200
  assert not openings()
