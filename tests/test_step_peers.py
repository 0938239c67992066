"""The networks and steps in PyTorch that ours are compared with are the same networks and steps."""

import importlib.util
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import step_peers, step_profile
from benchmarks.lib.step_contestants import SYSTEM_OF, model_and_views
from contrastive_audio.utils.extras import install_hint
from tests.support import assert_close

has_pytorch = pytest.mark.skipif(
  importlib.util.find_spec("torch") is None,
  reason="PyTorch is absent: pip install -e '.[torch]'",
)


@pytest.fixture(params=SYSTEM_OF)
def twins(request):
  """A model of ours, the same in PyTorch with its weights, and views."""
  import torch

  from benchmarks.lib.pytorch_steps import PyTorchModel

  model, views = model_and_views(request.param, batch_size=4)
  for layer in model.encoder.layers:
    if hasattr(layer, "rate"):
      layer.rate = 0.0  # of dropout, which is by chance
  theirs = PyTorchModel(SYSTEM_OF[request.param], request.param, views.shape[-1])
  theirs.take_weights(model)
  for module in theirs.modules():
    module.drop_rate = 0.0
  return model, theirs, torch.from_numpy(views)


@has_pytorch
def test_a_network_in_pytorch_has_our_weights_outputs_and_loss(twins):
  import torch

  model, theirs, views = twins
  counts = [int(np.prod(weights.shape)) for weights in model.trainable_variables]
  assert sum(counts) == sum(weights.numel() for weights in theirs.parameters())
  theirs.eval()
  with torch.no_grad():
    desired = theirs.encoder(views[:, :1]).numpy()
  assert_close(model.encoder(views[:, 0, ..., None].numpy()), desired, atol=1e-4)
  theirs.train()
  loss = theirs(views)
  loss.backward()
  logs = model.train_step(tf.constant(views.numpy()))
  assert_close(logs["loss"], loss.detach().numpy(), rtol=1e-3)
  slopes = [weights.grad.square().sum() for weights in theirs.parameters()]
  assert_close(logs["gradient_norm"], torch.stack(slopes).sum().sqrt().numpy(), rtol=1e-3)


@has_pytorch
def test_the_command_compares_what_it_is_asked_for(capsys):
  options = ("--encoders=frame_cnn", "--batch_sizes=4", "--rounds=1", "--contestants=pytorch")
  step_peers.run(["step_peers", *options])
  shown = capsys.readouterr().out
  assert "frame_cnn, training step, batch 4, 1 turns" in shown
  assert "frame_cnn, forward, batch 4, 1 turns" in shown
  assert shown.count("| pytorch ") == 2


@pytest.mark.parametrize(
  ("option", "message"),
  [
    ("--encoders=vgg", "--encoders: there is no 'vgg'; there are efficientnet_b0, resnet18"),
    ("--contestants=jax", "--contestants: there is no 'jax'; there are ours, plain_keras"),
    ("--batch_sizes=32,2", "--batch_sizes: '2' is not a whole number from 3 on"),
  ],
)
def test_what_cannot_be_compared_is_one_line(option, message, capsys):
  with pytest.raises(SystemExit) as done:
    step_peers.run(["step_peers", option])
  assert done.value.code == 1
  assert message in capsys.readouterr().err


def test_without_pytorch_the_command_says_how_to_install_it(monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(SystemExit):
    step_peers.run(["step_peers"])
  assert install_hint("torch") in capsys.readouterr().err


@pytest.mark.slow
def test_a_profile_shares_out_the_whole_step_among_kinds_of_operations(capsys):
  step_profile.run(["step_profile", "--encoder=vgg_like", "--batch_size=3", "--steps=1"])
  rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines() if "%" in line]
  assert [row[0].strip() for row in rows] == [*step_profile.KINDS, "other"]
  for column in (1, 2):
    shares = {row[0].strip(): float(row[column].strip(" %")) for row in rows}
    assert sum(shares.values()) == pytest.approx(100, abs=0.7)
    assert shares["convolutions"] > 5
    assert (shares["BatchNorm, fused"] > 0) == (column == 2)
