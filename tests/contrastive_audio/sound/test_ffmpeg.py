"""What libsndfile does not open: the formats in which videos and downloads come."""

import fractions

import av
import numpy as np
import pytest

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import reading
from tests.support import tone

RATE_HZ = 48_000
# (extension, codec, shift in samples that the codec may cause)
FORMATS = [
  ("m4a", "aac", 2200),
  ("mp4", "aac", 2200),
  ("webm", "libopus", 400),
  ("mkv", "pcm_s16le", 0),
  ("aac", "aac", 2200),
  ("flv", "aac", 2200),
  ("avi", "ac3", 2200),
  ("wv", "wavpack", 0),
]


def write(path, wave, codec, rate_hz=RATE_HZ, picture=False):
  """Writes a stereo file whose right channel is silent."""
  with av.open(str(path), "w") as container:
    if picture:
      video = container.add_stream("mpeg4", rate=5)
      video.width = video.height = 16
    sound = container.add_stream(codec, rate=rate_hz, layout="stereo")
    if picture:
      image = av.VideoFrame.from_ndarray(np.zeros([16, 16, 3], np.uint8))
      container.mux(video.encode(image))
      container.mux(video.encode(None))
    pcm = np.zeros([1, 2 * len(wave)], np.int16)
    pcm[0, ::2] = np.rint(wave * 32767)
    frame = av.AudioFrame.from_ndarray(pcm, "s16", "stereo")
    frame.rate = rate_hz
    to_codec = av.AudioResampler(sound.format.name, "stereo", rate_hz, sound.frame_size or None)
    for converted in [*to_codec.resample(frame), *to_codec.resample(None)]:
      container.mux(sound.encode(converted))
    container.mux(sound.encode(None))
  return path


@pytest.mark.parametrize(("extension", "codec", "shift"), FORMATS)
def test_every_format_is_read_in_full_as_the_mean_of_its_channels(
  tmp_path, extension, codec, shift
):
  wave = tone(440, 2, RATE_HZ)
  path = write(tmp_path / f"x.{extension}", wave, codec)
  for source in (path, memoryview(path.read_bytes())):
    samples = reading.read(source, RATE_HZ)
    assert samples.dtype == np.float32
    assert abs(len(samples) - len(wave)) <= shift
    middle = samples[RATE_HZ // 2 : -RATE_HZ // 2]
    assert abs(np.abs(middle).max() - 0.15) < 0.01
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * RATE_HZ / len(middle) - 440) < 2
    assert abs(len(reading.read(source, 16_000)) - len(samples) / 3) < 2


def test_the_sound_of_a_video_is_read_and_a_silent_film_refused(tmp_path):
  path = write(tmp_path / "x.mp4", tone(440, 1, RATE_HZ), "aac", picture=True)
  assert abs(len(reading.read(path, RATE_HZ)) - RATE_HZ) <= 2200
  with av.open(str(tmp_path / "silent.mp4"), "w") as container:
    video = container.add_stream("mpeg4", rate=5)
    video.width = video.height = 16
    image = av.VideoFrame.from_ndarray(np.zeros([16, 16, 3], np.uint8))
    container.mux(video.encode(image))
    container.mux(video.encode(None))
  with pytest.raises(UnusableAudio, match="there is no sound in it"):
    reading.read(tmp_path / "silent.mp4", RATE_HZ)


@pytest.mark.parametrize("name", ["x.mp3", "x.wav", "x.ogg"])
def test_a_download_with_a_name_of_another_format_is_read(tmp_path, name):
  path = write(tmp_path / "x.m4a", tone(440, 1, RATE_HZ), "aac").rename(tmp_path / name)
  assert abs(len(reading.read(path, RATE_HZ)) - RATE_HZ) <= 2200


@pytest.mark.parametrize(("extension", "codec", "shift"), FORMATS)
def test_a_piece_is_that_of_the_whole(tmp_path, extension, codec, shift):
  rng = np.random.default_rng(0)
  levels = np.repeat(rng.uniform(0.1, 0.9, 80), RATE_HZ // 20)  # 4 s, another level every 50 ms
  path = write(tmp_path / f"x.{extension}", levels * tone(1000, 4, RATE_HZ, 1.0), codec)
  whole = reading.read(path, RATE_HZ)
  piece = reading.read(path, RATE_HZ, start_s=2.5, stop_s=3.25)
  assert len(piece) == round(0.75 * RATE_HZ)
  expected = whole[round(2.5 * RATE_HZ) :][: len(piece)]
  assert np.corrcoef(piece, expected)[0, 1] > 0.99


GAP_AT, BLOCK = 24 * 4096, 4096  # in samples; a frame of ALAC


def write_with_gap(path, wave, codec, gap_samples):
  """Writes a mono file whose timestamps go on later from GAP_AT on, as after a pause."""
  with av.open(str(path), "w") as container:
    sound = container.add_stream(codec, rate=RATE_HZ, layout="mono")
    layout = "s16p" if codec == "alac" else "s16"
    for first in range(0, len(wave), BLOCK):
      pcm = np.rint(wave[None, first : first + BLOCK] * 32767).astype(np.int16)
      frame = av.AudioFrame.from_ndarray(pcm, layout, "mono")
      frame.rate, frame.time_base = RATE_HZ, fractions.Fraction(1, RATE_HZ)
      frame.pts = first + (gap_samples if first >= GAP_AT else 0)
      container.mux(sound.encode(frame))
    container.mux(sound.encode(None))
  return path


@pytest.mark.parametrize("gap_s", [0.4, 3])
@pytest.mark.parametrize(("extension", "codec"), [("m4a", "alac"), ("mkv", "pcm_s16le")])
def test_a_gap_in_the_timestamps_is_silence_in_the_whole_and_in_pieces(
  tmp_path, extension, codec, gap_s
):
  wave, gap_samples = np.linspace(0.1, 0.9, 10 * RATE_HZ), round(gap_s * RATE_HZ)
  path = write_with_gap(tmp_path / f"x.{extension}", wave, codec, gap_samples)
  whole = reading.read(path, RATE_HZ)
  expected = np.concatenate([wave[:GAP_AT], np.zeros(gap_samples), wave[GAP_AT:]])
  np.testing.assert_allclose(whole, expected, atol=1e-4)
  for start_s in (0, 1, 2, 4, 8):
    piece = reading.read(path, RATE_HZ, start_s=start_s, stop_s=start_s + 2)
    expected = whole[start_s * RATE_HZ :][: 2 * RATE_HZ]
    assert abs(len(piece) - len(expected)) <= 1e-3 * RATE_HZ  # Matroska counts milliseconds
    assert np.mean(np.abs(piece[: len(expected)] - expected[: len(piece)]) > 1e-3) < 1e-3


@pytest.mark.parametrize(("extension", "codec"), [("m4a", "alac"), ("mkv", "pcm_s16le")])
def test_timestamps_that_are_a_little_off_are_not_gaps(tmp_path, extension, codec):
  wave = np.linspace(0.1, 0.9, 4 * RATE_HZ)
  path = write_with_gap(tmp_path / f"x.{extension}", wave, codec, round(0.05 * RATE_HZ))
  np.testing.assert_allclose(reading.read(path, RATE_HZ), wave, atol=1e-4)


def test_a_timestamp_that_jumps_by_hours_is_damage(tmp_path):
  wave = tone(440, 3, RATE_HZ)
  path = write_with_gap(tmp_path / "x.mkv", wave, "pcm_s16le", 2 * 3600 * RATE_HZ)
  with pytest.raises(UnusableAudio, match=r"its timestamps jump from 2\.0 s by 7200\.0 s"):
    reading.read(path, RATE_HZ)


@pytest.mark.parametrize("extension", ["m4a", "mkv"])
def test_a_truncated_file_is_refused(tmp_path, extension):
  codec = dict(row[:2] for row in FORMATS)[extension]
  path = write(tmp_path / f"x.{extension}", tone(440, 5, RATE_HZ), codec)
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
  with pytest.raises(UnusableAudio, match="cannot be decoded|truncated"):
    reading.read(path, RATE_HZ)


def test_a_file_whose_packets_hold_no_sound_is_refused_as_soon_as_that_is_clear(tmp_path):
  path = tmp_path / "x.mkv"
  with av.open(str(path), "w") as container:
    sound = container.add_stream("flac", rate=RATE_HZ, layout="mono")
    for number in range(3000):
      packet = av.Packet(b"\0\0\0")  # less than the header of a frame: the decoder waits for more
      packet.stream, packet.time_base = sound, fractions.Fraction(1, RATE_HZ)
      packet.pts = packet.dts = 960 * number
      container.mux(packet)
  with pytest.raises(UnusableAudio, match="its packets hold no sound"):
    reading.read(path, RATE_HZ)
