"""Which clips train, and which epoch is kept, under each protocol."""

import dataclasses
import types

import numpy as np
import pytest

from downstream import protocols
from downstream.classifiers import excerpt_method, excerpt_training
from downstream.classifiers.classifier import Classifier
from downstream.classifiers.excerpt_method import _patience
from downstream.classifiers.linear_evaluation import ClipRows
from downstream.encoders import models
from downstream.protocols import Options
from tests.downstream.classifiers.rows import draw_rows, problem_of
from tests.downstream.classifiers.tiny_training import FRONT_END, tiny_encoder
from tests.support import assert_close

TRAIN, ALL = list(range(100)), list(range(130))


@pytest.fixture
def trainings(monkeypatch):
  """The calls of `train`, which trains nothing and takes epoch 7 for the best."""
  calls = []

  def train(
    model, store, train_ids, targets, options, validation_ids=None, folder=None, hosts=None
  ):
    validation = None if validation_ids is None else list(validation_ids)
    calls.append((options, list(train_ids), validation, folder))
    scores = lambda store, clips: np.zeros([len(clips), targets.shape[1]])  # noqa: E731
    return types.SimpleNamespace(best_epoch=7, scores=scores)

  monkeypatch.setattr(excerpt_training, "train", train)
  return calls


def run(options, hosts=None, **changes):
  """Runs the method on a split with 100 clips to train on and 30 to validate on."""
  _, targets = draw_rows()
  task = types.SimpleNamespace(metric="macro_accuracy", name="x")
  data = types.SimpleNamespace(task=task, multi_label=False, store=None)
  problem = dataclasses.replace(problem_of(targets, data), folder="state", **changes)
  return excerpt_method.excerpt_method(options, hosts)(data, None)(problem)


@pytest.mark.parametrize("protocol", [protocols.LINEAR["cola"], protocols.FINE_TUNING["cola"]])
def test_cola_trains_on_all_clips_and_keeps_the_last_weights(trainings, protocol):
  run(protocol)
  ((options, train, validation, folder),) = trainings
  assert (train, validation, folder) == (ALL, None, "state")
  assert (options.selection, options.epochs, options.patience) == ("last", 100, None)
  assert (options.optimizer, options.learning_rate, options.batch_size) == ("adam", 1e-3, 64)


@pytest.mark.parametrize(
  ("protocol", "rate"), [(protocols.LINEAR, 0.1), (protocols.FINE_TUNING, 0.01)]
)
def test_mixback_keeps_the_best_of_200_epochs_on_the_validation_clips(trainings, protocol, rate):
  run(protocol["mixback"])
  ((options, train, validation, _),) = trainings
  assert (train, validation) == (TRAIN, list(range(100, 130)))
  assert (options.selection, options.epochs, options.patience) == ("best", 200, None)
  assert (options.optimizer, options.learning_rate, options.batch_size) == ("sgd", rate, 128)
  assert options.metric == "macro_accuracy"


def test_early_stopping_chooses_the_epochs_and_then_trains_on_all_clips(trainings):
  run(protocols.FINE_TUNING["early_stopping"])
  (selecting, train, validation, folder), (final, final_train, no_validation, other) = trainings
  assert (train, validation) == (TRAIN, list(range(100, 130)))
  assert (final_train, no_validation) == (ALL, None)
  assert (selecting.selection, selecting.patience) == ("best", 100)
  assert (final.selection, final.epochs, final.patience) == ("last", 7, None)
  assert {folder, other} == {"state/selection", "state/all clips"}


@pytest.mark.parametrize(("is_chief", "calls"), [(True, 1), (False, 0)])
def test_the_chief_alone_chooses_the_regularisation_that_all_hosts_start_from(
  trainings, monkeypatch, is_chief, calls
):
  chosen = []
  choose = lambda problem: chosen.append(problem) or 0.01  # noqa: E731
  monkeypatch.setattr(excerpt_method, "_choose_inverse_strength", choose)
  hosts = types.SimpleNamespace(is_chief=is_chief, broadcast_from_chief=lambda value: 0.01)
  run(dataclasses.replace(protocols.FINE_TUNING["cola"], start="linear"), hosts=hosts)
  assert len(chosen) == calls
  assert trainings[0][0].inverse_strength == 0.01


def test_validation_clips_of_the_data_set_itself_are_never_trained_on(trainings):
  run(protocols.FINE_TUNING["early_stopping"], refit=False)
  ((options, train, _, _),) = trainings
  assert (options.selection, train) == ("best", TRAIN)


@pytest.mark.parametrize("name", protocols.FINE_TUNING)
def test_without_validation_clips_the_last_weights_are_kept(trainings, name):
  run(protocols.FINE_TUNING[name], validation=np.array([], int))
  ((options, train, validation, _),) = trainings
  assert (options.selection, train, validation) == ("last", TRAIN, None)
  assert options.epochs == protocols.FINE_TUNING[name].epochs


@pytest.mark.parametrize(("num_train", "epochs"), [(8, 100), (64, 100), (130, 50), (3200, 10)])
def test_it_waits_for_ten_epochs_and_for_a_hundred_steps(num_train, epochs):
  options = Options(frozen=False, selection="best", patience=10)
  assert _patience(options, num_train) == epochs


@pytest.mark.parametrize("pooling", ["windows", "windows_max"])
def test_a_linear_start_is_chosen_by_the_embeddings_that_it_is_fitted_on(
  clip_store, monkeypatch, pooling
):
  given, encoder = [], tiny_encoder()
  choose = lambda *arguments: given.extend(arguments) or (0.1, None)  # noqa: E731
  monkeypatch.setattr(excerpt_method, "choose_inverse_strength", choose)
  model = models.keras_model("tiny", "", FRONT_END.pooled(pooling), encoder)
  data = types.SimpleNamespace(store=clip_store, multi_label=False)
  problem = types.SimpleNamespace(data=data, model=model, targets=None, folds=[])
  excerpt_method._choose_inverse_strength(problem)
  (chosen_on,) = [each.embeddings for each in given if isinstance(each, ClipRows)]
  windows = Classifier(FRONT_END, encoder, 2, Options(frozen=False)).embed_windows(
    clip_store, range(12)
  )
  assert_close(chosen_on, [rows.mean(axis=0) for rows in windows], atol=1e-5)
