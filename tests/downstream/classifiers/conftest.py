"""Fixtures of the tests of training on excerpts."""

import numpy as np
import pytest

from tests.downstream.classifiers.tiny_training import model_of, tiny_encoder


@pytest.fixture
def model():
  return model_of(tiny_encoder())


@pytest.fixture(scope="module")
def targets(clip_store):
  """One-hot float32 `[12, 2]`."""
  names = sorted(set(clip_store.labels()))
  return np.eye(2, dtype="f")[[names.index(label) for label in clip_store.labels()]]


@pytest.fixture(scope="module")
def halves(targets):
  """(ids to train on, ids to validate on), three of each class in both."""
  ids = [np.flatnonzero(targets[:, number]) for number in (0, 1)]
  return np.concatenate([i[:3] for i in ids]), np.concatenate([i[3:] for i in ids])
