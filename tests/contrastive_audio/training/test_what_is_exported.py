"""What a training exports: the encoder that was checked, and nothing over what it did not train."""

import dataclasses

import pytest

from contrastive_audio.monitoring.monitor import KnnMonitor
from contrastive_audio.networks import batchnorm
from contrastive_audio.training import callbacks, pretraining
from tests import tiny
from tests.support import assert_close

pytestmark = pytest.mark.slow


def test_what_is_exported_follows_the_weights_and_stays_where_nothing_was_trained(
  clip_store, tmp_path, monkeypatch, capsys
):
  exports = []
  make = pretraining.export_saved_model
  monkeypatch.setattr(
    pretraining,
    "export_saved_model",
    lambda front_end, encoder, path: exports.append(path) or make(front_end, encoder, path),
  )
  config = tiny.config(steps=4, checkpoint_every=5)
  folder = tmp_path / "run"
  tiny.train(folder, clip_store, config)
  (folder / "model.tflite").write_bytes(b"of four steps")
  tiny.train(folder, clip_store, config)  # finished: what is there may be the user's
  assert len(exports) == 1
  assert "outdated" not in capsys.readouterr().out
  with monkeypatch.context() as patch:
    patch.setattr(callbacks, "Stopper", tiny.StopAt)
    patch.setattr(tiny.StopAt, "step", 2)
    longer = dataclasses.replace(config, steps=9)
    _, _, outcome = tiny.train(folder, clip_store, longer)
  assert outcome == pretraining.Outcome(6, finished=False)
  assert len(exports) == 2
  assert (
    f"outdated   {folder}/model.tflite holds the encoder of fewer steps" in capsys.readouterr().out
  )


def test_a_kill_after_the_last_step_leaves_no_export_of_fewer_steps(
  clip_store, tmp_path, monkeypatch, capsys
):
  exports, make = [], pretraining.export_saved_model
  config, folder = tiny.config(steps=4, checkpoint_every=5), tmp_path / "run"
  tiny.train(folder, clip_store, config)
  (folder / "model.tflite").write_bytes(b"of four steps")

  def killed(*_):
    raise KeyboardInterrupt

  longer = dataclasses.replace(config, steps=9)
  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(pretraining, "export_saved_model", killed)
    tiny.train(folder, clip_store, longer)
  monkeypatch.setattr(
    pretraining, "export_saved_model", lambda *a: exports.append(a[-1]) or make(*a)
  )
  for _ in range(2):  # the second call finds everything done
    _, _, outcome = tiny.train(folder, clip_store, longer)
    assert outcome == pretraining.Outcome(9, finished=True)
    assert len(exports) == 1
  assert capsys.readouterr().out.count("holds the encoder of fewer steps") == 1


def test_the_last_check_is_of_what_is_exported(tmp_path, clip_store, monkeypatch):
  events, reestimate, check = [], batchnorm.reestimate, KnnMonitor.check

  def noted(encoder, batches):
    events.append("statistics")
    reestimate(encoder, batches)

  monkeypatch.setattr(batchnorm, "reestimate", noted)
  monkeypatch.setattr(KnnMonitor, "check", lambda *a: events.append(a[1]) or check(*a))
  config = tiny.config(steps=6, monitor_every=3, reestimate_batches=2)
  run, model, _ = tiny.train(tmp_path / "run", clip_store, config)
  assert events == [0, 3, "statistics", 6]
  (layer,) = (part for part in run.encoder().layers if hasattr(part, "moving_mean"))
  (trained,) = (part for part in model.encoder.layers if hasattr(part, "moving_mean"))
  assert_close(layer.moving_mean, trained.moving_mean)
