"""The flags that several commands share, and the dataclasses that they become."""

from absl import flags

from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.open_data import DataChoice, DataLocation
from contrastive_audio.cli.places import require_folder
from contrastive_audio.configuration import CLIP_POOLINGS, SEED_MAX
from contrastive_audio.errors import UserError
from contrastive_audio.store.decoding import MEMORY_MB, MIN_MEMORY_MB

FLAGS = flags.FLAGS
GPU_MEMORY_GROWTH = "gpu_memory_growth"  # both are read by main.start_tensorflow
TENSOR_FLOAT_32 = "tensor_float_32"
_OF_DATA = (
  *("keys", "split", "background"),
  *("data_dir", "manual_dir", "store_dir", "max_bad_fraction", "memory_mb"),
)
_MODELS = (
  "Encoder: a run folder, preset:NAME or an exported SavedModel; or a baseline: random:RUN, "
  "random:efficientnet_b0 or logmel_stats."
)
_TRAINABLE_MODELS = (
  "Encoder to start from: a run folder or preset:NAME; or random weights: random:RUN, "
  "random:efficientnet_b0."
)


def define_model_flag(trainable: bool = False) -> None:
  """Defines --model, which encoder is used.

  Args:
    trainable: whether it is trained; SavedModels and log-mel statistics cannot be.

  Example:
    >>> define_model_flag()
    >>> "model" in FLAGS
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  text = _TRAINABLE_MODELS if trainable else _MODELS
  with flag_group(REQUIRED):
    flags.DEFINE_string("model", None, text, required=True)


def define_clip_pooling_flag(title: str) -> None:
  """Defines --clip_pooling, how the embedding of a clip is made of its frames.

  Args:
    title: of its group in the help.

  Example:
    >>> define_clip_pooling_flag("Embeddings")
    >>> FLAGS["clip_pooling"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group(title):
    flags.DEFINE_enum(
      "clip_pooling",
      None,
      CLIP_POOLINGS,
      "How a clip's embedding is made: the mean over windows, of all its frames at once (clip), or "
      "the maximum over windows; if not given, as the model has it.",
    )


def define_dataset_flags(default: str | None) -> None:
  """Defines the flags that choose and locate what is trained on.

  Args:
    default: the data set if none is chosen.

  Example:
    >>> define_dataset_flags(default="synthetic")
    >>> FLAGS["dataset"].default
    ['synthetic']
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_multi_string(
      "dataset",
      default,
      "A folder, a CSV, synthetic, store:PATH (decoded by contrastive_audio.prepare), audioset, "
      "fsdnoisy18k, ... (see docs/data-sets.md), or an audio data set of tensorflow-datasets. "
      "Repeat the flag to combine data sets.",
    )
  define_selection_flags()
  define_location_flags()


def define_selection_flags() -> None:
  """Defines the flags that choose some clips of a data set.

  Example:
    >>> define_selection_flags()
    >>> "keys" in FLAGS, "split" in FLAGS
    (True, True)
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_string("keys", None, "File with the keys of the clips to use, one per line.")
    flags.DEFINE_string(
      "split", None, "Part of the data set; if not given, train where there is one, else all."
    )
  define_background_flag()


def require_no_data_flags() -> None:
  """Refuses flags that `define_dataset_flags` defines, but for --dataset, where there is no data.

  Raises:
    UserError: which.

  Example:
    >>> define_dataset_flags(default=None)
    >>> _ = FLAGS(["command", "--split=test"])
    >>> require_no_data_flags()
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --split is about --dataset, and there is none: leave it out
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  for name in _OF_DATA:
    if FLAGS[name].present:
      raise UserError(f"--{name} is about --dataset, and there is none: leave it out")


def define_background_flag() -> None:
  """Defines --background, the class of what a table with times leaves unlabelled.

  Example:
    >>> define_background_flag()
    >>> FLAGS["background"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_string(
      "background",
      None,
      "Class of the stretches that a table with times leaves unlabelled; if not given, these are "
      "not used (docs/recordings.md).",
    )


def define_location_flags(max_bad_fraction: float = 0.05) -> None:
  """Defines the flags that say where data sets are, and how many unusable clips they may have.

  Args:
    max_bad_fraction: default of that flag.

  Example:
    >>> define_location_flags(max_bad_fraction=1.0)
    >>> FLAGS["max_bad_fraction"].default
    1.0
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_string("data_dir", None, "Folder that holds data sets, or where to prepare them.")
    flags.DEFINE_string(
      "manual_dir", None, "Folder with archives of a data set, downloaded by hand."
    )
    flags.DEFINE_string("store_dir", None, "Where to keep decoded audio; if not given, your cache.")
    flags.DEFINE_float(
      "max_bad_fraction", max_bad_fraction, "Largest share of unusable clips.", 0.0, 1.0
    )
  define_memory_flag()


def define_memory_flag() -> None:
  """Defines --memory_mb, which bounds the memory that recordings take.

  Example:
    >>> define_memory_flag()
    >>> FLAGS["memory_mb"].default
    1000
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_integer(
      "memory_mb",
      MEMORY_MB,
      "Memory that decoding may take in MB, whatever the recordings and threads.",
      lower_bound=MIN_MEMORY_MB,
    )


def define_seed_flag(purpose: str) -> None:
  """Defines --seed.

  Args:
    purpose: what it is the seed of, for the help.

  Example:
    >>> define_seed_flag("random weights")
    >>> FLAGS["seed"].help
    'Seed of random weights.'
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Reproducibility"):
    flags.DEFINE_integer("seed", 0, f"Seed of {purpose}.", 0, SEED_MAX)


def define_gpu_flags() -> None:
  """Defines --gpu_memory_growth and --tensor_float_32, which `start_tensorflow` obeys.

  Example:
    >>> define_gpu_flags()
    >>> FLAGS[GPU_MEMORY_GROWTH].default, FLAGS[TENSOR_FLOAT_32].default
    (True, True)
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Devices"):
    flags.DEFINE_bool(
      GPU_MEMORY_GROWTH, True, "Take GPU memory as it is needed; otherwise all of it at once."
    )
    flags.DEFINE_bool(
      TENSOR_FLOAT_32, True, "Let a GPU round the operands of float32 products to 10 bits: faster."
    )


def data_location() -> DataLocation:
  """Returns what the flags of `define_location_flags` say.

  Raises:
    UserError: stores cannot be kept where they say.

  Example:
    >>> define_location_flags()
    >>> _ = FLAGS(["command", "--data_dir=data"])
    >>> data_location().data_dir
    'data'
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  require_folder("store_dir", FLAGS.store_dir, may_be_read_only=True)
  return DataLocation(
    FLAGS.data_dir, FLAGS.manual_dir, FLAGS.store_dir, FLAGS.max_bad_fraction, FLAGS.memory_mb
  )


def data_choice(datasets: list[str]) -> DataChoice:
  """Returns some data sets with what the flags of `define_selection_flags` say.

  Args:
    datasets: names, as `--dataset` has them.

  Example:
    >>> define_selection_flags()
    >>> _ = FLAGS(["command", "--split=test"])
    >>> data_choice(["clips.csv"]).split
    'test'
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  return DataChoice(tuple(datasets), FLAGS.split, FLAGS.keys, FLAGS.background)
