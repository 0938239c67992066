"""What all monitors by labels do with what is measured."""

import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.monitoring import confusion
from contrastive_audio.monitoring.monitor import LabelMonitor
from contrastive_audio.runs import Run


class NoOthers(LabelMonitor):
  """An evaluation in which no clip has a neighbour, as if all were of one speaker."""

  def evaluate(self, waves, labels, groups):
    assert len(list(waves)) == len(labels)
    return {"knn_accuracy": 0.0}, [None] * len(labels)


def test_clips_without_a_neighbour_have_a_column_of_their_own(clip_store, tmp_path, monkeypatch):
  counted, count = [], confusion.count_confusions
  monkeypatch.setattr(
    confusion, "count_confusions", lambda *a: counted.append(count(*a)) or count(*a)
  )
  run = Run(str(tmp_path), {})
  NoOthers(run, clip_store).check(step=3)
  names, counts = counted[0]
  assert names[0] == "(none)"
  assert counts[:, 0].sum() == counts.sum() == clip_store.num_clips
  assert run.metrics("knn_chance")[1] == 1 / (len(names) - 1)
  assert (tmp_path / "plots" / "knn_confusion.png").exists()


def test_one_curve_is_of_one_set_of_clips(clip_store, tmp_path):
  run, others = Run(str(tmp_path), {}), clip_store.select(range(2, clip_store.num_clips))
  NoOthers(run, others)
  monitor = NoOthers(run, clip_store)  # nothing had been evaluated
  monitor.check(step=0)
  NoOthers(run, clip_store).check(step=1)
  with pytest.raises(UserError, match="has been evaluated on other labelled clips"):
    NoOthers(run, others)
  (tmp_path / "monitored.json").unlink()  # as earlier versions, which wrote none
  NoOthers(run, others).check(step=2)
  with pytest.raises(UserError, match="has been evaluated on other labelled clips"):
    NoOthers(run, clip_store)
