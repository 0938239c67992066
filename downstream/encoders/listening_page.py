"""A page to listen to sounds that belong together, one row after the other.

index.html  the page: log-mels and players; works with keys, on a phone and without a network
clips/      what the players play, all at the same level, and pictures of it
"""

import dataclasses
import html
import os
from collections.abc import Iterable

import matplotlib
import numpy as np
import soundfile
from PIL import Image

from contrastive_audio.datasets.stretches import recording_of, start_s_of
from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder, write_text
from downstream.encoders.page_template import CLASSES, page

PEAK = 0.7  # of each sound that is played
_FRAME_S, _HOP_S = 0.025, 0.010  # of the pictures
_MELS = 64
_WIDEST = 1000  # of a picture, in pixels
_RANGE = np.log(10) * 80 / 20  # of a picture below its loudest point: 80 dB
_FLOOR = 1e-5  # of its magnitudes
_PICTURES = (
  "Pictures are log-mels on the mel scale, 80 dB from black to the loudest point. Click or tap one "
  "to play it."
)
_MARKS = {"same": "✓ ", "other": "✗ "}  # for those who cannot see the colours


@dataclasses.dataclass(frozen=True)
class Sound:
  """A stretch of a clip on the page.

  Attributes:
    clip: what it is of.
    first: its first sample.
    end: its end.
    name: of its files, without an ending; equal names mean equal sounds.
    caption: what it is on the page.
    label: class name, or nothing.
    title: name of the clip, and where the stretch is.
    kind: "query", or how its class compares with the query's: "same", "other", "" if unknown.
    is_start: whether it is the beginning of a clip that goes on.

  Example:
    >>> Sound(None, 0, 16_000, "hit-0", "0.93", "", "forest.wav 61.5 - 62.5 s").caption
    '0.93'
  """

  clip: StoredClip
  first: int
  end: int
  name: str
  caption: str
  label: str
  title: str
  kind: str = ""
  is_start: bool = False


def sound_of_clip(
  store: Store,
  number: int,
  name: str,
  caption: str,
  span: tuple[int, int] | None = None,
  longest_s: float = 60.0,
  kind: str = "",
) -> Sound:
  """Returns a clip of a store, or a stretch of it, as a sound of the page.

  Args:
    store: holds the clip.
    number: of the clip.
    name: of its files.
    caption: what it is on the page.
    span: first sample and end of the stretch, which the title names; None: the whole clip.
    longest_s: how much of a whole clip is played.
    kind: see Sound.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> sound_of_clip(store, 0, "hit-0", "0.93", (8_000, 24_000)).title
    'bell/000.flac 0.50 - 1.50 s'
  """
  clip = StoredClip(store, number)
  (title,), (label,) = store.keys([number]), store.labels([number])
  is_whole = span is None
  if span is None:
    span = 0, min(clip.num_samples, int(longest_s * store.sample_rate_hz))
  else:
    first_s = start_s_of(title)
    start_s, end_s = (first_s + sample / store.sample_rate_hz for sample in span)
    title = f"{recording_of(title)} {start_s:.2f} - {end_s:.2f} s"
  is_start = is_whole and span[1] < clip.num_samples
  return Sound(clip, *span, name, caption, label or "", title, kind, is_start)


def shown_queries(num_queries: int, num_shown: int) -> np.ndarray:
  """Returns the numbers of queries that are on a page, spread over all of them.

  Args:
    num_queries: how many there are.
    num_shown: how many may be shown.

  Example:
    >>> shown_queries(9, 3).tolist()
    [0, 4, 8]
  """
  shown = np.linspace(0, num_queries - 1, min(num_shown, num_queries))
  return np.unique(shown.astype(int))


def write_page(
  folder: str,
  title: str,
  introduction: str,
  rows: Iterable[Iterable[Sound]],
  sample_rate_hz: int,
) -> None:
  """Writes the page, and the files of its players.

  Args:
    folder: where to write them.
    title: of the page.
    introduction: what is in a row.
    rows: its sounds, row after row.
    sample_rate_hz: of the sounds.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> row = [sound_of_clip(store, 0, "clip-0", "query")]
    >>> write_page("page", "Bells", "Bells.", [row], 16_000)
    >>> sorted(os.listdir("page/clips"))
    ['clip-0.flac', 'clip-0.png']
  """
  make_folder(os.path.join(folder, "clips"))
  log_mel, sections = log_mel_of_pictures(sample_rate_hz), []
  kinds: set[str] = set()
  for row in rows:
    sounds = list(row)
    kinds.update(sound.kind for sound in sounds)
    cells = "".join(_cell(folder, sound, log_mel) for sound in sounds)
    sections.append(f"<section>{cells}</section>")
  parts = [f"<p>{html.escape(introduction)} {_PICTURES}</p>"]
  parts += [CLASSES] if kinds & _MARKS.keys() else []
  content = page(html.escape(title), "\n".join(parts), "\n".join(sections))
  write_text(os.path.join(folder, "index.html"), content)


def _cell(folder: str, sound: Sound, log_mel: LogMel) -> str:
  name, rate_hz = f"clips/{sound.name}", log_mel.sample_rate_hz
  path = os.path.join(folder, name)
  if not os.path.exists(f"{path}.flac"):
    wave = at_one_level(sound.clip.read(sound.first, sound.end))
    soundfile.write(f"{path}.flac", wave, rate_hz)
    Image.fromarray(picture(wave, log_mel)).save(f"{path}.png")
  duration = f"{(sound.end - sound.first) / rate_hz:.1f} s"
  if sound.is_start:
    duration = f"first {duration} of {sound.clip.num_samples / rate_hz:.1f} s"
  caption, label, title = map(html.escape, (sound.caption, sound.label, sound.title))
  return (
    f'<div class="sound {sound.kind}" tabindex="0"><div class="picture">'
    f'<img src="{name}.png" alt="log-mel" loading="lazy"><span>{log_mel.fmax_hz / 1000:.1f} kHz'
    f"</span><span>{log_mel.fmin_hz:.0f} Hz</span></div>"
    f'<div class="time"><span>0</span><span>{duration}</span></div>'
    f"<b>{caption}</b> {_MARKS.get(sound.kind, '')}{label}<br>{title}"
    '<audio controls controlslist="nodownload noplaybackrate" preload="metadata" '
    f'src="{name}.flac"></audio></div>'
  )


def at_one_level(wave: np.ndarray) -> np.ndarray:
  """Returns a wave at the level of all sounds that are played: its peak is PEAK.

  Args:
    wave: float32 `[n]`.

  Example:
    >>> at_one_level(np.array([0.1, -0.2, 0.0])).tolist()
    [0.35, -0.7, 0.0]
  """
  return wave * (PEAK / max(np.abs(wave).max(initial=0), 1e-9))


def log_mel_of_pictures(sample_rate_hz: int) -> LogMel:
  """Returns what draws the pictures, the same whatever the model hears.

  Args:
    sample_rate_hz: of the sounds.

  Example:
    >>> log_mel_of_pictures(16_000).num_mels
    64
  """
  frame_samples = round(_FRAME_S * sample_rate_hz)
  return LogMel(
    sample_rate_hz=sample_rate_hz,
    window="hann",
    frame_samples=frame_samples,
    hop_samples=round(_HOP_S * sample_rate_hz),
    fft_samples=max(1024, 1 << (frame_samples - 1).bit_length()),
    padding="none",
    power=1,
    mel_scale="htk",
    num_mels=_MELS,
    fmin_hz=50.0,
    fmax_hz=0.49 * sample_rate_hz,
    log_base="e",
    floor_mode="clip",
    floor=_FLOOR,
  )


def picture(wave: np.ndarray, log_mel: LogMel) -> np.ndarray:
  """Draws a log-mel, low frequencies at the bottom.

  Args:
    wave: float32 `[n]`.
    log_mel: what computes it.

  Returns:
    uint8 `[F, T, 3]`, T at most 1,000.

  Example:
    >>> picture(np.zeros(16_000, np.float32), log_mel_of_pictures(16_000)).shape
    (64, 98, 3)
  """
  missing = max(0, log_mel.num_samples(1) - len(wave))
  log_mels = np.asarray(log_mel(np.pad(wave, (0, missing))[None])[0], np.float32)
  step = -(-len(log_mels) // _WIDEST)
  if step > 1:
    log_mels = np.maximum.reduceat(log_mels, np.arange(0, len(log_mels), step))
  loudest = max(log_mels.max(), np.log(_FLOOR) + _RANGE)  # silence is dark
  shades = 1 + (log_mels - loudest) / _RANGE
  colours = matplotlib.colormaps["magma"](np.clip(shades.T[::-1], 0, 1), bytes=True)
  return np.ascontiguousarray(colours[..., :3])
