"""The projection head sees what it may see of an embedding, and nothing else."""

import numpy as np

from contrastive_audio.networks import encoders, heads
from tests.support import assert_close


def test_of_frame_cnn_the_head_sees_the_last_units_only():
  encoder = encoders.frame_cnn(64)
  head = heads.mlp(encoder, 16, 32, 0.9)
  embedding = np.random.default_rng(0).normal(size=[4, 3072]).astype("f")
  changed = embedding.copy()
  changed[:, :2048] += 1
  assert_close(head(changed), head(embedding))
  changed[:, 2048:] += 1
  assert np.abs(head(changed) - head(embedding)).max() > 0.01


def test_of_other_encoders_it_sees_everything():
  encoder = encoders.vgg_like(64)
  head = heads.mlp(encoder, 16, 32, 0.9)
  embedding = np.zeros([2, 512], "f")
  changed = np.eye(1, 512, dtype="f") + embedding
  assert np.abs(head(changed) - head(embedding)).max() > 1e-4
