"""The cost model: cases counted by hand, and the sizes on the page against those of the models."""

import pytest

from benchmarks.lib import cost_model, systems
from tests.test_pages import pages

TINY = cost_model.Training(
  weights=100,
  normalised_channels=6,
  normalisation_layers=2,
  projection_units=3,
  gathers=1,
  mixed_floats=50,
  excerpts=2,
  excerpt_samples=10,
)


def test_two_replicas_send_their_rows_once_and_their_sums_twice():
  assert cost_model.sent_bytes(TINY, batch_size=8, replicas=2) == {
    "projections": 4 * 8 * 3,
    "their gradients": 4 * 2 * 8 * 3,
    "backgrounds": 4 * 8 * 50,
    "gradients of the weights": 4 * 2 * 100,
    "BatchNorm": 4 * 2 * 5 * 6,
  }


def test_one_replica_sends_nothing():
  assert not any(cost_model.sent_bytes(TINY, batch_size=8, replicas=1).values())


def test_logits_grow_with_the_square_of_the_batch_and_not_with_it_in_blocks():
  assert cost_model.logits_bytes(65_536, 1) == 4 * 65_536**2
  assert cost_model.logits_bytes(65_536, 8, views=2) == 4 * 2 * 8192 * 2 * 65_536
  assert cost_model.logits_bytes(65_536, 8, block=256) == 4 * 256 * 65_536


def test_hours_of_an_epoch_and_input_rate():
  assert cost_model.epoch_hours(3600, 1.0, 2, batch_size=60) == pytest.approx(0.5)
  assert cost_model.epoch_hours(3600, 1.0, 1, batch_size=60, step_wait_s=60) == pytest.approx(2.0)
  assert cost_model.input_bytes_per_s(TINY, 5.0) == 2 * 2 * 10 * 5


@pytest.mark.parametrize(
  ("system", "name"), [("cola", "COLA, EfficientNet-B0"), ("mixback", "mix-back, ResNet-18")]
)
def test_the_examples_of_the_page_are_the_papers_models(system, name):
  config = systems.paper_config(system, mean=0.0, std=1.0, steps=10)
  model = systems.model_builder(system)(config)
  assert cost_model.of_model(model, config) == pages.EXAMPLES[name]
