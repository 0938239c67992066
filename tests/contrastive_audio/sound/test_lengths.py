"""Recordings are read to their end, whatever libsndfile believes; truncated ones are refused."""

import struct

import numpy as np
import pytest

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import reading
from tests.contrastive_audio.sound.sound_files import (
  NOISE,
  RATE_HZ,
  encode,
  encode_by_ffmpeg,
  patched,
)
from tests.support import assert_close

LEFT_OPEN = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000)  # sizes that pipes leave behind
LEFT_OPEN_64 = (0, 2**63 - 1, 2**64 - 1)
ID3V1 = b"TAG" + b"x" * 125
_APE_ITEM = struct.pack("<II6s17s", 17, 0, b"Title\0", b"t" * 17)
APE = _APE_ITEM + struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(_APE_ITEM) + 32, 1, 0)


def num_samples(content, rate_hz=RATE_HZ, **segment):
  return len(reading.read(bytearray(content), rate_hz, **segment))


def with_size(form, size):
  """A file whose header states another size of its samples, and of the file."""
  content = encode(form, "PCM_16")
  if form == "AU":
    return patched(content, 8, ">I", size)
  if form == "AIFF":
    content = patched(content, 4, ">I", size)
    return patched(content, content.index(b"SSND") + 4, ">I", size)
  if form == "CAF":
    return patched(content, content.index(b"data") + 4, ">Q", size)
  if form == "W64":
    content = patched(content, 16, "<Q", size)
    return patched(content, content.index(b"data\xf3") + 16, "<Q", size)
  if form == "RF64":
    return patched(content, content.index(b"ds64") + 8, "<QQ", size, size)
  content = patched(content, 4, "<I", size)
  return patched(content, content.index(b"data") + 4, "<I", size)


@pytest.mark.parametrize(
  ("form", "size"),
  [(form, size) for form in ("WAV", "AIFF", "AU") for size in LEFT_OPEN]
  + [(form, size) for form in ("RF64", "W64", "CAF") for size in LEFT_OPEN_64],
)
def test_a_size_that_a_pipe_never_filled_in_means_to_the_end(form, size):
  wave = reading.read(bytearray(encode(form, "PCM_16")), RATE_HZ)
  assert_close(reading.read(bytearray(with_size(form, size)), RATE_HZ), wave)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "RF64", "W64", "CAF"])
def test_any_other_size_that_the_file_does_not_hold_is_refused(form):
  with pytest.raises(UnusableAudio, match="truncated: header promises 1000[0-9]* bytes"):
    num_samples(with_size(form, 100_000 + 24 * (form == "W64")))


def test_an_empty_wav_with_a_comment_holds_no_samples():
  content = encode("WAV", "PCM_16", wave=np.zeros(0, "f"))
  content += b"LIST" + struct.pack("<I", 4) + b"INFO"
  with pytest.raises(UnusableAudio, match="no samples"):
    num_samples(patched(content, 4, "<I", len(content) - 8))


def without_frame_count(content):
  """An MP3 as an encoder that writes to a pipe leaves it: without the frame that counts frames."""
  return content[content.index(content[:2], 100) :]


def test_an_mp3_of_variable_rate_without_a_frame_count_is_read_to_its_end():
  loud = np.concatenate([3 * NOISE, np.zeros(4 * RATE_HZ, "f")])
  content = encode("MP3", "MPEG_LAYER_III", loud)
  for behind in (b"", ID3V1, APE, APE + ID3V1, b"\0" * 3000):
    assert abs(num_samples(without_frame_count(content) + behind) - len(loud)) < 3000


def test_an_mp3_cut_at_its_front_is_read_from_there():
  content = encode("MP3", "MPEG_LAYER_III")
  assert abs(num_samples(content[300:]) - len(NOISE)) < 2000


def test_tags_behind_an_mp3_are_no_sound():
  content = encode("MP3", "MPEG_LAYER_III")
  for behind in (ID3V1, APE, APE + ID3V1):
    assert num_samples(content + behind) == len(NOISE)


JOINED = [
  *(("WAV", "PCM_16"), ("WAV", "IMA_ADPCM"), ("RF64", "PCM_16"), ("W64", "PCM_16")),
  *(("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("NIST", "PCM_16"), ("VOC", "ULAW")),
  *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")),
]


@pytest.mark.parametrize(("form", "subtype"), JOINED)
def test_joined_files_are_read_one_behind_the_other(form, subtype):
  first, second = encode(form, subtype), encode(form, subtype, NOISE[:8000], 8_000)
  waves = [reading.read(bytearray(content), RATE_HZ) for content in (first, second)]
  assert_close(reading.read(bytearray(first + second), RATE_HZ), np.concatenate(waves), 1e-6)
  segment = reading.read(bytearray(first + second), RATE_HZ, start_s=1.5, stop_s=2.5)
  assert_close(segment, np.concatenate(waves)[24_000:40_000], 1e-6)


@pytest.mark.parametrize("form", ["adts", "ac3", "flv", "ipod", "tta", "asf", "avi", "matroska"])
def test_joined_files_of_ffmpeg_are_read_one_behind_the_other(form):
  codec = {"ac3": "ac3", "tta": "tta", "asf": "wmav2", "avi": "mp3", "matroska": "pcm_s16le"}
  content = encode_by_ffmpeg(form, codec.get(form, "aac"))
  assert num_samples(content * 2) == pytest.approx(2 * num_samples(content), abs=2)


def test_joined_mp3s_are_read_to_the_end_whatever_their_tags_and_rates():
  first = encode("MP3", "MPEG_LAYER_III")
  second = encode("MP3", "MPEG_LAYER_III", NOISE, 44_100)
  seconds = 2 + len(NOISE) / 44_100
  for joined in (first + second, first + ID3V1 + second + ID3V1, first + APE + ID3V1 + second):
    assert abs(num_samples(joined) - seconds * RATE_HZ) < 3000


def test_a_flac_of_unknown_or_understated_length_is_read_to_its_end():
  content = encode("FLAC", "PCM_16")
  for stated in (0, 1, len(NOISE) - 1):
    assert num_samples(patched(content, 22, ">I", stated)) == len(NOISE)
    assert num_samples(patched(content, 22, ">I", stated), start_s=1, stop_s=1.5) == 8000
  with pytest.raises(UnusableAudio, match="truncated"):
    num_samples(patched(content, 22, ">I", len(NOISE) + 1))
  with pytest.raises(UnusableAudio, match="cannot be decoded"):
    num_samples(patched(content, 22, ">I", 0)[: len(content) // 2])


@pytest.mark.parametrize("form", ["WAV", "W64", "AIFF", "NIST", "OGG", "CAF", "AU", "WVE"])
def test_bytes_behind_a_recording_are_no_sound(form):
  subtype = {"OGG": "VORBIS", "WVE": "ALAW"}.get(form, "PCM_16")
  content = encode(form, subtype)
  expected = reading.read(bytearray(content), RATE_HZ)
  for behind in (ID3V1, b"\1" * 70_000, b"\0" * 5000):
    assert_close(reading.read(bytearray(content + behind), RATE_HZ), expected)


HALVES = [
  *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("NIST", "PCM_16")),
  *(("VOC", "ULAW"), ("AU", "PCM_16"), ("W64", "PCM_16"), ("WAV", "IMA_ADPCM"), ("WVE", "ALAW")),
]


@pytest.mark.parametrize(("form", "subtype"), HALVES)
def test_a_segment_of_half_a_file_is_refused_as_the_whole_is(form, subtype):
  content = encode(form, subtype)
  for segment in ({}, {"start_s": 0.1, "stop_s": 0.3}, {"start_s": 0, "stop_s": 2, "slack_s": 1}):
    with pytest.raises(UnusableAudio, match="truncated|cannot be decoded"):
      num_samples(content[: len(content) // 2], **segment)


CODECS = [
  *(("wav", "ac3"), ("wav", "adpcm_ms"), ("wav", "adpcm_yamaha"), ("wav", "adpcm_swf")),
  *(("wav", "flac"), ("wav", "mp3"), ("wav", "wmav2"), ("ogg", "flac"), ("caf", "alac")),
  *(("caf", "adpcm_ima_qt"), ("aiff", "adpcm_ima_qt")),
]


@pytest.mark.parametrize(("form", "codec"), CODECS)
def test_a_container_may_hold_a_codec_that_libsndfile_lacks(form, codec):
  rate_hz = 44_100 if codec == "adpcm_swf" else 48_000
  content = encode_by_ffmpeg(form, codec, NOISE, rate_hz)
  assert abs(num_samples(content, rate_hz) - len(NOISE)) <= 4096
  with pytest.raises(UnusableAudio, match="truncated"):
    num_samples(content[: len(content) // 2], rate_hz)
  g722 = encode_by_ffmpeg("wav", "g722", NOISE, 16_000)
  assert num_samples(g722) == len(NOISE)


def test_a_segment_of_a_recording_of_unknown_length_is_that_of_the_whole():
  content = without_frame_count(encode("MP3", "MPEG_LAYER_III", np.concatenate([NOISE] * 3)))
  whole = reading.read(bytearray(content), RATE_HZ)
  segment = reading.read(bytearray(content), RATE_HZ, start_s=3.5, stop_s=4.25)
  assert_close(segment, whole[56_000:68_000])
  slack = reading.read(bytearray(content), RATE_HZ, start_s=3.5, stop_s=4.25, slack_s=1.0)
  assert_close(slack, segment)
  with pytest.raises(UnusableAudio, match=r"it ends after 6.\d s, the clip begins at 8.0 s"):
    num_samples(content, start_s=8, stop_s=9)
