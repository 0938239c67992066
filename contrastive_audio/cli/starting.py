"""The weights and the statistics of log-mels that a training starts from, and a line for each."""

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from contrastive_audio.cli.console import line
from contrastive_audio.training.source_run import SourceRun
from contrastive_audio.views.system_config import SystemConfig

if TYPE_CHECKING:
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.store.store import Store
  from contrastive_audio.training.contrastive import ContrastiveModel
  from contrastive_audio.training.starting_weights import StartingWeights


def require_excerpt_size(
  config: SystemConfig, build_model: Callable[[SystemConfig], "ContrastiveModel"]
) -> None:
  """Raises an error if excerpts are too small for the encoder; those of the usual size are not.

  Args:
    config: of the training; it may lack what only the clips tell.
    build_model: `(config)`, returns a model as it will be trained.

  Raises:
    UserError: they are; or the encoder is somebody else's, and cannot be built.

  Example:
    >>> @dataclasses.dataclass
    ... class Config:
    ...   encoder: str = "frame_cnn"
    ...   num_mels: int = 64
    ...   frames: int = 98
    >>> require_excerpt_size(Config(), build_model=None)  # as usual
  """
  from contrastive_audio.networks.named_encoders import require_size

  usual, size = type(config)(), (config.num_mels, config.frames)
  if ":" in config.encoder or size != (usual.num_mels, usual.frames):
    require_size(config.encoder, lambda: build_model(config).encoder, *size)


def open_weights(
  source: SourceRun,
  build_model: Callable[[SystemConfig], "ContrastiveModel"],
  config: SystemConfig,
) -> "StartingWeights":
  """Reads the weights that a training starts from; makes sure that they fit; prints a line.

  Args:
    source: the run that they come from.
    build_model: `(config)`, returns a model as it will be trained.
    config: of the training; it may lack what only the clips tell.

  Raises:
    UserError: they do not fit, or are damaged.

  Example:
    >>> from contrastive_audio.training.source_run import SourceRun
    >>> open_weights(SourceRun.open("no/such/run"), build_model=None, config=None)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --init=no/such/run is no run folder ...
  """
  from contrastive_audio.training.starting_weights import StartingWeights

  weights = StartingWeights(source)
  model = build_model(config)
  weights.require_fit(model, config.front_end())
  head = "and its head" if weights.fits_head(model) else "with a new head"
  count = f"{weights.encoder.count_params() / 1e6:.1f} M weights"
  kept = f", kept near with weight {config.keep:g}" if config.keep else ""
  line("init", f"{source.model}: {config.encoder}, {count}, {head}{kept}")
  return weights


def with_statistics(
  config: SystemConfig, store: "Store", folder: str, source: SourceRun | None = None
) -> SystemConfig:
  """Returns a configuration whose mean and std are those of the run or its source, or are measured.

  Args:
    config: a configuration with the fields mean and std; None: to be filled in.
    store: the Store to measure.
    folder: where the run is, or will be.
    source: the run whose weights the training starts from.

  Example:
    >>> from types import SimpleNamespace
    >>> config = SimpleNamespace(mean=0.0, std=1.0)
    >>> with_statistics(config, store=None, folder="runs/mine") is config  # nothing to measure
    True
  """
  from contrastive_audio.frontend.statistics import log_mel_statistics
  from contrastive_audio.runs import Run

  if config.mean is not None and config.std is not None:
    if source:
      of = f"{_numbers(config.mean, config.std)} of the log-mels"
      theirs = (config.mean, config.std) == tuple(source.statistics)
      other = f", those of {source.model}; --statistics=measured takes those of the clips"
      own = f", as given; those of {source.model}: {_numbers(*source.statistics)}"
      line("statistics", of + (other if theirs else own))
    return config
  if os.path.exists(os.path.join(folder, "config.json")):
    kept = Run.open(folder).config["config"]
    mean, std = kept.get("mean"), kept.get("std")
    if not all(isinstance(value, (int, float)) for value in (mean, std)):
      # The settings differ, and which of them do is for the run to say.
      mean, std = None, None
  else:
    mean, std = log_mel_statistics(store, config.front_end())
    of = f", measured; those of {source.model}: {_numbers(*source.statistics)}" if source else ""
    line("statistics", f"{_numbers(mean, std)} of the log-mels{of}")
  return dataclasses.replace(config, mean=mean, std=std)


def with_statistics_of_chief(config: SystemConfig, hosts: "Hosts") -> SystemConfig:
  """Returns a configuration whose mean and std are those of the first host, to the last digit.

  Hosts with other processors round log-mels in other ways, and a run has one mean.

  Args:
    config: a configuration with the fields mean and std.
    hosts: that train together.

  Example:
    >>> from types import SimpleNamespace
    >>> config = SimpleNamespace(mean=0.0, std=1.0)
    >>> with_statistics_of_chief(config, SimpleNamespace(count=1)) is config
    True
  """
  if hosts.count == 1 or config.mean is None or config.std is None:
    return config
  mean, std = map(hosts.broadcast_from_chief, (config.mean, config.std))
  return dataclasses.replace(config, mean=mean, std=std)


def _numbers(mean: float, std: float) -> str:
  digits = ".3f" if std >= 0.01 else ".3g"  # imported weights may have tiny ones
  return f"mean {mean:.3f}, standard deviation {std:{digits}}"
