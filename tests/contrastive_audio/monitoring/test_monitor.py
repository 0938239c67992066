"""What all monitors by labels do with what is measured."""

import pytest

from contrastive_audio.cli.report import print_monitor
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring import confusion, labelled_sample
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


class Labelled:
  """A store of labels and groups alone."""

  digest, has_labels = "labelled", True

  def __init__(self, rows):
    self._labels, self._groups = zip(*rows)
    self.num_clips = len(rows)

  def labels(self, ids):
    return [self._labels[number] for number in ids]

  def groups(self, ids):
    return [self._groups[number] for number in ids]


def test_a_class_of_a_single_group_is_left_out_and_named(tmp_path, capsys):
  rows = [(label, f"{label}{n % 2}") for label in ("wren", "crow") for n in range(6)]
  rows += [("rain", "monday")] * 4 + [("wind", None)] * 3
  monitor = NoOthers(Run(str(tmp_path), {}), Labelled(rows))
  assert (monitor.num_clips, monitor.num_classes, monitor.without_others) == (15, 3, ["rain"])
  print_monitor(monitor, choice=None)
  assert "left out   rain: of a single recording, speaker" in capsys.readouterr().out


def test_where_each_class_is_of_a_single_group_nothing_is_evaluated(tmp_path, capsys):
  run = Run(str(tmp_path), {})
  monitor = NoOthers(run, Labelled([(label, label) for label in "abcde" for _ in range(9)]))
  monitor.check(step=0)
  assert monitor.num_clips == 0
  assert not len(run.metrics("knn_accuracy")[0])
  print_monitor(monitor, choice=None)
  assert "left out   a, b, c, ...: of a single" in (line := capsys.readouterr().out)
  assert "nothing is left to evaluate" in line


def test_groups_play_no_part_if_there_is_only_one(tmp_path):
  for group in ("tuesday", None):
    monitor = NoOthers(Run(str(tmp_path), {}), Labelled([("a", group)] * 4 + [("b", group)] * 4))
    assert monitor.num_clips == 8


def test_clips_with_several_labels_do_not_evaluate_whatever_they_are_of():
  rows = [(label, None) for label in ("dog", "rain", "dog;rain", "rain", "dog")]
  assert sorted(labelled_sample.draw(Labelled(rows))) == [0, 1, 3, 4]


def test_few_labels_among_many_clips_are_found():
  rows = [("ab"[n % 2] if n % 100 == 0 or n % 101 == 0 else None, None) for n in range(20_000)]
  labels = sum(label is not None for label, _ in rows)
  drawn = labelled_sample.draw(Labelled(rows))
  assert len(set(drawn)) == len(drawn) == labels < labelled_sample.MAX_CLIPS
  all_labelled = Labelled([("a", None)] * 20_000)
  assert len(set(labelled_sample.draw(all_labelled))) == labelled_sample.MAX_CLIPS
