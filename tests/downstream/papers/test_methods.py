"""Tables evaluate by the protocol of the paper, or by ours, and their captions say so."""

import pytest

from downstream import protocols
from downstream.papers import methods
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice

SYSTEMS = ("cola", "mixback")


def options_of(method, protocol, system, **changes):
  measurement = Measurement(PretrainingChoice(system), method, "musan")
  request = LaboratoryRequest("tables", protocol=protocol, **changes)
  return methods.excerpt_options(measurement, request, "runs/x", seed=0)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_protocol_of_a_paper_is_used_for_linear_evaluation_and_fine_tuning(system):
  assert options_of("linear", "paper", system) == protocols.LINEAR[system]
  assert options_of("finetune", "paper", system) == protocols.FINE_TUNING[system]


@pytest.mark.parametrize("system", SYSTEMS)
def test_ours_is_logistic_regression_and_fine_tuning_with_early_stopping(system):
  assert options_of("linear", "cached", system) is None
  own = protocols.FINE_TUNING["early_stopping"]
  assert options_of("finetune", "cached", system) == own


@pytest.mark.parametrize("raised", ["logistic", "excerpts", "knn"])
def test_a_new_version_of_what_a_method_uses_is_one_of_the_method(monkeypatch, raised):
  def versions():
    return {
      method: methods.evaluation_version(method, options_of(method, "cached", "cola"))
      for method in methods.METHODS
    }

  before = versions()
  monkeypatch.setitem(protocols.EVALUATION_VERSIONS, raised, 99)
  changed = {method for method, version in versions().items() if version != before[method]}
  assert (
    changed
    == {
      "logistic": {"linear", "linear_cached", "finetune_from_linear"},
      "excerpts": {"finetune", "finetune_slowly", "finetune_from_linear"},
      "knn": {"knn", "knn_patches"},
    }[raised]
  )


def test_a_model_without_a_system_is_evaluated_as_in_colas_tables():
  measurement = Measurement("random:efficientnet_b0", "finetune", "musan")
  request = LaboratoryRequest("tables", protocol="paper")
  options = methods.excerpt_options(measurement, request, "random:efficientnet_b0", seed=0)
  assert options == protocols.FINE_TUNING["cola"]


@pytest.mark.parametrize("protocol", ["paper", "cached"])
@pytest.mark.parametrize("method", methods.METHODS)
def test_a_caption_names_the_paper_whose_protocol_is_followed(method, protocol):
  request = LaboratoryRequest("tables", protocol=protocol)
  caption = methods.describe(
    Measurement(PretrainingChoice("mixback"), method, "x"), request, "runs/x"
  )
  follows_paper = protocol == "paper" and method in ("linear", "finetune")
  assert ("by mix-back's protocol" in caption) == (follows_paper or method == "knn_patches")


def test_epochs_replace_those_of_the_protocol():
  assert options_of("linear", "paper", "cola", epochs=2).epochs == 2
