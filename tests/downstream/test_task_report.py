"""What is printed about a task before it is evaluated, and what its results keep of that."""

import numpy as np
import pytest
import soundfile

from contrastive_audio.cli.open_data import DataLocation
from downstream.cards.opening import open_task
from downstream.choices import Condition, TaskChoice
from downstream.encoders.models import open_model
from downstream.evaluation import pose
from downstream.task_report import print_task

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Sixteen short clips of noise, 0.wav to 15.wav."""
  folder, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(0)
  for number in range(16):
    soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, RATE_HZ // 2), RATE_HZ)
  return folder


@pytest.fixture
def opened(place, capsys):
  """Opens a table as a task; returns its data and what is printed about it."""

  def open_table(header, rows, **choice):
    (place / "rows.csv").write_text("\n".join([header, *rows]) + "\n")
    location = DataLocation(store_dir=str(place / "stores"))
    data = open_task(TaskChoice(str(place / "rows.csv"), **choice), location, RATE_HZ)
    print_task(data, seed=0)
    return data, capsys.readouterr().out

  return open_table


def rows_of(*columns):
  """A row for each clip, of two classes in turn."""
  return [f"{n}.wav,{'ab'[n % 2]},{','.join(cells)}" for n, cells in enumerate(zip(*columns))]


SPLITS = ["train"] * 8 + ["test"] * 8


def test_validation_clips_of_a_table_are_counted_among_those_that_train(opened):
  splits = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
  data, printed = opened("file,label,split", rows_of(splits))
  assert "16 clips, 2 classes, 12 train (4 of them for validation) and 4 test\n" in printed
  (problem,) = pose(data, open_model("logmel_stats"), Condition(), seed=0)
  assert len(problem.final_train) == 12
