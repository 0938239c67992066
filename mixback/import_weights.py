"""python -m mixback.import_weights: turns a released PyTorch encoder into a run folder.

The published code divides the log-mels by a standard deviation that is too small by sqrt(N), where
N is the number of values in its training set. So its networks have learned from inputs some 36,670
times larger than standardised ones. In training that does no harm: the first convolution has no
bias, and BatchNorm follows it. But the stored statistics of that BatchNorm belong to those inputs,
and a released encoder works only on inputs of the same scale. Here the factor becomes part of the
run's `std`, and so of everything that is exported from it.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import (
  FLAGS,
  data_choice,
  data_location,
  define_dataset_flags,
  require_no_data_flags,
)
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataChoice, DataLocation, open_store
from contrastive_audio.cli.places import require_folder
from contrastive_audio.errors import UserError
from contrastive_audio.utils import run_files
from mixback.config import Config
from mixback.released_weights import assign, read_state_dict, recognise

RELEASED_INPUT_SCALE = 36_670.0  # sqrt(N) of FSDnoisy18k's noisy training set

EXAMPLES = (
  "python -m mixback.import_weights --checkpoint=VGG_best.pth --run=runs/vgg "
  "--dataset=/path/to/your/audio",
  "python -m mixback.import_weights --checkpoint=VGG_best.pth --run=runs/vgg --statistics=-4.5,1.5",
)


@dataclasses.dataclass(frozen=True)
class Import:
  """What becomes a run, and which run.

  Attributes:
    checkpoint: file with the PyTorch state dict.
    run: run folder to create.
    input_scale: how many times larger than standardised the inputs of its training were.
    statistics: mean and standard deviation of the log-mels; None: measured on `data`.
    data: the clips to measure; None: there are none.
    location: where they are.

  Raises:
    UserError: there are neither statistics nor data.

  Example:
    >>> Import("VGG_best.pth", "runs/vgg", statistics=(-4.5, 1.5)).input_scale
    36670.0
  """

  checkpoint: str
  run: str
  input_scale: float = RELEASED_INPUT_SCALE
  statistics: tuple[float, float] | None = None
  data: DataChoice | None = None
  location: DataLocation = dataclasses.field(default_factory=DataLocation)

  def __post_init__(self) -> None:
    if self.statistics is None and self.data is None:
      raise UserError(
        "the encoder needs mean and standard deviation of the log-mels it is used on: pass "
        "--dataset to measure them there, or --statistics=mean,std"
      )
    if self.statistics and self.data:
      raise UserError("--statistics says what --dataset would measure: leave out one")


def parse_statistics(texts: Sequence[str]) -> tuple[float, float]:
  """Returns the mean and the standard deviation that --statistics gives.

  Args:
    texts: what was written between the commas.

  Raises:
    UserError: they are not two numbers, or the second is not above 0.

  Example:
    >>> parse_statistics(["-4.5", "1.5"])
    (-4.5, 1.5)
  """
  try:
    mean, std = map(float, texts)
  except ValueError:
    mean, std = 0.0, 0.0
  if not (std > 0 and math.isfinite(mean) and math.isfinite(std)):
    raise UserError(
      f"--statistics={','.join(texts)}: write two numbers, mean,std, the second above 0"
    )
  return mean, std


def main(_: Sequence[str]) -> None:
  if not FLAGS.dataset:
    require_no_data_flags()
  request = Import(
    checkpoint=FLAGS.checkpoint,
    run=FLAGS.run,
    input_scale=FLAGS.input_scale,
    statistics=None if FLAGS.statistics is None else parse_statistics(FLAGS.statistics),
    data=data_choice(FLAGS.dataset) if FLAGS.dataset else None,
    location=data_location(),
  )
  require_folder("run", request.run)
  run_files.require_run_or_free(request.run)
  arrays = read_state_dict(request.checkpoint)
  network = recognise(arrays, request.checkpoint)
  start_tensorflow()
  _import_encoder(request, network, arrays)


def _import_encoder(request: Import, network: str, arrays: Mapping[str, np.ndarray]) -> None:
  from contrastive_audio.exporting.saved_model import export_saved_model
  from contrastive_audio.networks import encoders
  from contrastive_audio.runs import Run

  config = Config(encoder=network, dataset=request.data.name if request.data else Config.dataset)
  encoder = getattr(encoders, network)(config.num_mels, config.batchnorm_momentum)
  assign(encoder, arrays)
  mean, std, digest = _statistics(request, config)
  config = dataclasses.replace(config, mean=mean, std=std / request.input_scale)
  run = Run.start_or_resume(
    request.run,
    "mixback",
    config=dataclasses.asdict(config) | {"recipe": "imported", "checkpoint": request.checkpoint},
    data={"digest": digest},
    front_end=config.front_end(),
    command="import_weights",
  )
  run.save_networks(encoder)
  export_saved_model(config.front_end(), encoder, run.saved_model)
  weights = f"{encoder.count_params() / 1e6:.2f} M weights"
  line("imported", f"{network}, {weights}, {encoder.output_shape[-1]}-d embeddings")
  line("statistics", f"mean {mean:.4f}, std {std:.4f} / {request.input_scale:g} (input scale)")
  line("run", run.folder)
  line("model", run.saved_model)


def _statistics(request: Import, config: Config) -> tuple[float, float, str | None]:
  """Returns mean and standard deviation, as given or measured, and the digest of the clips."""
  if request.statistics is not None:
    mean, std = request.statistics
    return mean, std, None
  from contrastive_audio.frontend.statistics import log_mel_statistics

  assert request.data is not None  # checked by Import
  store = open_store(request.data, request.location, config.sample_rate_hz)
  mean, std = log_mel_statistics(store, config.front_end())
  return mean, std, store.digest


def _define_flags() -> None:
  with flag_group(REQUIRED):
    flags.DEFINE_string("checkpoint", None, "PyTorch state dict of the encoder.", required=True)
    flags.DEFINE_string("run", None, "Run folder to create.", required=True)
  with flag_group("Scale of the inputs"):
    flags.DEFINE_list(
      "statistics", None, "MEAN,STD of the log-mels; if not given, measured on --dataset."
    )
    flags.DEFINE_float(
      "input_scale",
      RELEASED_INPUT_SCALE,
      "How many times larger than standardised the inputs of its training were.",
      lower_bound=1e-9,
    )
  define_dataset_flags(default=None)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
