"""Scores of the windows of a recording -> detections with start and end.

Letters: W windows of a recording, C classes.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

_SAME_S = 1e-9  # times are sums
_SAME_SCORE = 1e-9  # smoothed scores are differences of sums
_MOST_PARTS = 16  # of a hop; bounds the memory where scores are averaged over next to no time


@dataclasses.dataclass(frozen=True)
class Rules:
  """What becomes of scores.

  Attributes:
    thresholds: float `[C]`; a score as large as it counts.
    gap_s: detections of a class that are this close are one, in seconds.
    smoothing_s: over how many seconds scores are averaged; 0: they are taken as they are.

  Example:
    >>> Rules(np.array([0.5]), gap_s=0.5).smoothing_s
    0.0
  """

  thresholds: np.ndarray
  gap_s: float = 0.0
  smoothing_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Detection:
  """A stretch of a recording in which a class is heard.

  Attributes:
    start_s: where it starts.
    end_s: where it ends.
    number: of the class.
    score: the highest of its windows, smoothed.

  Example:
    >>> Detection(1.0, 2.5, number=0, score=0.9).end_s
    2.5
  """

  start_s: float
  end_s: float
  number: int
  score: float


def cells(starts_s: np.ndarray, ends_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns which stretch each window stands for: from halfway to its neighbours' centres.

  Overlapping windows of a second, one every quarter of a second, would otherwise make everything
  up to a second too long on either side. The first stands for the beginning of the recording, too,
  the last for its end; none stands for what it does not hear.

  Args:
    starts_s: of the windows, float `[W]`, in order.
    ends_s: of the windows.

  Returns:
    (starts `[W]`, ends `[W]`).

  Example:
    >>> starts, ends = cells(np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.5, 2.0]))
    >>> starts.tolist(), ends.tolist()
    ([0.0, 0.75, 1.25], [0.75, 1.25, 2.0])
  """
  centres = (starts_s + ends_s) / 2
  borders = (centres[:-1] + centres[1:]) / 2
  first = np.maximum(starts_s, np.concatenate([starts_s[:1], borders]))
  last = np.minimum(ends_s, np.concatenate([borders, ends_s[-1:]]))
  return first, last


def average(scores: np.ndarray, times_s: np.ndarray, length_s: float) -> np.ndarray:
  """Averages scores over the time around them; between them they go in straight lines.

  The first one has lasted before it, and the last lasts. As it is time that counts, not a number of
  windows, other hops give nearly the same averages.

  Args:
    scores: float `[W]`.
    times_s: float `[W]`, in order.
    length_s: of the time, with the score in its middle.

  Returns:
    Float `[W]`.

  Example:
    >>> average(np.array([0.0, 1.0, 0.0]), np.arange(3.0), length_s=1.0).tolist()
    [0.125, 0.75, 0.125]
  """
  times_s = np.concatenate([times_s[:1] - length_s, times_s, times_s[-1:] + length_s])
  lines = np.concatenate([scores[:1], scores, scores[-1:]]).astype(np.float64)
  steps_s = np.diff(times_s)
  slopes = np.diff(lines) / steps_s
  areas = np.cumsum((lines[1:] + lines[:-1]) / 2 * steps_s)
  areas = np.concatenate([[0.0], areas])  # up to each time

  def area(ends_s: np.ndarray) -> np.ndarray:
    before = np.clip(np.searchsorted(times_s, ends_s, side="right") - 1, 0, len(slopes) - 1)
    left_s = ends_s - times_s[before]
    return areas[before] + left_s * (lines[before] + slopes[before] * left_s / 2)

  middles_s = times_s[1:-1]
  return (area(middles_s + length_s / 2) - area(middles_s - length_s / 2)) / length_s


def _smooth(
  scores: np.ndarray, starts_s: np.ndarray, ends_s: np.ndarray, length_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Averages the scores of windows; between windows that touch there are others then.

  Returns:
    (scores, starts, ends) of so many windows that a hop is at most a quarter of the time, unless
    that is far less than a hop.
  """
  if not length_s or len(scores) == 1:
    return scores, starts_s, ends_s
  touch = (starts_s[1:] <= ends_s[:-1] + _SAME_S).all()
  parts = int(min(_MOST_PARTS, np.ceil(4 * np.diff(starts_s).max() / length_s))) if touch else 1
  numbers = np.arange(len(scores))
  places = np.arange(parts * (len(scores) - 1) + 1) / parts
  scores, starts_s, ends_s = (
    np.interp(places, numbers, values) for values in (scores, starts_s, ends_s)
  )
  return average(scores, (starts_s + ends_s) / 2, length_s), starts_s, ends_s


def find_events(
  scores: np.ndarray, starts_s: np.ndarray, ends_s: np.ndarray, rules: Rules
) -> list[Detection]:
  """Finds what is heard in a recording.

  Between the centres of windows that touch, a score goes in a straight line: a detection begins and
  ends where that meets the threshold, whatever the hop.

  Args:
    scores: float `[W, C]`.
    starts_s: of the windows, float `[W]`, in order.
    ends_s: of the windows.
    rules: threshold of each class, gap and smoothing.

  Returns:
    Detections by their start.

  Example:
    >>> scores = np.array([[0.1], [0.8], [0.9], [0.2], [0.7]])
    >>> starts_s = np.arange(5.0)
    >>> find_events(scores, starts_s, starts_s + 1, Rules(np.array([0.5])))[0]
    Detection(start_s=1.0714..., end_s=3.0714..., number=0, score=0.9)
    >>> len(find_events(scores, starts_s, starts_s + 1, Rules(np.array([0.5]), gap_s=2)))
    1
  """
  found: list[Detection] = []
  for number in np.flatnonzero((scores >= rules.thresholds).any(axis=0)):
    track = _smooth(scores[:, number], starts_s, ends_s, rules.smoothing_s)
    for start_s, end_s, score in _stretches(*track, float(rules.thresholds[number]), rules.gap_s):
      found.append(Detection(start_s, end_s, int(number), score))
  return sorted(found, key=lambda detection: (detection.start_s, detection.number))


def _stretches(
  scores: np.ndarray, starts_s: np.ndarray, ends_s: np.ndarray, threshold: float, gap_s: float
) -> Iterator[tuple[float, float, float]]:
  """Yields (start, end, highest score) of what reaches the threshold of a class."""
  rises_s, falls_s = cells(starts_s, ends_s)
  touch = starts_s[1:] <= ends_s[:-1] + _SAME_S
  crossings = _crossings(scores, (starts_s + ends_s) / 2, threshold)
  rises_s[1:][touch], falls_s[:-1][touch] = crossings[touch], crossings[touch]
  for first, last in _runs(scores >= threshold - _SAME_SCORE, rises_s, falls_s, gap_s):
    yield float(rises_s[first]), float(falls_s[last]), float(scores[first : last + 1].max())


def _crossings(column: np.ndarray, centres_s: np.ndarray, threshold: float) -> np.ndarray:
  """Returns where the line from each score to the next meets the threshold, float `[W - 1]`."""
  rise = np.diff(column)
  share = (threshold - column[:-1]) / np.where(rise == 0, 1, rise)
  return centres_s[:-1] + np.clip(share, 0, 1) * np.diff(centres_s)


def _runs(
  above: np.ndarray, first_s: np.ndarray, last_s: np.ndarray, gap_s: float
) -> Iterator[tuple[int, int]]:
  """Yields the first and the last window of each stretch; those that are close are one."""
  numbers = np.flatnonzero(above)
  if not numbers.size:
    return
  # Windows that do not touch leave a gap, too; times are sums, so they are compared with a margin.
  apart = first_s[numbers[1:]] - last_s[numbers[:-1]] > gap_s + _SAME_S
  for some in np.split(numbers, np.flatnonzero(apart) + 1):
    yield int(some[0]), int(some[-1])
