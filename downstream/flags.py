"""The flags that several of the commands share, and those that locate the data of a task."""

from typing import Any

from absl import flags

from contrastive_audio.cli.flags import (
  FLAGS,
  data_choice,
  data_location,
  define_background_flag,
  define_clip_pooling_flag,
  define_gpu_flags,
  define_location_flags,
  define_model_flag,
  define_seed_flag,
  define_selection_flags,
)
from contrastive_audio.cli.help import REQUIRED, flag_group
from downstream.choices import (
  METRICS,
  EmbeddingRequest,
  EvaluationRequest,
  TaskChoice,
  WindowChoice,
  parse_conditions,
)
from downstream.protocols import BATCHNORMS

_TRAINING_FLAGS = ("learning_rate", "batch_size", "epochs", "batchnorm")


def define_evaluation_flags(trainable: bool = False) -> None:
  """Defines the flags that knn, linear and finetune have in common.

  Args:
    trainable: whether the model is trained.

  Example:
    >>> define_evaluation_flags()
    >>> FLAGS["seed"].default
    0
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  define_model_flag(trainable)
  define_task_flag()
  with flag_group("Evaluation"):
    flags.DEFINE_string("output", None, "Folder for results, predictions and plots.")
    flags.DEFINE_list("labels_per_class", None, "Training clips of each class: 1,5,10,all.")
    flags.DEFINE_float("label_noise", 0.0, "Share of the training labels to flip.", 0.0, 1.0)
  define_task_flags()
  define_gpu_flags()
  define_seed_flag("splits, labels and weights")


def define_task_flag() -> None:
  """Defines --task.

  Example:
    >>> define_task_flag()
    >>> FLAGS["task"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group(REQUIRED):
    flags.DEFINE_string(
      "task",
      None,
      "What to evaluate on: a card (python -m downstream.tasks lists them), a folder with a "
      "sub-folder per class, a CSV, or a data set of tensorflow-datasets.",
      required=True,
    )


def define_task_flags() -> None:
  """Defines the flags that a command needs to find the data of its task.

  Example:
    >>> define_task_flags()
    >>> FLAGS["metric"].default
    'accuracy'
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  define_audio_root_flag()
  define_background_flag()
  with flag_group("Data"):
    flags.DEFINE_enum(
      "metric",
      "accuracy",
      METRICS,
      "Metric of a task without a card; with mAP a clip may have several labels, separated by ;.",
    )
  define_location_flags()


def define_audio_root_flag() -> None:
  """Defines --audio_root.

  Example:
    >>> define_audio_root_flag()
    >>> FLAGS["audio_root"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_string(
      "audio_root", None, "Folder that holds the folders esc10 and philharmonia, for their tasks."
    )


def define_training_flags(title: str) -> None:
  """Defines the flags of a classifier that is trained on excerpts; not given: as its protocol says.

  Args:
    title: of their group in the help.

  Example:
    >>> define_training_flags("Training")
    >>> FLAGS["epochs"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group(title):
    flags.DEFINE_float("learning_rate", None, "Learning rate.", lower_bound=1e-9)
    flags.DEFINE_integer("batch_size", None, "Excerpts per step.", lower_bound=1)
    flags.DEFINE_integer("epochs", None, "Largest number of epochs.", lower_bound=1)
    flags.DEFINE_enum(
      "batchnorm",
      None,
      BATCHNORMS,
      "Statistics of BatchNorm in training: batch, or fixed, those of the model. If not given, "
      "fixed for a frozen encoder, else batch; mix-back's code has batch for frozen ones, too.",
    )


def define_input_flag() -> None:
  """Defines --input of the commands that embed any audio.

  Example:
    >>> define_input_flag()
    >>> FLAGS["input"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group(REQUIRED):
    flags.DEFINE_string("input", None, "Folder, audio file, CSV, or data set.", required=True)


def define_embedding_flags(
  title: str, default_hop: str = "half a window", seed_of: str = "random weights"
) -> None:
  """Defines how the commands that embed any audio cut and pool it, and where they find it.

  Args:
    title: of the group of the first of them in the help.
    default_hop: what the command takes for --hop_s if it is not given, for the help.
    seed_of: what --seed is the seed of.

  Example:
    >>> define_embedding_flags("Windows")
    >>> FLAGS["hop_s"].default is None, FLAGS["max_bad_fraction"].default
    (True, 1.0)
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group(title):
    flags.DEFINE_float(
      "hop_s",
      None,
      f"Seconds from one window of a recording to the next; if not given, {default_hop}.",
      lower_bound=1e-3,
    )
    flags.DEFINE_float(
      "window_s",
      None,
      "Length of a window in seconds; if not given, what the model hears at once.",
      lower_bound=1e-3,
    )
  define_clip_pooling_flag(title)
  define_selection_flags()
  define_location_flags(max_bad_fraction=1.0)
  define_gpu_flags()
  define_seed_flag(seed_of)


def training_changes() -> dict[str, Any]:
  """Returns what the flags of `define_training_flags` change: fields of protocols.Options, or None.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags
    >>> define_training_flags("Training")
    >>> _ = FLAGS(["finetune", "--epochs=3"])
    >>> training_changes()["epochs"]
    3
    >>> forget_flags()
  """
  return {name: FLAGS[name].value for name in _TRAINING_FLAGS}


def evaluation_request() -> EvaluationRequest:
  """Returns the request that the flags of `define_evaluation_flags` mean.

  Raises:
    UserError: a value is not allowed.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags
    >>> define_evaluation_flags()
    >>> _ = FLAGS(["knn", "--model=runs/mine", "--task=esc50", "--labels_per_class=5"])
    >>> evaluation_request().conditions[0].name
    '5 per class'
    >>> forget_flags()
  """
  return EvaluationRequest(
    model=FLAGS.model,
    task=TaskChoice(FLAGS.task, FLAGS.metric, FLAGS.audio_root, FLAGS.background),
    location=data_location(),
    conditions=parse_conditions(FLAGS.labels_per_class, FLAGS.label_noise),
    seed=FLAGS.seed,
    output=FLAGS.output,
    clip_pooling=FLAGS.clip_pooling if "clip_pooling" in FLAGS else None,
  )


def window_choice() -> WindowChoice:
  """Returns what --hop_s and --window_s of `define_embedding_flags` say.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags
    >>> define_embedding_flags("Windows")
    >>> _ = FLAGS(["embed", "--hop_s=0.5"])
    >>> window_choice()
    WindowChoice(hop_s=0.5, window_s=None)
    >>> forget_flags()
  """
  return WindowChoice(FLAGS.hop_s, FLAGS.window_s)


def embedding_request() -> EmbeddingRequest:
  """Returns the request that --model, --input and the flags of `define_embedding_flags` mean.

  Raises:
    UserError: stores cannot be kept where the flags say.

  Example:
    >>> from contrastive_audio.cli.help import forget_flags
    >>> define_model_flag()
    >>> define_input_flag()
    >>> define_embedding_flags("Windows")
    >>> _ = FLAGS(["embed", "--model=runs/mine", "--input=clips", "--window_s=2"])
    >>> embedding_request().windows
    WindowChoice(hop_s=None, window_s=2.0)
    >>> forget_flags()
  """
  return EmbeddingRequest(
    model=FLAGS.model,
    input=data_choice([FLAGS.input]),
    location=data_location(),
    seed=FLAGS.seed,
    clip_pooling=FLAGS.clip_pooling,
    windows=window_choice(),
  )
