"""Items that another thread computes: the same, in order, not too far ahead, and none forgotten."""

import threading

import pytest

from contrastive_audio.utils.ahead import ahead


def numbers(count, started, allowed=None):
  """0, 1, ...; each waits until it is allowed, and is noted when it is started."""
  for number in range(count):
    started.append((number, threading.current_thread()))
    if allowed is not None:
      assert allowed[number].wait(timeout=60)
    yield number


def test_the_items_come_in_order_from_another_thread():
  started = []
  assert list(ahead(numbers(100, started))) == list(range(100))
  assert threading.current_thread() not in {thread for _, thread in started}


def test_nothing_starts_before_it_is_asked_for():
  started = []
  waiting = ahead(numbers(3, started))
  assert not started
  assert next(waiting) == 0
  waiting.close()


def test_at_most_as_many_items_wait_as_are_wanted():
  started, allowed = [], [threading.Event() for _ in range(10)]
  for event in allowed:
    event.set()
  items = ahead(numbers(10, started, allowed), count=2)
  for taken in range(1, 11):
    assert next(items) == taken - 1
    assert len(started) <= taken + 3  # two wait, and one is in the hand of the thread
  assert list(items) == []


def test_an_item_is_computed_while_the_one_before_is_in_use():
  started, allowed = [], [threading.Event() for _ in range(2)]
  allowed[0].set()
  items = ahead(numbers(2, started, allowed))
  assert next(items) == 0
  while len(started) < 2:  # without a request for it
    pass
  allowed[1].set()
  assert next(items) == 1
  items.close()


def fail_after(count):
  yield from range(count)
  raise ValueError("no more")


def test_what_is_raised_there_is_raised_here_after_the_items_before():
  items = ahead(fail_after(2))
  assert [next(items), next(items)] == [0, 1]
  with pytest.raises(ValueError, match="no more"):
    next(items)


def test_the_thread_ends_with_the_iterator():
  started = []
  items = ahead(numbers(10**9, started))
  next(items)
  items.close()
  assert not started[0][1].is_alive()
