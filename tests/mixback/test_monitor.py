"""kNN by the paper's protocol, on a good and a bad model."""

import types

import keras
import numpy as np
import pytest

from contrastive_audio.cli import report
from contrastive_audio.configuration import CLIP_POOLINGS
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.monitoring import knn
from contrastive_audio.monitoring import monitor as core_monitor
from contrastive_audio.runs import Run
from mixback import monitor as module
from mixback.config import Config
from mixback.monitor import PatchKnnMonitor
from tests.support import assert_close


def test_k_is_200_where_the_set_is_large_and_half_a_class_where_it_is_small():
  assert knn.patch_neighbours(np.repeat(np.arange(1000), 9), 20) == 200
  assert knn.patch_neighbours(np.repeat(np.arange(400), 9), 10) == 180
  assert knn.patch_neighbours(np.array([0, 0, 0, 1]), 2) == 1


def test_embedding_and_projection_are_evaluated_separately(clip_store, tmp_path):
  """The embedding tells low from high tones, the projection is constant."""
  config = Config(sample_rate_hz=16_000, fmax_hz=7_800.0)
  log_mel = keras.Input([None, 96, 1])
  spectrum = keras.layers.Flatten()(keras.ops.mean(log_mel, axis=1)) + 4.0
  encoder = keras.Model(log_mel, spectrum)
  head = keras.Sequential([keras.Input([96]), keras.layers.Dense(2, kernel_initializer="zeros")])
  model = types.SimpleNamespace(encoder=encoder, head=head)
  run = Run.start_or_resume(str(tmp_path / "run"), "mixback", {}, {}, config.front_end())
  monitor = PatchKnnMonitor(run, clip_store, config.front_end(), model)
  monitor.check(0)
  monitor.check(0)  # is not repeated
  (accuracy,) = run.metrics("knn_accuracy")[1]
  assert accuracy == 1
  assert run.metrics("knn_projection_accuracy")[1] < 0.7
  assert_close(run.metrics("knn_chance")[1], [0.5])
  # Twelve clips of 1.5 s, 110 frames of 220 samples at 16 kHz: a patch of 101 frames each.
  assert run.metrics("knn_patches")[1] == [12]


def monitor_of_mean_log_mels(store, folder):
  """(run, its monitor), whose encoder is the mean over time and whose head changes nothing."""
  config = Config(sample_rate_hz=16_000, fmax_hz=7_800.0)
  log_mel = keras.Input([None, 96, 1])
  encoder = keras.Model(log_mel, keras.layers.Flatten()(keras.ops.mean(log_mel, axis=1)))
  head = keras.Sequential([keras.Input([96]), keras.layers.Activation("linear")])
  networks = types.SimpleNamespace(encoder=encoder, head=head)
  run = Run.start_or_resume(str(folder / "run"), "mixback", {}, {}, config.front_end())
  return run, PatchKnnMonitor(run, store, config.front_end(), networks)


def test_clips_of_a_recording_do_not_vote_for_each_other(clip_store, tmp_path):
  _, monitor = monitor_of_mean_log_mels(clip_store, tmp_path)
  waves, labels = list(stored_clips(clip_store, range(12))), ["high"] * 6 + ["low"] * 6
  for groups, accuracy in ((labels, 0), ([None] * 12, 1), (["one"] * 12, 1)):
    metrics, _ = monitor.evaluate(iter(waves), labels, groups)
    assert metrics["knn_accuracy"] == metrics["knn_projection_accuracy"] == accuracy


def test_the_summary_says_that_neighbours_are_of_other_groups(
  clip_store, tmp_path, capsys, monkeypatch
):
  speakers = ["ann", "ben", "eve"]
  groups = lambda store, ids: [speakers[i % 3] for i in ids]  # noqa: E731
  monkeypatch.setattr(type(clip_store), "groups", groups)
  run, monitor = monitor_of_mean_log_mels(clip_store, tmp_path)
  monitor.check(0)
  assert run.metrics("knn_groups")[1] == [3]
  report._print_knn(run)
  assert "(neighbours of other groups only)" in capsys.readouterr().out


@pytest.mark.parametrize("clip_pooling", CLIP_POOLINGS)
def test_the_linear_classifiers_of_monitors_see_what_is_exported(
  clip_store, tmp_path, monkeypatch, clip_pooling
):
  front_end = Config(sample_rate_hz=16_000, fmax_hz=7_800.0, clip_pooling=clip_pooling).front_end()
  log_mel = keras.Input([None, 96, 1])
  bands = keras.layers.Reshape([-1, 96])(log_mel)
  encoder = keras.Model(log_mel, keras.layers.GlobalMaxPooling1D()(bands))
  head = keras.Sequential([keras.Input([96]), keras.layers.Dense(2)])
  networks = types.SimpleNamespace(encoder=encoder, head=head)
  run = Run.start_or_resume(str(tmp_path / "run"), "mixback", {}, {}, front_end)
  seen = []
  for name in (module, core_monitor):
    monkeypatch.setattr(name, "linear_metrics", lambda rows, *_: seen.append(rows) or {})
  monitors = (
    PatchKnnMonitor(run, clip_store, front_end, networks),
    core_monitor.KnnMonitor(run, clip_store, front_end, encoder),
  )
  waves, labels = list(stored_clips(clip_store, range(12))), ["high"] * 6 + ["low"] * 6
  for monitor in monitors:
    monitor.evaluate(iter(waves), labels, [None] * 12)
  for rows, windows in zip(seen, ("hopping", "covering"), strict=True):
    embedder = ClipEmbedder(ClipEncoder(front_end, encoder, windows))
    assert_close(rows, np.stack(list(embedder.embed(waves))), atol=1e-4)
