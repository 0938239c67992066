"""Scores of windows become detections: where they start and end, what is merged and smoothed."""

import numpy as np
import pytest

from downstream.detection.events import Rules, average, cells, find_events
from tests.support import assert_close


def windows(length_s, hop_s, window_s):
  """(starts, ends) as WindowStore has them: the last is flush with the end."""
  starts_s = np.arange(0, length_s - window_s + 1e-9, hop_s)
  if starts_s[-1] + window_s < length_s - 1e-9:
    starts_s = np.append(starts_s, length_s - window_s)
  return starts_s, starts_s + window_s


@pytest.mark.parametrize(("hop_s", "window_s"), [(0.25, 1), (0.4, 1), (1, 1), (0.3, 2.5)])
def test_each_moment_belongs_to_one_window_that_hears_it(hop_s, window_s):
  starts_s, ends_s = windows(10.1, hop_s, window_s)
  first_s, last_s = cells(starts_s, ends_s)
  assert (first_s[0], last_s[-1]) == (0, pytest.approx(10.1))
  assert_close(first_s[1:], last_s[:-1])
  assert (last_s > first_s).all()
  assert (first_s >= starts_s - 1e-9).all()
  assert (last_s <= ends_s + 1e-9).all()


def test_what_no_window_hears_belongs_to_none():
  first_s, last_s = cells(*windows(9, hop_s=4, window_s=1))
  assert_close(first_s, [0, 4, 8])
  assert_close(last_s, [1, 5, 9])
  scores = np.array([[0.0], [1], [0]])
  (event,) = find_events(scores, *windows(9, hop_s=4, window_s=1), Rules(np.array([0.5])))
  assert (event.start_s, event.end_s) == (4, 5)


@pytest.mark.parametrize("hop_s", [0.1, 0.25, 0.5])
@pytest.mark.parametrize(("start_s", "end_s"), [(10, 12), (3.3, 7.9), (0, 2), (27.5, 30)])
def test_an_event_is_as_long_as_it_is_whatever_the_hop(hop_s, start_s, end_s):
  starts_s, ends_s = windows(30, hop_s, window_s=1)
  heard = np.clip(np.minimum(ends_s, end_s) - np.maximum(starts_s, start_s), 0, None)
  rules = Rules(np.array([0.5 - 1e-9]))
  (event,) = find_events(heard[:, None], starts_s, ends_s, rules)  # the share of each window
  assert_close([event.start_s, event.end_s], [start_s, end_s], atol=1e-6)
  assert event.score == pytest.approx(1)


def by_hand(column, threshold, starts_s, ends_s, gap_s):
  """Stretches above a threshold, found along the line through the scores, by milliseconds."""
  times_s = np.arange(0, 60, 0.001)
  line = np.interp(times_s, (starts_s + ends_s) / 2, column)
  found = []
  for time_s in times_s[line >= threshold]:
    if found and time_s - found[-1][1] <= max(gap_s, 0.0015):
      found[-1][1] = time_s
    else:
      found.append([time_s, time_s])
  return [[*each, line[(times_s >= each[0]) & (times_s <= each[1])].max()] for each in found]


@pytest.mark.parametrize("gap_s", [0, 0.5, 1.1, 100])
def test_stretches_of_each_class_are_found_one_by_one_and_merged_over_gaps(gap_s):
  rng = np.random.default_rng(int(10 * gap_s))
  starts_s, ends_s = windows(60, 0.5, 1)
  thresholds = np.array([0.3, 0.6, 0.9, 2.0])
  scores = rng.uniform(size=[len(starts_s), 4])
  events = find_events(scores, starts_s, ends_s, Rules(thresholds, gap_s))
  assert events == sorted(events, key=lambda event: (event.start_s, event.number))
  assert not any(event.number == 3 for event in events)
  for number in range(3):
    actual = [[e.start_s, e.end_s, e.score] for e in events if e.number == number]
    desired = by_hand(scores[:, number], thresholds[number], starts_s, ends_s, gap_s)
    assert_close(actual, desired, atol=0.01)


def test_scores_are_averaged_over_time_and_a_single_window_is_no_longer_enough():
  starts_s, ends_s = windows(20, 1, 1)
  scores = np.zeros([20, 1])
  scores[[5, 12, 13, 14]] = 1
  rules = Rules(np.array([0.6]), smoothing_s=2.0)
  (event,) = find_events(scores, starts_s, ends_s, rules)
  # 12.5 s has an average of 0.75, 12 s one of 0.5.
  assert_close([event.start_s, event.end_s, event.score], [12.2, 14.8, 1], atol=1e-6)
  first = np.zeros([20, 1])
  first[0] = 1  # the first goes on before the start: three quarters of two seconds are it
  (event,) = find_events(first, starts_s, ends_s, rules)
  assert (event.start_s, event.end_s, event.score) == (0, pytest.approx(0.8), pytest.approx(0.75))


def track(times_s):
  """A score that rises and falls with time, in straight lines every two seconds."""
  knots = np.random.default_rng(0).uniform(size=11)
  return np.interp(times_s, np.arange(0, 22, 2), knots)


@pytest.mark.parametrize("length_s", [0.3, 1.0, 2.5])
def test_averages_are_those_of_straight_lines_whatever_the_hop(length_s):
  fine_s = np.arange(-5, 25, 0.001)
  for hop_s in (2.0, 0.5, 0.25):
    times_s = np.arange(0, 20 + 1e-9, hop_s)
    desired = [track(fine_s[np.abs(fine_s - t) <= length_s / 2 + 1e-9]).mean() for t in times_s]
    assert_close(average(track(times_s), times_s, length_s), desired, atol=2e-3)


def test_smoothed_detections_are_nearly_the_same_whatever_the_hop():
  found = {}
  for hop_s in (2.0, 1.0, 0.25):
    starts_s = np.arange(0, 20 + 1e-9, hop_s)
    rules = Rules(np.array([0.5]), smoothing_s=2.0)
    events = find_events(track(starts_s)[:, None], starts_s, starts_s + 2, rules)
    found[hop_s] = [[event.start_s, event.end_s, event.score] for event in events]
  assert len(found[0.25]) > 1
  for hop_s in (2.0, 1.0):
    assert_close(found[hop_s], found[0.25], atol=0.05)


def test_a_peak_that_smoothing_takes_below_the_threshold_is_nothing():
  starts_s, ends_s = windows(20, 1, 2)
  scores = np.zeros([len(starts_s), 1])
  scores[7] = 0.6
  assert find_events(scores, starts_s, ends_s, Rules(np.array([0.5])))
  assert find_events(scores, starts_s, ends_s, Rules(np.array([0.5]), smoothing_s=1.0)) == []


def test_smoothing_over_next_to_no_time_changes_nothing():
  starts_s = np.arange(0, 20 + 1e-9, 1.0)
  whole, smoothed = (
    find_events(track(starts_s)[:, None], starts_s, starts_s + 2, Rules(np.array([0.5]), 0.0, each))
    for each in (0.0, 1e-7)
  )
  assert len(whole) == len(smoothed) > 1
  for one, other in zip(whole, smoothed):
    assert_close([one.start_s, one.end_s], [other.start_s, other.end_s], atol=1e-4)


def test_smoothing_finds_nothing_where_no_window_listens():
  starts_s = np.array([0.0, 5.0, 10.0])
  scores, rules = np.array([[1.0], [0.0], [1.0]]), Rules(np.array([0.5]), smoothing_s=1.0)
  events = find_events(scores, starts_s, starts_s + 1, rules)
  assert [(event.start_s, event.end_s) for event in events] == [(0, 1), (10, 11)]


def test_windows_that_do_not_touch_are_detections_of_their_own_and_a_gap_joins_them():
  scores, spans = np.array([[0.9], [0.9], [0.1], [0.9]]), windows(32, hop_s=10, window_s=2)
  for gap_s, desired in ((0, [(0, 2), (10, 12), (30, 32)]), (8, [(0, 12), (30, 32)])):
    events = find_events(scores, *spans, Rules(np.array([0.5]), gap_s))
    assert [(event.start_s, event.end_s) for event in events] == desired


@pytest.mark.parametrize("score", [1.0, 0.87, np.float32(0.3)])
@pytest.mark.parametrize("smoothing_s", [0.0, 0.9675, 3.0])
def test_a_score_that_is_its_threshold_all_along_is_one_detection(score, smoothing_s):
  starts_s = np.arange(400) * 0.9675
  rules = Rules(np.array([score]), smoothing_s=smoothing_s)
  (event,) = find_events(np.full([400, 1], score), starts_s, starts_s + 1.935, rules)
  assert (event.start_s, event.end_s) == (0, pytest.approx(starts_s[-1] + 1.935))


def test_silence_is_nothing_and_one_window_may_be_a_recording():
  assert find_events(np.zeros([1, 2]), np.zeros(1), np.ones(1), Rules(np.full(2, 0.5))) == []
  (event,) = find_events(np.ones([1, 1]), np.zeros(1), np.full(1, 0.4), Rules(np.full(1, 0.5)))
  assert (event.start_s, event.end_s) == (0, 0.4)
