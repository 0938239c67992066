"""The flags of every `train` command, and the request that they become."""

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from absl import flags

from contrastive_audio.cli.flags import (
  FLAGS,
  data_choice,
  data_location,
  define_dataset_flags,
  define_gpu_flags,
)
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.open_data import DataChoice, DataLocation
from contrastive_audio.cli.places import require_folder
from contrastive_audio.cli.settings import chosen_settings, whatever_the_batch
from contrastive_audio.configuration import (
  PRECISIONS,
  SEED_MAX,
  STRATEGIES,
  VIEWS_ON,
  Recipe,
  configure,
)
from contrastive_audio.errors import UserError
from contrastive_audio.training.source_run import SourceRun
from contrastive_audio.utils.extras import require_trackers
from contrastive_audio.views.system_config import SystemConfig

HYPER_PARAMETERS = "Hyper-parameters (by default those of the recipe)"
ADAPT = "adapt"  # the recipe for going on from weights
STATISTICS = ("source", "measured")  # of the log-mels
ANY_SIZE = 1 << 30  # clips: a check of values that no data set has been opened for


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
  """What a `train` command is asked for.

  Attributes:
    data: which clips.
    location: where they are.
    run: run folder; None: a name made of system and data set.
    recipe: name of the recipe; None: the default for a data set of this size.
    fields: fields of the configuration that were set.
    asked: names of those that the user set.
    strategy: one of configuration.STRATEGIES.
    monitor: the clips that evaluations use while it trains; None: those of the training.
    print_config: whether to print the configuration instead of training.
    source: the run whose weights it starts from; None: random weights.
    measured: whether mean and standard deviation of the log-mels are measured, whatever else says.
    log_to: some of utils.extras.TRACKERS.

  Example:
    >>> TrainingRequest(DataChoice(("synthetic",)), DataLocation()).recipe is None
    True
  """

  data: DataChoice
  location: DataLocation
  run: str | None = None
  recipe: str | None = None
  fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  asked: Collection[str] = ()
  strategy: str = "auto"
  monitor: DataChoice | None = None
  print_config: bool = False
  source: SourceRun | None = None
  measured: bool = False
  log_to: tuple[str, ...] = ("tensorboard",)


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
      "Set of hyper-parameters; if not given: adapt with --init, small for a small data set, "
      "otherwise paper.",
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
    flags.DEFINE_float(
      "piece_s",
      None,
      "Length in s of the pieces that clips are cut into; 0: whole clips; if not given, 5 where "
      "the median clip is longer than 30 s (docs/recordings.md).",
      lower_bound=0.0,
    )
    flags.DEFINE_bool(
      "active",
      None,
      "Draw excerpts in proportion to their energy over the background (docs/recordings.md).",
    )
    flags.DEFINE_integer("batch_size", None, "Pairs of a step, on all devices.", lower_bound=2)
    flags.DEFINE_multi_string("set", [], "FIELD=VALUE of the configuration, for any field.")
  _define_starting_flags()
  _define_progress_flags()
  _define_device_flags()


def encoder_help(names: Sequence[str]) -> str:
  """Returns the help of --encoder.

  Args:
    names: of the encoders of a system.

  Example:
    >>> encoder_help(["vgg_like", "crnn"])[:30]
    'Network: vgg_like, crnn; keras'
  """
  return (
    f"Network: {', '.join(names)}; keras:NAME of keras.applications; or module:function, which "
    "gets num_mels and returns a Keras model (docs/encoders.md)."
  )


def _define_starting_flags() -> None:
  with flag_group("Going on from weights (docs/presets.md)"):
    flags.DEFINE_string(
      "init",
      None,
      "Run folder, or preset:NAME, whose weights it starts from. Front end, encoder and head are "
      "the same; the recipe is adapt, if no other is chosen.",
    )
    flags.DEFINE_float(
      "keep",
      None,
      "Weight of the distance to the embeddings of --init, which is added to the loss; 0.1, say.",
      lower_bound=0.0,
    )
    flags.DEFINE_enum(
      "statistics",
      None,
      STATISTICS,
      "Mean and deviation of the log-mels: of --init (if it is given, the default), or measured.",
    )


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
      "training clips, if they have labels. They are not trained on.",
    )
    flags.DEFINE_list(
      "log_to",
      "tensorboard",
      "Where to log: tensorboard, wandb, mlflow; empty: nowhere.",
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
    flags.DEFINE_enum("precision", "float32", PRECISIONS, "Precision of the networks in training.")
    flags.DEFINE_bool(
      "xla", False, "Compile the step with XLA; on a GPU the first one then takes minutes."
    )
    flags.DEFINE_integer(
      "logits_block", None, "Rows of the logits at once, to save memory; 0: all.", lower_bound=0
    )
    flags.DEFINE_integer(
      "microbatch",
      None,
      "Pairs whose activations are in memory at once (docs/scaling.md); 0: all of the batch.",
      lower_bound=0,
    )
    flags.DEFINE_enum(
      "views_on", "device", VIEWS_ON, "Where views are computed; the numbers are the same."
    )
  define_gpu_flags()
  with flag_group("Reproducibility"):
    flags.DEFINE_integer("seed", 0, "Seed of weights, excerpts and views.", 0, SEED_MAX)
    flags.DEFINE_bool("deterministic", False, "Bit-identical on one machine, but slower.")


def training_request(
  config_class: type[SystemConfig], recipes: Mapping[str, Recipe]
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
    >>> training_request(SystemConfig, {"paper": {}}).fields["steps"]
    100
    >>> forget_flags()
  """
  data, fields = data_choice(FLAGS.dataset), dict[str, Any]()
  for field in dataclasses.fields(config_class):
    if field.name in FLAGS and FLAGS[field.name].value is not None:
      fields[field.name] = FLAGS[field.name].value
  fields |= {"dataset": data.name} | chosen_settings(config_class, fields)
  asked = tuple(fields)
  source, measured = _source(), FLAGS.statistics == "measured"
  if source:
    fields = source.fields(config_class, fields, measured)
  if FLAGS.recipe or source:
    recipe = recipes[FLAGS.recipe or ADAPT]
    configure(config_class, recipe, fields, ANY_SIZE).require_used(asked)
  else:  # the number of clips decides on recipe and batch
    configure(config_class, recipes["paper"], whatever_the_batch(fields), ANY_SIZE)
  require_folder("run", FLAGS.run)
  require_trackers(FLAGS.log_to)
  return TrainingRequest(
    data,
    data_location(),
    run=FLAGS.run,
    recipe=FLAGS.recipe,
    fields=fields,
    asked=asked,
    strategy=FLAGS.strategy,
    monitor=DataChoice((FLAGS.monitor,)) if FLAGS.monitor else None,
    print_config=FLAGS.print_config,
    source=source,
    measured=measured,
    log_to=tuple(dict.fromkeys(FLAGS.log_to)),
  )


def _source() -> SourceRun | None:
  """Returns the run of --init; refuses flags that mean nothing with it, or without."""
  if FLAGS.init is None:
    if FLAGS.recipe == ADAPT or FLAGS.statistics == "source":
      flag = "recipe=adapt" if FLAGS.recipe == ADAPT else "statistics=source"
      raise UserError(f"--{flag} is for going on from weights: pass --init=MODEL, too")
    return None
  source = SourceRun.open(FLAGS.init)
  if FLAGS.run and os.path.realpath(FLAGS.run) == os.path.realpath(source.folder):
    raise UserError(
      f"--init={FLAGS.init} is the folder of --run: choose another for the new run; to resume one, "
      "repeat its command"
    )
  return source
