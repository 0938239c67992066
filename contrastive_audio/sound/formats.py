"""Which formats the decoders read, and by which extensions files of them are known.

One list for folders, archives and decoders. ffmpeg is allowed to open these formats and no others:
some of its formats are lists of other files, or addresses of streams.
"""

import av
import soundfile

# Format of libsndfile -> extensions.
_LIBSNDFILE = {
  "WAV": ".wav .wave .bwf",
  "RF64": ".rf64",
  "W64": ".w64",
  "FLAC": ".flac",
  "OGG": ".ogg .oga .opus",
  "MP3": ".mp3 .mp2 .mp1 .mpa .mpga",
  "AIFF": ".aiff .aif .aifc .aff",
  "AU": ".au .snd",
  "CAF": ".caf",
  "NIST": ".sph .nist",
  "VOC": ".voc",
  "SVX": ".8svx .svx .iff",
  "IRCAM": ".sf .ircam",
  "AVR": ".avr",
  "PAF": ".paf",
  "PVF": ".pvf",
  "WVE": ".wve",
}
# Format of ffmpeg -> extensions.
_FFMPEG = {
  "mov": ".m4a .mp4 .m4b .m4r .m4v .mov .3gp .3g2 .f4a .f4v",
  "matroska": ".mkv .mka .webm .weba",
  "aac": ".aac .adts",
  "loas": ".loas .latm",
  "ac3": ".ac3",
  "eac3": ".eac3 .ec3",
  "dts": ".dts",
  "truehd": ".thd .truehd",
  "mlp": ".mlp",
  "asf": ".wma .wmv .asf",
  "amr": ".amr .awb",
  "ape": ".ape",
  "wv": ".wv",
  "tta": ".tta",
  "tak": ".tak",
  "mpc": ".mpc",
  "mpc8": ".mpc",
  "dsf": ".dsf",
  "mpegts": ".ts .mts .m2ts",
  "mpeg": ".mpg .mpeg .vob",
  "flv": ".flv",
  "avi": ".avi",
  "rm": ".rm .ra",
  "ogg": ".spx .ogx .ogv",
  "shn": ".shn",
  "qcp": ".qcp",
}
# Formats whose files libsndfile tries first, and reads with most codecs.
_FFMPEG_TOO = ("wav", "w64", "aiff", "au", "caf", "flac", "mp3", "voc", "iff", "nistsphere")

EXTENSIONS = frozenset(
  extension
  for formats, available in (
    (_LIBSNDFILE, soundfile.available_formats()),
    (_FFMPEG, {name for names in av.formats_available for name in names.split(",")}),
  )
  for name, extensions in formats.items()
  if name in available
  for extension in extensions.split()
)
FFMPEG_FORMATS = frozenset([*_FFMPEG, *_FFMPEG_TOO])
# Extensions of files that usually hold pictures, too.
FILMS = (
  *(".mp4", ".mkv", ".webm", ".mov", ".flv", ".avi", ".m4v", ".wmv", ".mpg", ".mpeg", ".ts"),
  *(".mts", ".m2ts", ".vob", ".ogv", ".f4v", ".3gp", ".3g2"),
)
