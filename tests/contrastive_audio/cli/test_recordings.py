"""When clips are recordings: one rule, for trainings and searches."""

import types

import numpy as np
import pytest

from contrastive_audio.cli.recordings import are_long, choose_piece_s
from contrastive_audio.monitoring.complaints import LONG_S

RATE_HZ = 100


@pytest.mark.parametrize(
  ("lengths_s", "is_long"),
  [
    ([LONG_S - 10, LONG_S + 10], False),  # the median is exactly at the bound
    ([LONG_S - 10, LONG_S + 10.02], True),
    ([1, LONG_S - 10, LONG_S + 10, 1000], False),
    ([1, LONG_S - 10, LONG_S + 10.02, 1000], True),
    ([LONG_S], False),
    ([LONG_S + 0.01], True),
  ],
)
def test_the_median_decides_which_of_an_even_number_of_clips_lies_between_two(lengths_s, is_long):
  num_samples = np.round(np.array(lengths_s) * RATE_HZ).astype(np.int64)
  store = types.SimpleNamespace(num_samples=num_samples, sample_rate_hz=RATE_HZ)
  assert are_long(store) == is_long
  assert (choose_piece_s(store, None, "no/such/run") > 0) == is_long
