"""One list of extensions: what it names is read, by folders too."""

import pytest

from contrastive_audio.datasets.folder import open_folder
from contrastive_audio.sound import formats, reading
from tests.contrastive_audio.sound.sound_files import NOISE, RATE_HZ, encode, encode_by_ffmpeg

WRITTEN = {  # extension -> (format, subtype) of libsndfile
  **dict.fromkeys((".wav", ".wave", ".bwf"), ("WAV", "PCM_16")),
  **dict.fromkeys((".aiff", ".aif", ".aff"), ("AIFF", "PCM_16")),
  **dict.fromkeys((".au", ".snd"), ("AU", "PCM_16")),
  **dict.fromkeys((".sph", ".nist"), ("NIST", "PCM_16")),
  **dict.fromkeys((".8svx", ".svx", ".iff"), ("SVX", "PCM_16")),
  **dict.fromkeys((".sf", ".ircam"), ("IRCAM", "PCM_16")),
  **dict.fromkeys((".ogg", ".oga"), ("OGG", "VORBIS")),
  **{".aifc": ("AIFF", "ULAW"), ".opus": ("OGG", "OPUS"), ".mp3": ("MP3", "MPEG_LAYER_III")},
  **{".flac": ("FLAC", "PCM_16"), ".rf64": ("RF64", "PCM_16"), ".w64": ("W64", "PCM_16")},
  **{".caf": ("CAF", "PCM_16"), ".voc": ("VOC", "ULAW"), ".avr": ("AVR", "PCM_16")},
  **{".paf": ("PAF", "PCM_16"), ".pvf": ("PVF", "PCM_16"), ".wve": ("WVE", "ALAW")},
}
WRITTEN_BY_FFMPEG = {  # extension -> (format, codec)
  **dict.fromkeys((".mp2", ".mpa", ".mpga"), ("mp2", "mp2")),
  **dict.fromkeys((".m4a", ".m4b", ".m4r"), ("ipod", "aac")),
  **dict.fromkeys((".mp4", ".m4v", ".f4v", ".f4a"), ("mp4", "aac")),
  **dict.fromkeys((".mkv", ".mka"), ("matroska", "libopus")),
  **dict.fromkeys((".webm", ".weba"), ("webm", "libopus")),
  **dict.fromkeys((".aac", ".adts"), ("adts", "aac")),
  **dict.fromkeys((".loas", ".latm"), ("latm", "aac")),
  **dict.fromkeys((".eac3", ".ec3"), ("eac3", "eac3")),
  **dict.fromkeys((".wma", ".wmv", ".asf"), ("asf", "wmav2")),
  **dict.fromkeys((".ts", ".mts", ".m2ts"), ("mpegts", "aac")),
  **dict.fromkeys((".mpg", ".mpeg"), ("mpeg", "mp2")),
  **dict.fromkeys((".rm", ".ra"), ("rm", "ac3")),
  **dict.fromkeys((".ogx", ".ogv"), ("ogg", "flac")),
  **{
    ".3gp": ("3gp", "aac"),
    ".3g2": ("3g2", "aac"),
    ".mov": ("mov", "alac"),
    ".ac3": ("ac3", "ac3"),
  },
  **{
    ".avi": ("avi", "mp3"),
    ".flv": ("flv", "aac"),
    ".wv": ("wv", "wavpack"),
    ".tta": ("tta", "tta"),
  },
  **{".vob": ("vob", "ac3")},
}
# Nothing here writes these; ffmpeg has a decoder for each.
NOT_WRITTEN = {
  ".mp1",
  ".dts",
  ".thd",
  ".truehd",
  ".mlp",
  ".amr",
  ".awb",
  ".ape",
  ".tak",
  ".mpc",
} | {*(".dsf", ".spx", ".shn", ".qcp")}


def test_every_extension_is_tried_here():
  assert {*WRITTEN, *WRITTEN_BY_FFMPEG} | NOT_WRITTEN == formats.EXTENSIONS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder, contents = tmp_path_factory.mktemp("formats"), {}
  for extension, kind in WRITTEN.items():
    contents.setdefault(kind, encode(*kind))
    (folder / f"x{extension}").write_bytes(contents[kind])
  for extension, kind in WRITTEN_BY_FFMPEG.items():
    contents.setdefault(kind, encode_by_ffmpeg(*kind))
    (folder / f"x{extension}").write_bytes(contents[kind])
  return folder


def test_a_folder_finds_a_file_of_every_extension(folder):
  assert open_folder(str(folder)).num_clips == len(WRITTEN) + len(WRITTEN_BY_FFMPEG)


@pytest.mark.parametrize("extension", [*WRITTEN, *WRITTEN_BY_FFMPEG])
def test_a_file_of_every_extension_is_read_whole(folder, extension):
  rate_hz = RATE_HZ if extension in WRITTEN else 48_000
  rate_hz = 8_000 if extension == ".wve" else rate_hz  # the only one that it may have
  for source in (folder / f"x{extension}", bytearray((folder / f"x{extension}").read_bytes())):
    assert abs(len(reading.read(source, rate_hz)) - len(NOISE)) <= 4100


def test_a_list_of_other_files_is_no_format():
  lists = {"concat", "concatf", "hls", "sdp", "dash", "rtsp", "image2", "lavfi", "tee", "imf"}
  assert not lists & formats.FFMPEG_FORMATS
