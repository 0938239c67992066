"""Fixtures of the tests of evaluation."""

import pytest

from tests import tiny
from tests.downstream.cards import fake_corpora


@pytest.fixture(scope="session")
def tiny_run(clip_store, tmp_path_factory):
  """The folder of a finished run with a tiny encoder."""
  folder = tmp_path_factory.mktemp("tiny") / "run"
  tiny.train(folder, clip_store, tiny.config(steps=3))
  return folder


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
  """The folder that holds small copies of all published data sets by name."""
  folder = tmp_path_factory.mktemp("corpora")
  for make in fake_corpora.MAKERS.values():
    make(folder)
  return folder
