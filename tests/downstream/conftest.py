"""Fixtures of the tests of evaluation."""

import pytest

from tests import tiny


@pytest.fixture(scope="session")
def tiny_run(clip_store, tmp_path_factory):
  """The folder of a finished run with a tiny encoder."""
  folder = tmp_path_factory.mktemp("tiny") / "run"
  tiny.train(folder, clip_store, tiny.config(steps=3))
  return folder
