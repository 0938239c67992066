"""What version 0.1 wrote still opens and gives the same numbers.

tests/golden/version_0_1 was written by that version: the store of four clips of 0.3 s, the run of
tests/tiny.py on it (six steps of four pairs), and what its parts gave for one sweep.
"""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.runs import Run
from contrastive_audio.store.store import Store
from downstream.encoders.models import open_model
from tests import tiny
from tests.support import GOLDEN, assert_close

FOLDER = GOLDEN / "version_0_1"


@pytest.fixture(scope="module")
def expected():
  with np.load(FOLDER / "expected.npz") as arrays:
    return dict(arrays)


@pytest.fixture(scope="module")
def sweep():
  times_s = np.arange(40_000) / 16_000
  wave = 0.3 * np.sin(2 * np.pi * (200 * times_s + 300 * times_s**2))
  return wave.astype("f")[None]


@pytest.fixture(scope="module")
def run():
  return Run.open(str(FOLDER / "run"))


def test_its_front_end_gives_the_same_log_mels(run, sweep, expected):
  front_end = run.front_end()
  assert type(front_end) is FrontEnd
  assert_close(front_end(sweep[:, :15_600]), expected["log_mels"], atol=1e-6, rtol=1e-6)


def test_its_encoder_gives_the_same_embeddings(run, sweep, expected):
  encoder = ClipEncoder(run.front_end(), run.encoder())
  assert_close(encoder.embed(sweep)["embedding"], expected["embedding"], atol=1e-6)
  assert_close(encoder.embed_frames(sweep)["embedding"], expected["frames"], atol=1e-6)


def test_its_saved_model_gives_the_same_embeddings(run, sweep, expected):
  model = tf.saved_model.load(run.saved_model)
  assert_close(model.embed(sweep)["embedding"], expected["embedding"], atol=1e-6)
  assert open_model(run.saved_model).embedding_size == expected["embedding"].shape[1]


def test_its_store_holds_the_same_samples(expected):
  store = Store(str(FOLDER / "store"))
  assert store.labels() == ["high", "high", "low", "low"]
  samples = np.stack([store.pcm(clip_id)[:100] for clip_id in range(store.num_clips)])
  np.testing.assert_array_equal(samples, expected["pcm"])


def test_its_training_resumes(tmp_path):
  """With the same clips it is the same run; one more step goes on from its last checkpoint."""
  shutil.copytree(FOLDER / "run", tmp_path / "run")
  store = Store(str(FOLDER / "store"))
  config = tiny.config(batch_size=4, steps=6, checkpoint_every=3)
  run, _, outcome = tiny.train(tmp_path / "run", store, config)
  assert (outcome.step, outcome.finished) == (6, True)
  assert run.config["versions"]["keras"]  # written by the older version, and kept
