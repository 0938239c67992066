"""Who the hosts of a training are, and which rows of a batch are whose."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.distributed.hosts import Hosts, _split
from contrastive_audio.errors import UserError
from tests.support import train

SMALL = ["--recipe=small", "--steps=1", "--batch_size=4", "--store_dir=stores"]


def test_devices_of_a_host_get_the_shares_of_its_batch_in_order():
  batch = tf.reshape(tf.range(24), [6, 4])
  split = tf.data.Dataset.from_tensors(batch).map(lambda rows: _split(3, rows)).unbatch()
  np.testing.assert_array_equal(np.concatenate(list(split.as_numpy_iterator())), batch)
  both = tf.data.Dataset.from_tensors((batch, batch[:, 0])).map(lambda *b: _split(2, *b)).unbatch()
  excerpts, targets = zip(*both.as_numpy_iterator())
  np.testing.assert_array_equal(np.concatenate(excerpts), batch)
  np.testing.assert_array_equal(np.concatenate(targets), batch[:, 0])


def test_what_one_device_does_is_refused_where_several_train():
  Hosts().require_one_device("microbatch=32")
  two = Hosts(types.SimpleNamespace(num_replicas_in_sync=2))
  with pytest.raises(UserError, match="microbatch=32 is for one device, and 2 share"):
    two.require_one_device("microbatch=32")


@pytest.mark.parametrize(
  ("config", "problem"),
  [
    ("{", "TF_CONFIG='{'"),
    ('{"cluster": {"worker": ["a:1"]}}', "no 'task'"),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "task index 1"),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "has to be a worker"),
  ],
)
def test_a_wrong_cluster_is_one_line(config, problem, clip_folder, tmp_path, monkeypatch):
  monkeypatch.setenv("TF_CONFIG", config)
  done = train(f"--dataset={clip_folder}", *SMALL, cwd=tmp_path, check=False)
  assert done.returncode == 1
  assert len(done.stderr.splitlines()) == 1
  assert problem in done.stderr


@pytest.mark.slow
def test_a_cluster_of_one_host_is_that_host(clip_folder, tmp_path, monkeypatch):
  config = {"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}
  monkeypatch.setenv("TF_CONFIG", json.dumps(config))
  done = train(f"--dataset={clip_folder}", *SMALL, "--run=one", cwd=tmp_path)
  assert "trained" in done.stdout
