"""Fixtures of the tests of cards."""

import pytest

from contrastive_audio.cli.open_data import DataLocation
from downstream.cards.opening import open_task
from downstream.choices import TaskChoice


@pytest.fixture(scope="session")
def open_card(corpora, tmp_path_factory):
  """Opens the task of a card, once."""
  location = DataLocation(str(corpora), store_dir=str(tmp_path_factory.mktemp("stores")))
  opened = {}

  def open_once(name):
    if name not in opened:
      opened[name] = open_task(TaskChoice(name), location, 16_000)
    return opened[name]

  return open_once
