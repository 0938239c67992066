"""python -m mixback.import_weights: a released PyTorch encoder becomes a run folder.

The published code divides the log-mels by a standard deviation that is too small by sqrt(N), N
being the number of values in its training set: its networks have learnt from inputs some 36,670
times larger than standardised ones. In training that does no harm, because the first convolution
has no bias and is followed by BatchNorm; but the stored statistics of that BatchNorm belong to
those inputs, so that a released encoder works only on inputs scaled the same way. Here the factor
becomes part of the run's `std`, and so of everything that is exported from it.
"""

import dataclasses
import pickle

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main, open_data
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.statistics import log_mel_statistics
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from mixback.config import Config

FLAGS = flags.FLAGS
RELEASED_INPUT_SCALE = 36_670.0  # sqrt(N) of FSDnoisy18k's noisy training set

# A name that only this network has -> the network.
_TELLTALES = {"layer4.0.conv1": "resnet18", "dense1": "vgg_like", "rnn1": "crnn"}


def main(_):
  arrays = read_state_dict(FLAGS.checkpoint)
  name = recognise(arrays, FLAGS.checkpoint)
  config = Config(encoder=name, dataset=" + ".join(FLAGS.dataset or [Config.dataset]))
  encoder = getattr(encoders, name)(config.num_mels, config.batchnorm_momentum)
  assign(encoder, arrays)
  mean, std, digest = statistics(config)
  config = dataclasses.replace(config, mean=mean, std=std / FLAGS.input_scale)
  fields = dataclasses.asdict(config) | {"recipe": "imported", "checkpoint": FLAGS.checkpoint}
  data = {"digest": digest}
  run = Run.start_or_resume(
    FLAGS.run, "mixback", fields, data, config.front_end(), "import_weights"
  )
  run.save_encoder(encoder)
  export_saved_model(config.front_end(), encoder, run.saved_model)
  size = encoder.output_shape[-1]
  print(f"imported   {name}, {encoder.count_params() / 1e6:.2f} M weights, {size}-d embeddings")
  print(f"statistics mean {mean:.4f}, std {std:.4f} / {FLAGS.input_scale:g} (input scale)")
  print(f"run        {run.folder}\nmodel      {run.saved_model}")


def statistics(config):
  """Returns (mean, std, digest of the data): given by --statistics, or measured on --dataset."""
  if FLAGS.statistics:
    try:
      mean, std = map(float, FLAGS.statistics)
    except ValueError:
      mean, std = 0.0, 0.0
    if not std > 0:
      given = ",".join(FLAGS.statistics)
      raise UserError(f"--statistics={given}: write two numbers, mean,std, the second above 0")
    return mean, std, None
  if not FLAGS.dataset:
    raise UserError(
      "the encoder needs mean and standard deviation of the log-mels it is used on: pass --dataset "
      "to measure them there, or --statistics=mean,std"
    )
  store = open_data.open_store(FLAGS.flag_values_dict(), config.sample_rate_hz)
  return *log_mel_statistics(store, config.front_end()), store.digest


def read_state_dict(path):
  """Returns the arrays of a PyTorch checkpoint by name; nothing in the file is executed.

  Raises:
    UserError: PyTorch is missing, or the file is no state dict.
  """
  try:
    import torch
  except ImportError as error:
    raise UserError('reading a PyTorch file needs PyTorch: pip install -e ".[torch]"') from error
  try:
    state = torch.load(path, map_location="cpu", weights_only=True)
  except OSError as error:
    raise UserError(f"cannot read {path!r}: {error.strerror or error}") from error
  except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
    reason = str(error).splitlines()[0]
    raise UserError(f"{path!r} is no PyTorch state dict of plain tensors: {reason}") from error
  if not isinstance(state, dict) or not all(hasattr(v, "numpy") for v in state.values()):
    raise UserError(f"{path!r} holds {type(state).__name__}, not a dictionary of tensors")
  return {name.removeprefix("module."): value.numpy() for name, value in state.items()}


def recognise(arrays, path):
  """Returns the name of the encoder that a state dict belongs to.

  Raises:
    UserError: it is none of the three.
  """
  for telltale, name in _TELLTALES.items():
    if any(key.startswith(telltale) for key in arrays):
      return name
  raise UserError(
    f"{path!r} is none of {', '.join(_TELLTALES.values())}: its first layers are "
    f"{', '.join(list(arrays)[:3]) or 'missing'}"
  )


def assign(encoder, arrays):
  """Puts the arrays of a state dict into an encoder of the same network.

  Raises:
    UserError: a layer is missing, has another shape, or is not known; it is named.
  """
  used = set()
  for layer in encoder.layers:
    if layer.weights:
      values = _layer_values(layer, arrays, used)
      _require_shapes(layer, values)
      layer.set_weights(values)
  # The classifier is not part of the encoder; counters of PyTorch's BatchNorm have no meaning here.
  unused = [
    name
    for name in arrays.keys() - used
    if not name.startswith(("fc.", "dense.", "dense_out.", "rnn1."))
    and not name.endswith("num_batches_tracked")
  ]
  if unused:
    raise UserError(f"the checkpoint has layers this {encoder.name} lacks: {sorted(unused)[0]}")


def _layer_values(layer, arrays, used):
  """Returns the weights of one Keras layer, in its order and layout."""

  def take(name):
    if name not in arrays:
      raise UserError(f"the checkpoint lacks {name!r}, which the layer {layer.name} needs")
    used.add(name)
    return np.asarray(arrays[name])

  kind = type(layer).__name__
  if kind == "Conv2D":
    return [take(f"{layer.name}.weight").transpose(2, 3, 1, 0)]
  if kind == "BatchNormalization":
    return [
      take(f"{layer.name}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
    ]
  if kind == "Dense":
    return [take(f"{layer.name}.weight").T, take(f"{layer.name}.bias")]
  name, direction = layer.name.split(".")
  return _gru_values(lambda part: take(f"{name}.{part}_l0{_SUFFIXES[direction]}"))


_SUFFIXES = {"forward": "", "backward": "_reverse"}


def _gru_values(take):
  """PyTorch stacks the gates reset, update, new; Keras update, reset, new."""

  def gates(array):
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])

  biases = np.stack([gates(take("bias_ih")), gates(take("bias_hh"))])
  return [gates(take("weight_ih")).T, gates(take("weight_hh")).T, biases]


def _require_shapes(layer, values):
  for weight, value in zip(layer.weights, values, strict=True):
    if tuple(weight.shape) != value.shape:
      raise UserError(
        f"layer {layer.name}: the checkpoint has shape {value.shape}, the network needs "
        f"{tuple(weight.shape)} (both in Keras' order)"
      )


def _define_flags():
  flags.DEFINE_string("checkpoint", None, "PyTorch state dict of the encoder.", required=True)
  flags.DEFINE_string("run", None, "Run folder to make.", required=True)
  flags.DEFINE_list("statistics", None, "mean,std of the log-mels; default: measured on --dataset.")
  flags.DEFINE_float(
    "input_scale",
    RELEASED_INPUT_SCALE,
    "By how much larger than standardised the inputs of its training were; 1: not at all.",
    lower_bound=1e-9,
  )
  flags.define_data_flags(None)


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
