"""Released PyTorch encoders: golden embeddings, clear refusals."""

import os
import pickle
import re

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from contrastive_audio.utils.extras import install_hint
from mixback import import_weights
from mixback.import_weights import parse_statistics
from mixback.released_weights import assign, read_state_dict, recognise
from tests.support import GOLDEN, assert_close, command, shared_data

ARRAYS = np.load(GOLDEN / "encoders.npz")
INPUT = ARRAYS["input"][..., None]


def published(name):
  """Returns the path of a released state dict (ResNet-18: a made one), or skips the test."""
  pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")
  if name == "resnet18":
    return shared_data("..", "golden", "resnet18.pth")
  return shared_data("pretrained", {"vgg_like": "VGG_best.pth", "crnn": "CRNN_best.pth"}[name])


def shapes_of_pytorch(encoder):
  """Random arrays under the names and in the layout of PyTorch, for an encoder of ours."""
  rng, arrays = np.random.default_rng(0), {}
  names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
  names |= {"moving_variance": "running_var", "kernel": "weight", "bias": "bias"}
  for weight in encoder.weights:
    layer, name = weight.path.replace("_", ".").split("/")[-2:]
    name = weight.path.split("/")[-1]
    value = rng.normal(size=weight.shape).astype("f")
    value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
    arrays[f"{layer}.{names[name]}"] = value
  return arrays


@pytest.mark.parametrize("name", ["vgg_like", "crnn", "resnet18"])
def test_released_weights_give_the_golden_embeddings(name):
  arrays = read_state_dict(str(published(name)))
  assert recognise(arrays, "file") == name
  encoder = getattr(encoders, name)(96)
  assign(encoder, arrays)
  scale = float(ARRAYS.get(f"{name}_input_scale", 1.0))
  embeddings = encoder(INPUT * scale)
  assert_close(embeddings, ARRAYS[name], atol=1e-4 * np.abs(ARRAYS[name]).max())
  if scale > 1:  # without the factor the stored BatchNorm statistics do not fit
    assert np.abs(encoder(INPUT) - ARRAYS[name]).max() > 0.1 * np.abs(ARRAYS[name]).max()


@pytest.mark.parametrize("name", ["vgg_like", "resnet18"])
def test_arrays_of_pytorch_land_in_their_layers(name):
  encoder = getattr(encoders, name)(96)
  arrays = shapes_of_pytorch(encoder)
  assign(encoder, arrays)
  again = shapes_of_pytorch(encoder)
  assert again.keys() == arrays.keys()
  layer = "conv4.conv" if name == "vgg_like" else "layer3.0.downsample.0"
  kernel = encoder.get_layer(layer.replace(".", "_")).kernel.numpy()
  assert_close(kernel[0, 0, 3, 5], arrays[f"{layer}.weight"][5, 3, 0, 0])
  statistics = "conv4.bn" if name == "vgg_like" else "layer3.0.downsample.1"
  variance = encoder.get_layer(statistics.replace(".", "_")).moving_variance
  assert_close(variance, arrays[f"{statistics}.running_var"])


def test_a_gru_of_pytorch_equals_one_written_out():
  rng = np.random.default_rng(0)
  encoder = encoders.crnn(96)
  arrays = {
    f"rnn1.{part}_l0{suffix}": rng.normal(0, 0.3, shape).astype("f")
    for suffix in ("", "_reverse")
    for part, shape in {
      "weight_ih": [192, 256], "weight_hh": [192, 64], "bias_ih": [192], "bias_hh": [192]
    }.items()
  }  # fmt: skip
  convolutions = {k: v for k, v in shapes_of_pytorch_crnn(encoder).items() if "conv" in k}
  assign(encoder, convolutions | arrays)
  second = {"rnn1.weight_ih_l1": np.zeros([192, 128])}
  with pytest.raises(UserError, match="has layers this crnn lacks: rnn1.weight_ih_l1"):
    assign(encoder, convolutions | arrays | second)
  steps = rng.normal(0, 1, [5, 256]).astype("f")
  forward, backward = (encoder.get_layer(f"rnn1_{d}") for d in ("forward", "backward"))
  assert_close(forward(steps[None])[0], written_out(steps, arrays, ""), atol=1e-5)
  assert_close(
    backward(steps[None, -1:])[0], written_out(steps[-1:], arrays, "_reverse"), atol=1e-5
  )


def shapes_of_pytorch_crnn(encoder):
  convolutional = tf.keras.Model(encoder.input, encoder.get_layer("conv3_bn").output)
  return shapes_of_pytorch(convolutional)


def written_out(steps, arrays, suffix):
  """The equations of torch.nn.GRU."""
  w_i, w_h, b_i, b_h = (
    arrays[f"rnn1.{part}_l0{suffix}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
  )
  state = np.zeros(64)
  for step in steps:
    (r_i, z_i, n_i), (r_h, z_h, n_h) = np.split(w_i @ step + b_i, 3), np.split(w_h @ state + b_h, 3)
    reset, update = 1 / (1 + np.exp(-r_i - r_h)), 1 / (1 + np.exp(-z_i - z_h))
    state = (1 - update) * np.tanh(n_i + reset * n_h) + update * state
  return state


def test_a_layer_that_does_not_match_is_named():
  encoder = encoders.vgg_like(96)
  arrays = shapes_of_pytorch(encoder)
  with pytest.raises(UserError, match=r"lacks 'conv3.bn.running_mean', which the layer conv3_bn"):
    assign(encoder, {k: v for k, v in arrays.items() if k != "conv3.bn.running_mean"})
  with pytest.raises(UserError, match=r"layer conv5_conv: .* \(3, 3, 64, 99\)"):
    assign(encoder, arrays | {"conv5.conv.weight": np.zeros([99, 64, 3, 3])})
  with pytest.raises(UserError, match=r"layer conv5_conv: .* shapes of another network"):
    assign(encoder, arrays | {"conv5.conv.weight": np.zeros([99])})
  with pytest.raises(UserError, match=r"has layers this vgg_like lacks: conv6.conv.weight"):
    assign(encoder, arrays | {"conv6.conv.weight": np.zeros([1])})
  with pytest.raises(UserError, match="'f' is none of resnet18, vgg_like, crnn: .* features.0"):
    recognise({"features.0.weight": 0}, "f")


@pytest.mark.parametrize("text", ["nan,1", "inf,1", "0,inf", "0,0", "1", "a,b"])
def test_statistics_are_two_finite_numbers(text):
  with pytest.raises(UserError, match=f"--statistics={text}: write two numbers"):
    parse_statistics(text.split(","))


@pytest.mark.slow
def test_the_command_makes_a_run_with_a_saved_model_that_needs_only_tensorflow(tmp_path):
  wave = np.random.default_rng(0).normal(0, 0.1, 44_100).astype("f")
  soundfile.write(tmp_path / "a.wav", wave, 22_050)
  checkpoint = f"--checkpoint={published('vgg_like')}"
  by_hand = ["--statistics=-4.5,1.5", "--run=vgg"]
  result = command("mixback.import_weights", checkpoint, *by_hand, cwd=tmp_path)
  assert "imported   vgg_like, 0.28 M weights, 512-d embeddings" in result.stdout
  assert "statistics mean -4.5000, std 1.5000 / 36670 (input scale)" in result.stdout
  run = Run.open(str(tmp_path / "vgg"))
  assert_close(run.encoder()(INPUT * 36670), ARRAYS["vgg_like"], atol=1e-3)
  assert_close([run.front_end().mean, run.front_end().std * 36670], [-4.5, 1.5], rtol=1e-6)
  model = tf.saved_model.load(run.saved_model)
  assert model.embed(wave[None])["embedding"].shape == (1, 512)
  measured = [f"--dataset=folder:{tmp_path}", "--run=measured", "--store_dir=stores"]
  result = command("mixback.import_weights", checkpoint, *measured, cwd=tmp_path)
  assert "store      1 clip," in result.stdout
  assert "import_weights" in Run.open(str(tmp_path / "measured")).config["command"]


@pytest.mark.slow
@pytest.mark.parametrize(
  ("content", "options", "message"),
  [
    (None, ["--statistics=1,2"], "error: cannot read 'weights.pth': No such file"),
    (b"no state dict", ["--statistics=1,2"], "error: 'weights.pth' is not a PyTorch state dict"),
  ],
)
def test_a_mistake_is_one_line(tmp_path, content, options, message):
  pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")
  if content is not None:
    (tmp_path / "weights.pth").write_bytes(content)
  arguments = ["--checkpoint=weights.pth", "--run=run", *options]
  result = command("mixback.import_weights", *arguments, cwd=tmp_path, check=False)
  assert result.returncode == 1
  assert result.stderr.startswith(message), result.stderr
  assert result.stderr.count("\n") == 1
  assert not (tmp_path / "run").exists()


def test_nothing_in_a_file_is_executed(tmp_path):
  torch = pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")

  class Evil:
    def __reduce__(self):
      return os.mkdir, (str(tmp_path / "executed"),)

  torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
  with pytest.raises(UserError, match="not a PyTorch state dict of plain tensors"):
    read_state_dict(str(tmp_path / "evil.pth"))
  assert not (tmp_path / "executed").exists()


def odd_files(torch):
  """What a .pth may hold -> what the refusal says, or None if it is read."""
  ones = torch.ones(2, 3)
  sparse = torch.zeros(2, 3).to_sparse()
  return {
    "parameters": ({"conv1.weight": torch.nn.Parameter(ones)}, None),
    "half": ({"conv1.weight": ones.half()}, None),
    "bfloat16": ({"module.conv1.weight": ones.bfloat16()}, None),
    "float64": ({"conv1.weight": ones.double()}, None),
    "numbers": ({1: ones}, "holds Tensor under 1; save model.state_dict"),
    "nested": ({"epoch": 3, "state_dict": {"a": ones}}, "holds int under 'epoch'; save model.st"),
    "list": ([ones], "holds list, not a dictionary of tensors"),
    "tensor": (ones, "holds Tensor, not a dictionary of tensors"),
    "nothing": (None, "holds NoneType, not a dictionary"),
    "meta": ({"conv1.weight": ones.to("meta")}, "conv1.weight is not a plain tensor"),
    "sparse": ({"conv1.weight": sparse}, "conv1.weight is not a plain tensor|not a PyTorch state"),
    "nan": ({"conv1.weight": ones * torch.nan}, "conv1.weight holds values that are not finite"),
    "module": (torch.nn.Linear(2, 3), "is not a PyTorch state dict of plain tensors"),
  }


def test_state_dicts_of_every_kind_are_read_or_refused_in_one_line(tmp_path):
  torch = pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")
  path = str(tmp_path / "x.pth")
  for name, (content, message) in odd_files(torch).items():
    torch.save(content, path)
    if message is None:
      (array,) = read_state_dict(path).values()
      assert_close(array, np.ones([2, 3], "f"))
      continue
    with pytest.raises(UserError, match=message) as caught:
      read_state_dict(path)
    assert "\n" not in str(caught.value), name


def test_damaged_state_dicts_are_refused_in_one_line_or_hold_the_same(tmp_path):
  torch = pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")
  path = tmp_path / "x.pth"
  torch.save({"conv1.weight": torch.ones(2, 3)}, path)
  whole = path.read_bytes()
  rng = np.random.default_rng(0)
  cut = [whole[: int(length)] for length in np.linspace(0, len(whole) - 1, 20)]
  flipped = [bytearray(whole) for _ in range(300)]
  for content in flipped:
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
  for content in [*cut, *flipped, pickle.dumps({"a": 1}), b"\x80", os.urandom(99)]:
    path.write_bytes(content)
    message = ""
    try:
      assert_close(read_state_dict(str(path))["conv1.weight"], np.ones([2, 3], "f"))
    except UserError as error:
      message = str(error)
    assert "\n" not in message


def test_without_pytorch_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(__import__("sys").modules, "torch", None)
  with pytest.raises(UserError, match=re.escape(install_hint("torch"))):
    read_state_dict("x.pth")


def test_the_help_explains_the_scale():
  assert "sqrt(N)" in import_weights.__doc__


@pytest.mark.parametrize("texts", [["1"], ["1", "2", "3"], ["1", "x"], ["1", "0"], ["1", "nan"]])
def test_statistics_are_two_numbers_and_the_second_is_above_zero(texts):
  with pytest.raises(UserError, match=f"--statistics={','.join(texts)}: write two numbers"):
    import_weights.parse_statistics(texts)


def test_without_statistics_there_have_to_be_clips():
  with pytest.raises(UserError, match="--dataset to measure them there, or --statistics"):
    import_weights.Import("x.pth", "run")


def test_wrong_statistics_are_refused_before_anything_is_read(tmp_path, capsys):
  arguments = ["--checkpoint=missing.pth", f"--run={tmp_path}/run", "--statistics=1,0"]
  with pytest.raises(SystemExit):
    import_weights.run(["import_weights", *arguments])
  assert capsys.readouterr().err.startswith("error: --statistics=1,0: write two numbers")


def test_what_would_not_be_used_is_refused_before_anything_is_read(tmp_path, capsys):
  (tmp_path / "thesis.txt").touch()
  for arguments, message in (
    ([f"--run={tmp_path}", "--statistics=1,2"], "holds files but not a run"),
    (["--run=new", "--statistics=1,2", "--dataset=synthetic"], "--statistics says what --dataset"),
    (["--run=new", "--statistics=1,2", "--split=test"], "--split is about --dataset, and there is"),
  ):
    with pytest.raises(SystemExit):
      import_weights.run(["import_weights", "--checkpoint=missing.pth", *arguments])
    assert message in capsys.readouterr().err
