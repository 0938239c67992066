"""What the configurations of all systems share: how a run is run, recipes, flags -> fields."""

import ast
import dataclasses
import difflib
from collections.abc import Mapping

from contrastive_audio.errors import UserError

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")
VIEWS_ON = ("device", "host")
POSITIVES = ("random", "same", "separated")  # how the second excerpt of a clip is chosen
SHORT_CLIPS = ("zeros", "tile", "repeat")  # how a clip shorter than an excerpt is filled up
INPUT_SCALINGS = ("keras", "none")  # of EfficientNet-B0
EXPORT_FORMATS = ("saved_model", "tflite", "onnx", "keras")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")  # devices and hosts


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """Fields that every system has; not one of them is a number of a paper."""

  split: str | None = None  # None: train, where the data set has splits
  max_bad_fraction: float = 0.05  # share of clips that may be unusable
  steps: int | None = None  # None: epochs * (clips // batch_size)
  seed: int = 0  # of weights, excerpts and views
  monitor_every: int = (
    0  # steps between kNN and linear checks; 0: before the first and after the last step
  )
  checkpoint_every: int = 100  # steps between checkpoints
  reestimate_batches: int = 0  # clean batches that give BatchNorm its final statistics; 0: none
  deterministic: bool = False  # bit-equal resumes; slower
  views_on: str = "device"  # where views are made; or "host": the same numbers
  precision: str = "float32"  # of the networks; log-mels, losses, statistics: at least float32
  logits_block: int = 0  # rows of the logits at once; 0: all. The same numbers in less memory

  def __post_init__(self):
    self.require("precision", PRECISIONS)
    self.require("views_on", VIEWS_ON)

  def require(self, field, allowed):
    """Raises a UserError unless the field has one of the allowed values."""
    if getattr(self, field) not in allowed:
      known = ", ".join(map(str, allowed))
      raise UserError(f"{field}={getattr(self, field)!r}: it can be {known}")


@dataclasses.dataclass(frozen=True)
class Deviation:
  """A field that a recipe changes, with the reason and what it was measured to do."""

  value: object
  reason: str


Recipe = Mapping[str, Deviation]  # field -> what it is changed to, and why


def parse_settings(config_class, settings):
  """Reads "field=value" texts, for fields that have no flag of their own.

  Args:
    config_class: a RunConfig.
    settings: list of str.

  Returns:
    A dictionary, field -> value of the type of its default.

  Raises:
    UserError: there is no such field, or it cannot hold that value.
  """
  defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
  values = {}
  for setting in settings:
    name, equals, text = setting.partition("=")
    if not equals or name not in defaults:
      near = difflib.get_close_matches(name, defaults, n=3) or sorted(defaults)
      raise UserError(f"--set={setting}: write FIELD=VALUE, with a field such as {', '.join(near)}")
    values[name] = _parsed(setting, text, defaults[name])
  return values


def _parsed(setting, text, default):
  """A text as a value of the type of a default; fields whose default is None hold numbers."""
  if isinstance(default, str):
    return text
  try:
    value = ast.literal_eval(text)
  except (ValueError, SyntaxError):
    value = text
  kinds = {bool: (bool,), int: (int,), float: (int, float)}.get(type(default), (int, float))
  if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool):
    expected = "number" if default is None else type(default).__name__
    raise UserError(f"--set={setting}: {text!r} is no {expected}, as {default!r} is")
  return float(value) if isinstance(default, float) else value


def configure(config_class, recipe, flag_values, num_clips):
  """Returns the configuration of a recipe, with the fields that flags set by name.

  Args:
    config_class: a RunConfig.
    recipe: dictionary, field -> Deviation.
    flag_values: dictionary of flags; None means: not set.
    num_clips: clips of the data set, to turn epochs into steps.
  """
  fields = {field.name for field in dataclasses.fields(config_class)}
  given = {k: v for k, v in flag_values.items() if k in fields and v is not None}
  changed = {field: deviation.value for field, deviation in recipe.items()}
  if "batch_size" in changed:  # a recipe for small sets fits sets that are smaller still
    changed["batch_size"] = min(changed["batch_size"], max(2, num_clips))
  config = config_class(**(changed | given))
  if config.steps is None:
    steps = config.epochs * max(1, num_clips // config.batch_size)
    config = dataclasses.replace(config, steps=steps)
  return config
