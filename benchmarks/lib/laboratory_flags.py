"""The flags of the benchmarks that evaluate encoders on tasks, some of them in a laboratory."""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import FLAGS, data_location, define_location_flags
from contrastive_audio.cli.help import flag_group
from contrastive_audio.errors import UserError
from downstream.papers.measurement import LaboratoryRequest


def define_laboratory_flags() -> None:
  """Defines where runs and results are kept, which seeds are used, and where data is.

  Example:
    >>> define_laboratory_flags()
    >>> FLAGS["seeds"].default
    ['0', '1', '2']
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Measurement"):
    flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and tables are kept.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each cell.")
    flags.DEFINE_list(
      "pretraining_tasks", None, "Tasks whose training clips pre-train; if not given, the suite's."
    )
  define_data_flags()


def define_data_flags() -> None:
  """Defines where the data of tasks is.

  Example:
    >>> define_data_flags()
    >>> FLAGS["audio_root"].default is None
    True
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  with flag_group("Data"):
    flags.DEFINE_string("audio_root", None, "Folder that holds the data sets of tasks by name.")
  define_location_flags()


def laboratory_request() -> LaboratoryRequest:
  """Returns what the flags of `define_laboratory_flags` ask for; the suite is "small".

  Example:
    >>> define_laboratory_flags()
    >>> _ = FLAGS(["recipes", "--runs_dir=runs/mine"])
    >>> laboratory_request().folder
    'runs/mine'
    >>> from contrastive_audio.cli.help import forget_flags
    >>> forget_flags()
  """
  return LaboratoryRequest(
    folder=FLAGS.runs_dir,
    suite="small",
    location=data_location(),
    audio_root=FLAGS.audio_root,
    pretraining_tasks=tuple(FLAGS.pretraining_tasks or ()) or None,
  )


def parse_models(texts: Sequence[str] | None) -> dict[str, str]:
  """Reads the flag --models.

  Args:
    texts: NAME=MODEL each.

  Raises:
    UserError: one of them is not.

  Example:
    >>> parse_models(["general, one hour=runs/hour"])
    {'general, one hour': 'runs/hour'}
  """
  models = {}
  for text in texts or ():
    name, equals, model = text.partition("=")
    if not (name and equals and model):
      raise UserError(f"--models={text}: write NAME=MODEL, such as 'mine=runs/mine'")
    if name in models:
      raise UserError(f"--models: two rows are called {name!r}")
    models[name] = model
  return models
