"""What a recording may cost: memory, and reasons in place of errors."""

import itertools
import random
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from benchmarks.lib import mutations
from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import ffmpeg, libsndfile, reading
from contrastive_audio.sound.samples import BLOCK_BYTES
from tests.contrastive_audio.sound.sound_files import (
  NOISE,
  RATE_HZ,
  encode,
  encode_by_ffmpeg,
  patched,
)
from tests.support import assert_close


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.ogg", "x.m4a"])
def test_the_blocks_of_a_recording_are_the_recording(tmp_path, monkeypatch, name):
  wave = np.concatenate([NOISE] * 4)
  if name == "x.m4a":
    (tmp_path / name).write_bytes(encode_by_ffmpeg("ipod", "aac", wave))
  else:
    soundfile.write(tmp_path / name, wave, RATE_HZ)
  monkeypatch.setattr(libsndfile, "BLOCK_BYTES", 40_000)
  for rate_hz in (RATE_HZ, 11_025):
    blocks = [*reading.blocks(tmp_path / name, rate_hz)]
    assert len(blocks) > 2
    assert all(block.dtype == np.float32 and len(block) for block in blocks)
    assert_close(reading.read(tmp_path / name, rate_hz), np.concatenate(blocks))
  (clip,) = FileSource("x", str(tmp_path), to_table([Row(name)]), "").clips(0, 1)
  assert_close(clip.load(11_025), np.concatenate(blocks))
  assert_close(np.concatenate([*clip.blocks(11_025)]), np.concatenate(blocks))


def test_a_truncated_recording_is_refused_after_its_last_block(tmp_path):
  content = encode("MP3", "MPEG_LAYER_III", np.concatenate([NOISE] * 4))
  overstated = patched(content, content.index(b"Xing") + 8, ">I", 1_000_000)
  (tmp_path / "x.mp3").write_bytes(overstated)
  blocks = reading.blocks(tmp_path / "x.mp3", RATE_HZ)
  assert len(next(blocks))
  with pytest.raises(UnusableAudio, match="truncated"):
    for _ in blocks:
      pass


def test_nan_is_found_in_the_block_that_holds_it(tmp_path, monkeypatch):
  monkeypatch.setattr(libsndfile, "BLOCK_BYTES", 4 * 20_000)
  wave = np.concatenate([NOISE, [np.nan], NOISE]).astype("f")
  soundfile.write(tmp_path / "x.wav", wave, RATE_HZ, subtype="FLOAT")
  blocks = reading.blocks(tmp_path / "x.wav", RATE_HZ)
  assert len(next(blocks)) == 20_000
  with pytest.raises(UnusableAudio, match="NaN or Inf"):
    next(blocks)


@pytest.mark.parametrize(("num_frames", "channels"), [(40_000_000, 1), (40_000, 1024)])
def test_decoding_holds_one_block_however_long_and_of_however_many_channels(
  tmp_path, num_frames, channels
):
  header = encode("WAV", "PCM_U8", np.zeros(2, "f"))[:44]
  header = patched(header, 22, "<HII", channels, RATE_HZ, RATE_HZ * channels)
  header = patched(header, 32, "<H", channels)
  num_bytes = num_frames * channels
  header = patched(patched(header, 4, "<I", num_bytes + 36), 40, "<I", num_bytes)
  with open(tmp_path / "x.wav", "wb") as file:
    file.write(header)
    file.truncate(len(header) + num_bytes)  # a hole: it takes no room on the disk
  tracemalloc.start()
  num_samples = sum(map(len, itertools.islice(reading.blocks(tmp_path / "x.wav", RATE_HZ), 12)))
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert num_samples >= min(num_frames, BLOCK_BYTES // (4 * channels))
  assert peak < 6 * BLOCK_BYTES


@pytest.mark.parametrize("rate_hz", [1, 50, 2_000_000, 4_000_000_000])
def test_an_absurd_sample_rate_is_refused_with_the_reason(rate_hz):
  content = patched(encode("WAV", "PCM_16"), 24, "<I", rate_hz)
  with pytest.raises(UnusableAudio, match="sample rate of -?[0-9]+ Hz|cannot be decoded"):
    reading.read(bytearray(content), RATE_HZ)


def test_resampling_upwards_holds_blocks_of_bounded_size():
  content = patched(encode("WAV", "PCM_16", np.zeros(200_000, "f")), 24, "<II", 200, 400)
  assert max(map(len, reading.blocks(bytearray(content), RATE_HZ))) <= 1.1 * BLOCK_BYTES / 4


class Reasonless(Exception):
  """An error without a text."""


@pytest.mark.parametrize(
  "error",
  [
    *(AttributeError("x"), IndexError(), OSError(5, "Input/output error"), MemoryError()),
    *(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Reasonless(), ValueError("a\nb")),
  ],
  ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("extension", ["wav", "m4a"])
def test_whatever_a_decoder_raises_is_a_reason_to_skip_the_clip(monkeypatch, extension, error):
  def fail(*_, **__):
    raise error

  if extension == "wav":
    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    content = encode("WAV", "PCM_16")
  else:
    monkeypatch.setattr(ffmpeg, "mix", fail)
    content = encode_by_ffmpeg("ipod", "aac")
  with pytest.raises(UnusableAudio) as raised:
    reading.read(bytearray(content), RATE_HZ)
  assert len(str(raised.value)) > 10
  assert "\n" not in str(raised.value)


def test_a_sound_track_without_a_decoder_is_refused_with_the_reason():
  content = encode_by_ffmpeg("mov", "alac").replace(b"alac", b"xxxx")
  with pytest.raises(UnusableAudio, match="decod"):
    reading.read(bytearray(content), RATE_HZ)


def test_headers_without_end_are_given_up():
  zeros = b"RIFF" + struct.pack("<I", 10**6) + b"WAVE" + bytes(10**6)
  voice = b"Creative Voice File\x1a" + bytes(20)  # its first block would begin where it begins
  frames = b"OggS\0\2" + bytes(21)
  for content in (zeros, voice, frames, b"fLaC\0\0\0\x22" * 1000, b"\xff\xfb\x90\x00" * 1000):
    with pytest.raises(UnusableAudio):
      reading.read(bytearray(content), RATE_HZ)


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path):
  """Deterministic: the same damages in each run; `benchmarks` make many more."""
  files, num_read, reasons = mutations.make_files(0.2), 0, []
  for number, (name, content) in enumerate(itertools.islice(itertools.cycle(files.items()), 300)):
    damaged = mutations.mutate(content, random.Random(number))
    path = tmp_path / f"x.{name.split('.')[-1]}"
    path.write_bytes(damaged)
    segment = {"start_s": 0.05, "stop_s": 0.15} if number % 4 == 0 else {}
    try:
      wave = reading.read(path if number % 2 else bytearray(damaged), RATE_HZ, **segment)
    except UnusableAudio as reason:
      reasons.append(str(reason))
    else:
      num_read += 1
      assert len(wave) < 60 * RATE_HZ
      assert np.isfinite(wave).all()
  assert 40 < num_read < 260
  assert all(reason.strip() for reason in reasons)


def test_undamaged_files_of_the_mutations_are_read():
  for name, content in mutations.make_files(0.2).items():
    assert abs(len(reading.read(bytearray(content), RATE_HZ)) - 0.2 * RATE_HZ) < 1100, name
