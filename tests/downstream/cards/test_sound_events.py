"""The cards of sound events on small copies of their data sets."""

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.cards import sound_events
from downstream.choices import Condition
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.nearest_neighbours import knn_method
from downstream.encoders import models
from downstream.evaluation import evaluate
from tests.downstream.cards.fake_corpora import problem_of

FSDNOISY18K = [card.name for card in sound_events.CARDS if card.dataset == "fsdnoisy18k"]


def test_splits_of_fsdnoisy18k(open_card):
  data = {name: open_card(name) for name in FSDNOISY18K}
  sizes = {}
  for name, each in data.items():
    assert each.class_names == ["Fire", "Rain", "Wind"]
    (split,) = each.splits(0)
    sizes[name] = [
      len(part) if part is not None else 0 for part in (split.train, split.validation, split.test)
    ]
    assert each.store.num_clips == sum(sizes[name])  # the others are not embedded
  assert sizes == {
    "fsdnoisy18k": [27, 21, 9],
    "fsdnoisy18k_clean": [18, 3, 9],
    "fsdnoisy18k_small": [9, 21, 9],
    "fsdnoisy18k_validation": [27, 0, 21],
  }
  assert len({each.store.folders[0] for each in data.values()}) == 1  # decoded once


def test_what_only_chooses_does_not_train(open_card):
  noisy, small = open_card("fsdnoisy18k"), open_card("tut_2018")
  for data, is_given in ((noisy, True), (small, False)):
    (split,) = data.splits(0)
    problem = problem_of(data, split)
    trained = np.sort(np.concatenate([problem.train, [] if is_given else problem.validation]))
    assert problem.final_train.tolist() == trained.tolist()


def test_several_labels_are_judged_by_average_precision(open_card):
  data = open_card("audioset")
  assert data.class_names == ["Sound, 2", "Sound, 5", "Sound, 400"]  # official, not alphabetical
  assert data.store.num_clips == 16  # the unbalanced part is not opened
  (split,) = data.splits(0)
  assert data.targets()[split.train].sum() == 12
  model = models.open_model("logmel_stats")
  result = evaluate(cached_linear_method()(data, model), data, model, Condition(), 0)
  assert 0 < result.score <= 100
  result = evaluate(knn_method()(data, model), data, model, Condition(), 0)
  assert 0 < result.score <= 100
  with pytest.raises(UserError, match="several labels, which --protocol=patches does not predict"):
    knn_method("patches")(data, model)
  assert open_card("fsd50k").class_names == ["class003", "class007", "class150"]
