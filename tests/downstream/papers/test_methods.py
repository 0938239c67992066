"""Tables evaluate by the protocol of the paper, or by ours, and their captions say so."""

import pytest

from downstream import protocols
from downstream.papers import methods


@pytest.mark.parametrize("system", ["cola", "mixback"])
def test_the_protocol_of_a_paper_is_used_for_linear_evaluation_and_fine_tuning(system):
  assert methods.excerpt_options("linear", "paper", system) == protocols.LINEAR[system]
  assert methods.excerpt_options("finetune", "paper", system) == protocols.FINE_TUNING[system]


@pytest.mark.parametrize("system", ["cola", "mixback"])
def test_ours_is_logistic_regression_and_fine_tuning_with_early_stopping(system):
  assert methods.excerpt_options("linear", "cached", system) is None
  own = protocols.FINE_TUNING["early_stopping"]
  assert methods.excerpt_options("finetune", "cached", system) == own


@pytest.mark.parametrize("protocol", ["paper", "cached"])
@pytest.mark.parametrize("method", methods.METHODS)
def test_every_method_can_be_made_and_described(method, protocol):
  options = methods.excerpt_options(method, protocol, "mixback", seed=3)
  assert callable(methods.make_method(method, options))
  named = "protocol" in methods.describe(method, protocol, "mixback")
  follows_paper = protocol == "paper" and method in ("linear", "finetune")
  assert named == (follows_paper or method == "knn_patches")
  assert options is None or options.seed == 3


def test_epochs_replace_those_of_the_protocol():
  assert methods.excerpt_options("linear", "paper", "cola", epochs=2).epochs == 2
