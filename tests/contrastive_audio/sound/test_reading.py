"""Reading: every format, every rate, every damage."""

import os
import struct

import numpy as np
import pytest
import soundfile
import soxr

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import libsndfile, reading
from tests.support import assert_close, shared_data, tone

RATE_HZ = 16_000
# (extension, format, subtype, tolerance): lossy codecs change the wave, not its length here.
FORMATS = [
  ("wav", "WAV", "PCM_U8", 1 / 128),
  ("wav", "WAV", "PCM_16", 1 / 32768),
  ("wav", "WAV", "PCM_24", 1e-6),
  ("wav", "WAV", "PCM_32", 1e-6),
  ("wav", "WAV", "FLOAT", 0),
  ("wav", "WAV", "DOUBLE", 0),
  ("wav", "WAVEX", "PCM_16", 1 / 32768),
  ("wav", "WAVEX", "PCM_24", 1e-6),
  ("flac", "FLAC", "PCM_16", 1 / 32768),
  ("flac", "FLAC", "PCM_24", 1e-6),
  ("ogg", "OGG", "VORBIS", 0.1),
  ("mp3", "MP3", "MPEG_LAYER_III", 0.1),
  ("aiff", "AIFF", "PCM_16", 1 / 32768),
]


@pytest.mark.parametrize(("extension", "form", "subtype", "tolerance"), FORMATS)
def test_every_format_is_read_at_its_level(tmp_path, extension, form, subtype, tolerance):
  path, wave = tmp_path / f"x.{extension}", tone(440, 0.5)
  soundfile.write(path, wave, RATE_HZ, format=form, subtype=subtype)
  samples = reading.read(path, RATE_HZ)
  assert samples.dtype == np.float32
  assert_close(samples, wave, atol=tolerance + 1e-7)


def test_channels_are_averaged(tmp_path):
  channels = np.stack([tone(100 * k, 0.2) for k in range(1, 9)], axis=1)
  soundfile.write(tmp_path / "eight.wav", channels, RATE_HZ, subtype="FLOAT")
  assert_close(reading.read(tmp_path / "eight.wav", RATE_HZ), channels.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("level", "subtype"), [(3e38, "FLOAT"), (1e300, "DOUBLE")])
def test_levels_that_overflow_are_refused_without_a_warning(tmp_path, level, subtype):
  samples = np.full([1000, 2], level)
  soundfile.write(tmp_path / "loud.wav", samples, RATE_HZ, subtype=subtype)
  with pytest.raises(UnusableAudio, match="contains NaN or Inf samples"):
    reading.read(tmp_path / "loud.wav", RATE_HZ)
  with pytest.raises(UnusableAudio, match="contains NaN or Inf samples"):
    reading.to_mono(samples, RATE_HZ, RATE_HZ)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 192_000])
def test_other_rates_are_resampled(tmp_path, rate_hz):
  soundfile.write(tmp_path / "x.wav", tone(440, 1, rate_hz), rate_hz, subtype="FLOAT")
  samples = reading.read(tmp_path / "x.wav", RATE_HZ)
  assert abs(len(samples) - RATE_HZ) <= 1
  middle = slice(2000, 14_000)  # away from the filter's ends
  assert_close(samples[middle], tone(440, 1)[middle], atol=1e-4)


def test_a_file_longer_than_a_block_is_resampled_as_one(tmp_path, monkeypatch):
  wave = np.random.default_rng(0).normal(0, 0.1, 100_000).astype("f")
  soundfile.write(tmp_path / "x.wav", wave, 44_100, subtype="FLOAT")
  monkeypatch.setattr(libsndfile, "BLOCK_BYTES", 4 * 7_001)
  assert_close(
    reading.read(tmp_path / "x.wav", RATE_HZ), soxr.resample(wave, 44_100, RATE_HZ), 1e-6
  )


def test_floats_beyond_full_scale_are_not_clipped(tmp_path):
  soundfile.write(tmp_path / "loud.wav", 3 * tone(440, 0.1, level=1), RATE_HZ, subtype="FLOAT")
  assert reading.read(tmp_path / "loud.wav", RATE_HZ).max() > 2.9


@pytest.mark.parametrize(
  "name", ["with space.wav", "ümläut-音.wav", "-dash.wav", os.fsdecode(b"latin-\xe9.wav")]
)
def test_any_file_name_is_read(tmp_path, name):
  soundfile.write(os.fsencode(tmp_path / name), tone(440, 0.1), RATE_HZ, format="WAV")
  assert len(reading.read(tmp_path / name, RATE_HZ)) == 1600


def truncate(path):
  content = path.read_bytes()
  path.write_bytes(content[: len(content) * 6 // 10])


def promise_1_mb(path):
  content = bytearray(path.read_bytes())
  data = content.find(b"data")
  content[data + 4 : data + 8] = struct.pack("<I", 1_000_000)
  path.write_bytes(content)


def unreadable(wave, extension, damage):
  def make(folder):
    path = folder / f"x.{extension}"
    soundfile.write(path, wave, RATE_HZ)
    damage(path)
    return path

  return make


def make_file(name, content):
  def make(folder):
    (folder / name).write_bytes(content)
    return folder / name

  return make


def make_float(samples):
  def make(folder):
    soundfile.write(folder / "x.wav", np.asarray(samples, "f"), RATE_HZ, subtype="FLOAT")
    return folder / "x.wav"

  return make


NOISE = np.random.default_rng(0).normal(0, 0.1, 80_000)
DAMAGED = {
  "zero bytes": (make_file("x.wav", b""), "empty file"),
  "text named wav": (make_file("x.wav", b"this is no sound\n" * 99), "cannot be decoded"),
  "text named mp3": (make_file("x.mp3", b"this is no sound\n" * 99), "decoded: Invalid data found"),
  "truncated wav": (unreadable(NOISE, "wav", truncate), "truncated"),
  "truncated flac": (unreadable(NOISE, "flac", truncate), "cannot be decoded"),
  "truncated ogg": (unreadable(NOISE, "ogg", truncate), "truncated"),
  "truncated mp3": (unreadable(NOISE, "mp3", truncate), "truncated"),
  "truncated aiff": (unreadable(NOISE, "aiff", truncate), "truncated"),
  "promises 1 MB": (
    unreadable(NOISE, "wav", promise_1_mb),
    "truncated: header promises 1000000 bytes",
  ),
  "NaN": (make_float([0, np.nan, 0]), "NaN or Inf"),
  "Inf": (make_float([0, np.inf, 0]), "NaN or Inf"),
  "no samples": (make_float([]), "no samples"),
  "m4a": (make_file("x.m4a", b"\0" * 99), "cannot be decoded"),
  "text": (make_file("x.wav", b"no sound"), "cannot be decoded|format not recognised"),
  "folder": (lambda folder: folder, "not a regular file"),
  "missing": (lambda folder: folder / "none.wav", "no such file"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path, case):
  make, reason = DAMAGED[case]
  with pytest.raises(UnusableAudio, match=reason):
    reading.read(make(tmp_path), RATE_HZ)


def test_a_file_without_read_permission_is_refused(tmp_path):
  soundfile.write(tmp_path / "x.wav", tone(440, 0.1), RATE_HZ)
  (tmp_path / "x.wav").chmod(0)
  as_root = os.geteuid() == 0
  if as_root:  # root may read everything: become nobody meanwhile
    for folder in (tmp_path, *tmp_path.parents[:3]):
      folder.chmod(0o755)
    os.seteuid(65534)
  try:
    with pytest.raises(UnusableAudio, match="permission denied"):
      reading.read(tmp_path / "x.wav", RATE_HZ)
  finally:
    if as_root:
      os.seteuid(0)


def test_one_sample_is_a_clip_and_too_few_to_resample_is_none(tmp_path):
  soundfile.write(tmp_path / "one.wav", np.array([0.5]), RATE_HZ)
  assert_close(reading.read(tmp_path / "one.wav", RATE_HZ), [0.5])
  soundfile.write(tmp_path / "short.wav", np.array([0.5]), 192_000)
  with pytest.raises(UnusableAudio, match="no samples"):
    reading.read(tmp_path / "short.wav", RATE_HZ)


def test_silence_is_read_as_silence(tmp_path):
  soundfile.write(tmp_path / "x.wav", np.zeros(100), RATE_HZ)
  assert_close(reading.read(tmp_path / "x.wav", RATE_HZ), np.zeros(100, "f"))


def test_an_mp3_without_a_frame_count_is_read_whole():
  """The size of its ID3 tag makes libsndfile expect more frames than there are."""
  paths = sorted(shared_data("philharmonia", "flute").glob("*.mp3"))
  assert min(len(reading.read(path, RATE_HZ)) for path in paths[:5]) > 1000


@pytest.mark.parametrize("dtype", ["int16", "int64", "float32"])
def test_arrays_are_scaled_by_what_they_hold(dtype):
  wave = tone(440, 0.1)
  samples = wave if dtype == "float32" else np.rint(wave * 32768).astype(dtype)
  assert_close(reading.to_mono(samples, RATE_HZ, RATE_HZ), wave, atol=2e-5)


def test_arrays_of_32_bits_and_several_channels_are_understood():
  wave = tone(440, 0.1)
  samples = np.stack([np.rint(wave * 2.0**31).astype("int64")] * 2, axis=1)
  assert_close(reading.to_mono(samples, RATE_HZ, RATE_HZ), wave, atol=1e-6)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_the_content_of_a_file_is_read_as_the_file(tmp_path, extension):
  soundfile.write(path := tmp_path / f"x.{extension}", tone(440, 0.5), RATE_HZ)
  content = memoryview(path.read_bytes())
  assert_close(reading.read(content, RATE_HZ), reading.read(path, RATE_HZ))
  with pytest.raises(UnusableAudio, match="empty file"):
    reading.read(memoryview(b""), RATE_HZ)
  if extension in ("wav", "ogg"):
    with pytest.raises(UnusableAudio, match="truncated|malformed"):
      reading.read(content[: len(content) // 2], RATE_HZ)


def test_a_piece_is_the_same_samples_as_in_the_whole(tmp_path):
  wave = np.linspace(-0.5, 0.5, 5 * RATE_HZ, dtype="f")
  soundfile.write(path := tmp_path / "x.wav", wave, RATE_HZ, subtype="FLOAT")
  piece = reading.read(path, RATE_HZ, start_s=1.25, stop_s=3.5)
  assert_close(piece, wave[20_000:56_000])
  assert_close(reading.read(path, RATE_HZ, start_s=4, stop_s=9), wave[64_000:])
  with pytest.raises(UnusableAudio, match=r"it ends after 5.0 s, the clip begins at 5.0 s"):
    reading.read(path, RATE_HZ, start_s=5, stop_s=6)
  with pytest.raises(ValueError, match="a segment needs both"):
    reading.read(path, RATE_HZ, start_s=1.25)


@pytest.mark.parametrize(
  ("seconds", "first_s", "length_s"),
  [
    (10.0, 0, 10),  # the segment
    (10.9, 0, 10.9),  # the segment, cut a little late
    (60.0, 30, 10),  # the recording
    (39.5, 30, 9.5),  # a recording that ends within the segment
    (12.0, 0, 10),  # begins with the segment
    (6.0, 0, 6),  # what there is of the segment
  ],
)
def test_a_file_of_a_segment_may_be_the_segment_or_the_recording(
  tmp_path, seconds, first_s, length_s
):
  wave = np.linspace(-0.5, 0.5, round(seconds * 1000), dtype="f")
  soundfile.write(path := tmp_path / "x.wav", wave, 1000, subtype="FLOAT")
  segment = reading.read(path, 1000, start_s=30.0, stop_s=40.0, slack_s=1.0)
  assert_close(segment, wave[1000 * first_s : round(1000 * (first_s + length_s))])
