"""The flags of every `train` command, and the request that they become."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from contrastive_audio.cli.flags import (
  FLAGS,
  data_choice,
  data_location,
  define_dataset_flags,
  define_gpu_flag,
)
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.open_data import DataChoice, DataLocation
from contrastive_audio.cli.places import require_folder
from contrastive_audio.configuration import (
  PRECISIONS,
  STRATEGIES,
  VIEWS_ON,
  Recipe,
  RunConfig,
  configure,
  parse_settings,
)

HYPER_PARAMETERS = "Hyper-parameters (by default those of the recipe)"
_ANY_SIZE = 1 << 30  # clips: a check of values that no data set has been opened for


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
  """What a `train` command is asked for.

  Attributes:
    data: which clips.
    location: where they are.
    run: run folder; None: a name made of system and data set.
    recipe: name of the recipe; None: the default for a data set of this size.
    fields: fields of the configuration that were set.
    strategy: one of configuration.STRATEGIES.
    monitor: the clips that evaluations use while it trains; None: those of the training.
    print_config: whether to print the configuration instead of training.

  Example:
    >>> TrainingRequest(DataChoice(("synthetic",)), DataLocation()).recipe is None
    True
  """

  data: DataChoice
  location: DataLocation
  run: str | None = None
  recipe: str | None = None
  fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  strategy: str = "auto"
  monitor: DataChoice | None = None
  print_config: bool = False


def define_training_flags(recipes: Sequence[str]) -> None:
  """Defines the flags that every `train` command has.

  Args:
    recipes: names of the recipes, the first of which is the paper.

  Example:
    >>> define_training_flags(["paper", "small"])
    >>> FLAGS["recipe"].parser.enum_values
    ['paper', 'small']
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  define_dataset_flags(default="synthetic")
  with flag_group("Training"):
    flags.DEFINE_string("run", None, "Run folder; if not given, runs/SYSTEM-DATASET. It resumes.")
    flags.DEFINE_enum(
      "recipe",
      None,
      recipes,
      "Set of hyper-parameters; if not given, paper, or small for a small data set.",
    )
    flags.DEFINE_bool(
      "print_config", False, "Print what would be trained as JSON, every field, and train nothing."
    )
  with flag_group(HYPER_PARAMETERS):
    flags.DEFINE_integer("steps", None, "Training steps.", lower_bound=1)
    flags.DEFINE_integer(
      "epoch_steps",
      None,
      "Steps of an epoch of the recipe; if not given, a pass over all clips. COLA's code has 1000.",
      lower_bound=1,
    )
    flags.DEFINE_integer("batch_size", None, "Pairs of a step, on all devices.", lower_bound=2)
    flags.DEFINE_multi_string("set", [], "FIELD=VALUE of the configuration, for any field.")
  _define_progress_flags()
  _define_device_flags()


def _define_progress_flags() -> None:
  with flag_group("Monitoring and checkpoints"):
    flags.DEFINE_integer(
      "monitor_every",
      None,
      "Steps between evaluations; 0: before the first and after the last.",
      lower_bound=0,
    )
    flags.DEFINE_string(
      "monitor",
      None,
      "Labelled data set that the evaluations use, as --dataset takes it; if not given, the "
      "training clips, if they have labels. Its clips are never trained on.",
    )
    flags.DEFINE_integer("checkpoint_every", 100, "Steps between checkpoints.", lower_bound=1)


def _define_device_flags() -> None:
  with flag_group("Devices"):
    flags.DEFINE_enum(
      "strategy",
      "auto",
      STRATEGIES,
      "Devices and hosts; auto: all GPUs of this host, or all hosts that TF_CONFIG names.",
    )
    flags.DEFINE_enum("precision", "float32", PRECISIONS, "Of the networks in training.")
    flags.DEFINE_integer(
      "logits_block", None, "Rows of the logits at once, to save memory; 0: all.", lower_bound=0
    )
    flags.DEFINE_enum("views_on", "device", VIEWS_ON, "Where views are computed; same numbers.")
  define_gpu_flag()
  with flag_group("Reproducibility"):
    flags.DEFINE_integer("seed", 0, "Seed of weights, excerpts and views.", lower_bound=0)
    flags.DEFINE_bool("deterministic", False, "Bit-identical on one machine, and slower.")


def training_request(
  config_class: type[RunConfig], recipes: Mapping[str, Recipe]
) -> TrainingRequest:
  """Returns what the flags ask for, with all values checked.

  Args:
    config_class: the configuration of the system.
    recipes: its recipes by name.

  Raises:
    UserError: --set names no field, a value is not allowed, or --run is no place for a run.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags
    >>> define_training_flags(["paper"])
    >>> _ = FLAGS(["train", "--steps=100", "--dataset=./clips"])
    >>> training_request(RunConfig, {"paper": {}}).fields["steps"]
    100
    >>> forget_flags()
  """
  data, fields = data_choice(FLAGS.dataset), {}
  for field in dataclasses.fields(config_class):
    if field.name in FLAGS and FLAGS[field.name].value is not None:
      fields[field.name] = FLAGS[field.name].value
  fields |= {"dataset": data.name} | parse_settings(config_class, FLAGS.set)
  configure(config_class, recipes[FLAGS.recipe or "paper"], fields, _ANY_SIZE)
  require_folder("run", FLAGS.run)
  return TrainingRequest(
    data,
    data_location(),
    run=FLAGS.run,
    recipe=FLAGS.recipe,
    fields=fields,
    strategy=FLAGS.strategy,
    monitor=DataChoice((FLAGS.monitor,)) if FLAGS.monitor else None,
    print_config=FLAGS.print_config,
  )
