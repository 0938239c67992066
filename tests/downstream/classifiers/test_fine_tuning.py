"""Fine-tuning waits long enough, also where an epoch is one step."""

import pytest

from downstream.classifiers import fine_tuning
from downstream.classifiers.classifier import Options


@pytest.mark.parametrize(("num_train", "epochs"), [(8, 100), (64, 100), (130, 50), (3200, 10)])
def test_it_waits_for_ten_epochs_and_for_a_hundred_steps(num_train, epochs):
  assert fine_tuning._patience(Options(frozen=False, patience=10), num_train) == epochs
