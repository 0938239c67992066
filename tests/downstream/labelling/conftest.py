"""What labellings are tested on: a table of three recordings, and twelve high and low tones."""

import dataclasses
import os
from typing import Any

import numpy as np
import pytest
import soundfile

from downstream.encoders.models import open_model
from downstream.encoders.window_store import WindowStore, cut_windows
from downstream.labelling.label_table import LabelTable
from downstream.labelling.places import Recordings, WindowPlaces
from downstream.labelling.session import Session
from downstream.labelling.settings import Settings
from downstream.labelling.window_rows import WindowRows
from tests.downstream.labelling.three_recordings import FILES


@pytest.fixture
def place(tmp_path, monkeypatch):
  """A folder with three recordings of 10 s, as the working folder."""
  monkeypatch.chdir(tmp_path)
  os.mkdir("field")
  for name in FILES:
    soundfile.write(name, np.zeros(16_000), 1_600)
  return tmp_path


@dataclasses.dataclass(frozen=True)
class Material:
  """What labellings of the recordings have in common."""

  windows: WindowStore
  rows: WindowRows
  folder: Any

  @property
  def store(self):
    return self.windows.recordings

  def recordings(self, path):
    paths = [self.folder / key for key in self.store.keys()]  # noqa: SIM118  # not a dictionary
    return Recordings(str(path), list(map(str, paths)), self.store.num_samples.tolist(), 16_000)

  def session(self, path, strategy="random", examples=None, **settings):
    recordings = self.recordings(path)
    return Session(
      self.rows,
      WindowPlaces(self.windows),
      recordings,
      LabelTable(str(path), recordings),
      Settings(strategy, **settings),
      examples,
    )

  def truth(self, session, name):
    """The class that a stretch is of: the folder of its file."""
    return self.store.keys()[session.place(name).clip].split("/")[0]


@pytest.fixture(scope="package")
def material(clip_store, clip_folder):
  model = open_model("logmel_stats")
  windows = cut_windows(clip_store, model, hop_s=0.25)
  return Material(windows, WindowRows(model, windows), clip_folder)
