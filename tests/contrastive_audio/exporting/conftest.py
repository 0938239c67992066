"""Fixtures of the tests of exports."""

import pytest

from tests.contrastive_audio.exporting.exported import make_run


@pytest.fixture(scope="package")
def small_run(tmp_path_factory):
  """A run with the smallest network."""
  return make_run(tmp_path_factory.mktemp("small") / "run", "frame_cnn")
