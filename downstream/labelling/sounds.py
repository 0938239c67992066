"""What the page plays and draws of a stretch: exactly that stretch, at one level."""

import io

import numpy as np
import soundfile
from PIL import Image

from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.store.store import Store
from downstream.encoders.listening_page import at_one_level, log_mel_of_pictures, picture
from downstream.labelling.places import Place


class Sounds:
  """Files of stretches, in memory.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> sounds = Sounds(prepare(open_synthetic(clips_per_class=1), 16_000))
    >>> sounds.wav(Place(0, 0, 16_000))[:4], len(sounds.wav(Place(0, 0, 16_000)))
    (b'RIFF', 32044)
    >>> sounds.png(Place(0, 0, 16_000))[1:4]
    b'PNG'
  """

  def __init__(self, store: Store):
    """Reads nothing yet.

    Args:
      store: the recordings.
    """
    self._store = store
    self._log_mel = log_mel_of_pictures(store.sample_rate_hz)

  def wav(self, place: Place) -> bytes:
    """Returns a stretch as a WAV file of 16 bits, which all browsers play.

    Args:
      place: the stretch.
    """
    file = io.BytesIO()
    wave, rate_hz = self._wave(place), self._store.sample_rate_hz
    soundfile.write(file, wave, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()

  def png(self, place: Place) -> bytes:
    """Returns the log-mel of a stretch as a PNG file.

    Args:
      place: the stretch.
    """
    file = io.BytesIO()
    Image.fromarray(picture(self._wave(place), self._log_mel)).save(file, format="PNG")
    return file.getvalue()

  def _wave(self, place: Place) -> np.ndarray:
    return at_one_level(StoredClip(self._store, place.clip).read(place.first, place.end))
