"""Long recordings: what counts as long, and when a training cuts them into pieces."""

from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.monitoring.complaints import LONG_S
from contrastive_audio.store.pieces import equal_pieces
from contrastive_audio.utils import run_files
from contrastive_audio.utils.words import about, counted

if TYPE_CHECKING:
  from contrastive_audio.store.store import Store

PIECE_S = 5.0  # an event and what surrounds it; what ESC-50 has


def are_long(store: "Store") -> bool:
  """Returns whether clips are recordings, in which it matters where something is heard.

  Args:
    store: the clips; their median decides.

  Example:
    >>> from types import SimpleNamespace
    >>> are_long(SimpleNamespace(num_samples=np.array([180, 200, 20]), sample_rate_hz=1))
    True
  """
  return _median_s(store) > LONG_S


def choose_piece_s(store: "Store", asked: float | None, folder: str) -> float:
  """Returns how long the pieces are that a training cuts its clips into; 0: it takes them whole.

  Args:
    store: the clips.
    asked: the value of --piece_s; None: that of the run, or the length of the clips decides.
    folder: of the run, there or not.

  Example:
    >>> from types import SimpleNamespace
    >>> store = SimpleNamespace(num_samples=np.array([180, 200, 20]), sample_rate_hz=1)
    >>> choose_piece_s(store, None, "runs/new"), choose_piece_s(store, 0.0, "runs/new")
    (5.0, 0.0)
  """
  if asked is not None:
    return asked
  if run_files.has_config(folder):
    return float(run_files.read_config(folder).get("config", {}).get("piece_s") or 0.0)
  return PIECE_S if are_long(store) else 0.0


def cut(store: "Store", piece_s: float, was_asked: bool) -> "Store":
  """Returns a store with pieces of the clips, and prints how many there are.

  Args:
    store: the clips.
    piece_s: length of the pieces; 0: the clips stay whole.
    was_asked: whether the user chose the length.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> cut(store, piece_s=1.0, was_asked=True).num_clips
    pieces     22 of about 1 s, from 10 clips
    22
  """
  if not piece_s:
    return store
  pieces = store.cut(equal_pieces(store, piece_s))
  text = f"{pieces.num_clips} of about {piece_s:g} s, from {counted(store.num_clips, 'clip')}"
  if not was_asked:
    text += f" of {about(_median_s(store))} (the median; --piece_s=0 takes them whole)"
  line("pieces", text)
  return pieces


def _median_s(store: "Store") -> float:
  return float(np.median(store.num_samples)) / store.sample_rate_hz
