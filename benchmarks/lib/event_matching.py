"""How well detections fit what is heard: the event-based F1 of the DCASE challenges.

A detection is right if it can be paired with an event of its class in its recording: both begin
within the collar, and end within the collar or within half the length of the event, whichever is
longer. Each event is paired with one detection at most, such that as many as possible are.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

COLLAR_S = 0.5
_OF_LENGTH = 0.5  # of an event, by which its end may be missed


class Span(NamedTuple):
  """An event, or a detection.

  Attributes:
    place: recording and class.
    start_s: where it begins.
    end_s: where it ends.

  Example:
    >>> Span(("a.wav", "dog"), 1.0, 2.5).end_s
    2.5
  """

  place: Hashable
  start_s: float
  end_s: float


class Counts(NamedTuple):
  """How many are right.

  Attributes:
    hits: number of pairs.
    events: number of events.
    detections: number of detections.

  Example:
    >>> Counts(hits=3, events=4, detections=6).f1
    60.0
  """

  hits: int
  events: int
  detections: int

  @property
  def f1(self) -> float:
    """The harmonic mean of precision and recall, in %; 0 if there is nothing."""
    return 200 * self.hits / max(1, self.events + self.detections)


def match(events: Sequence[Span], detections: Sequence[Span], collar_s: float = COLLAR_S) -> Counts:
  """Counts how many detections can be paired with events.

  Args:
    events: what is heard.
    detections: what was found.
    collar_s: by which starts and ends may be missed.

  Example:
    >>> events = [Span("dog", 1.0, 2.0), Span("dog", 5.0, 6.0)]
    >>> match(events, [Span("dog", 1.4, 2.2), Span("dog", 3.0, 4.0), Span("cat", 5.0, 6.0)])
    Counts(hits=1, events=2, detections=3)
  """
  hits = 0
  for place in {event.place for event in events}:
    heard, found = (
      np.array([span[1:] for span in spans if span.place == place]).reshape(-1, 2)
      for spans in (events, detections)
    )
    allowed_s = np.maximum(collar_s, _OF_LENGTH * (heard[:, 1] - heard[:, 0]))
    missed_s = np.abs(heard[:, None] - found[None])  # [events, detections, 2]
    fits = (missed_s[..., 0] <= collar_s) & (missed_s[..., 1] <= allowed_s[:, None])
    if fits.any():
      hits += int((maximum_bipartite_matching(csr_array(fits), "column") >= 0).sum())
  return Counts(hits, len(events), len(detections))
