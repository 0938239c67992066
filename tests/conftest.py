"""Fixtures of all tests."""

import contextlib
import gc
import os
import shutil
import subprocess
import types

import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from contrastive_audio.utils import figures
from contrastive_audio.utils import presets as preset_folders
from downstream.papers import pretrainings
from tests import support
from tests.without_drawing import blank_savefig

gc.freeze()  # what was imported stays
gc.enable()
_drawing = types.SimpleNamespace(is_on=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
  """Before fixtures of a whole module, too."""
  _drawing.is_on = item.get_closest_marker("figures") is not None


def pytest_collection_modifyitems(items):
  """Long modules come first: short ones then fill what is left."""
  slow = {item.path for item in items if item.get_closest_marker("slow")}
  # Those beside this file test whole commands.
  items.sort(key=lambda item: (item.path not in slow, item.path.parent != support.ROOT / "tests"))


@pytest.fixture(scope="session", autouse=True)
def _draw():
  """Trainings of tests leave blank pictures, but in tests with the mark `figures`."""
  draw, leave_blank = Figure.savefig, blank_savefig()

  def savefig(figure, path, **options):
    return (draw if _drawing.is_on else leave_blank)(figure, path, **options)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(Figure, "savefig", savefig)
    yield


@pytest.fixture(scope="session")
def drawing():
  """Returns a context in which figures are drawn, for fixtures that many tests share."""

  @contextlib.contextmanager
  def draw():
    was_on, _drawing.is_on = _drawing.is_on, True
    try:
      yield
    finally:
      _drawing.is_on = was_on

  return draw


@pytest.fixture
def axis(monkeypatch):
  """Returns the axis of the figure that a function draws."""
  drawn = []
  monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
  return lambda: drawn[0].axes[0]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
  """Two classes of six clips of 1.5 s."""
  return support.write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def clip_store(clip_folder, tmp_path_factory):
  """The store of clip_folder at 16 kHz."""
  source = datasets.open_source(f"folder:{clip_folder}")
  return preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))


@pytest.fixture(scope="session")
def cola_run(clip_folder, tmp_path_factory):
  """The folder of a run that COLA has trained for two steps, by the recipe `small`."""
  place = tmp_path_factory.mktemp("trained")
  options = ["--recipe=small", "--batch_size=4", "--steps=2", "--store_dir=stores"]
  support.train(f"--dataset={clip_folder}", "--run=run", *options, cwd=place)
  return place / "run"


@pytest.fixture
def presets(cola_run, tmp_path, monkeypatch):
  """The folder of all presets, with one that is called `tiny`."""
  folder = tmp_path / "presets"
  (folder / "tiny").mkdir(parents=True)
  for name in ("config.json", "encoder.keras", "head.keras"):
    shutil.copy(cola_run / name, folder / "tiny")
  (folder / "tiny" / "card.md").write_text(support.CARD)
  monkeypatch.setattr(preset_folders, "FOLDER", str(folder))
  return folder


@pytest.fixture
def answers_in_this_process(monkeypatch):
  """Asks train commands for their configurations without starting processes."""
  run_process = subprocess.run

  def run(arguments, **options):
    if "--print_config" not in arguments:
      return run_process(arguments, **options)
    module, *flags = arguments[2:]
    return support.command(module, *flags, cwd=os.getcwd(), check=False)

  monkeypatch.setattr(subprocess, "run", run)


@pytest.fixture
def trainings_in_this_process(monkeypatch, answers_in_this_process):
  """Tables train in this process; tests of signals and of devices have the real ones."""

  def run_child(module, *arguments):
    return support.command(module, *arguments, cwd=os.getcwd()).returncode

  monkeypatch.setattr(pretrainings, "run_child", run_child)


@pytest.fixture
def tunings(monkeypatch):
  """Notes of each dataset that is iterated whether TensorFlow tunes it."""
  noted, iterate = [], tf.data.Dataset.__iter__

  def note(dataset):
    noted.append(dataset.options().autotune.enabled is not False)
    return iterate(dataset)

  monkeypatch.setattr(tf.data.Dataset, "__iter__", note)
  return noted


@pytest.fixture
def processes():
  """Starts commands beside the test, and kills what is left of them when it ends."""
  started = support.Processes()
  yield started
  started.kill_all()
