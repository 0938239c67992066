"""What the configurations of all systems share: fields of every run, recipes, flags -> fields."""

import ast
import contextlib
import dataclasses
import difflib
import math
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from contrastive_audio.errors import UserError

SEED_MAX = 2**31 - 1
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")
VIEWS_ON = ("device", "host")
POSITIVES = ("random", "same", "separated")  # how the second excerpt of a clip is chosen
SHORT_CLIPS = ("zeros", "tile", "repeat")  # how a clip shorter than an excerpt is filled up
CLIP_POOLINGS = ("windows", "clip", "windows_max")  # how a clip's embedding is made of its frames
INPUT_SCALINGS = ("keras", "none")  # of EfficientNet-B0
HEAD_INPUTS = ("last", "all")  # which units of the embedding of frame_cnn a projection head sees
EXPORT_FORMATS = ("saved_model", "tflite", "onnx", "keras")
QUANTISATIONS = ("none", "float16", "int8")  # of the weights of an export
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")  # devices and hosts


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """Fields that every system has; none of them is a number of a paper.

  Example:
    >>> RunConfig(seed=1, precision="float8")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: precision='float8': must be one of float32, ...
  """

  if TYPE_CHECKING:
    # For type checkers only: fields that every system adds, with the defaults of its paper.
    dataset: str = ""
    sample_rate_hz: int = 0
    mean: float | None = None
    std: float | None = None
    encoder: str = ""
    batch_size: int = 0
    epochs: int = 0

  split: str | None = None  # of the data set; None: train, if it has splits
  max_bad_fraction: float = 0.05  # largest share of clips that may be unusable
  active: bool = False  # excerpts are drawn in proportion to what happens there
  piece_s: float = 0.0  # length of the pieces that clips are cut into; 0: whole clips
  steps: int | None = None  # None: epochs * epoch_steps
  epoch_steps: int | None = None  # None: clips // batch_size, a pass over all clips
  balance: float = 1.0  # a group of n clips is drawn with weight n^balance; 0: groups alike
  encoder_width: int = 1  # of frame_cnn: its channels are multiplied by it
  head_input: str = "last"  # of frame_cnn: the head sees its last layer; or "all" of the embedding
  seed: int = 0  # of weights, excerpts and views
  init_digest: str = ""  # of the weights that it starts from (--init); empty: random weights
  keep: float = 0.0  # weight of the distance to the embeddings of the weights of --init
  monitor_every: int = 0  # steps between kNN and linear checks; 0: before the first and at the end
  checkpoint_every: int = 100  # steps between checkpoints
  reestimate_batches: int = 0  # clean batches that give BatchNorm its final statistics; 0: none
  deterministic: bool = False  # bit-identical resumes; slower
  views_on: str = "device"  # where views are computed; or "host": the same numbers
  precision: str = "float32"  # of the networks; log-mels, losses, statistics: at least float32
  logits_block: int = 0  # rows of the logits at once; 0: all. The same numbers in less memory
  xla: bool = False  # compiles the step; on a GPU the first one then takes minutes
  microbatch: int = 0  # pairs whose activations are in memory at once, and in BatchNorm; 0: all

  def __post_init__(self) -> None:
    self.require("precision", PRECISIONS)
    self.require("views_on", VIEWS_ON)
    self.require("head_input", HEAD_INPUTS)
    self.require_between(0, 1, "max_bad_fraction", "balance")
    self.require_at_least(1, "steps", "epoch_steps", "checkpoint_every", "encoder_width")
    self.require_between(0, SEED_MAX, "seed")
    self.require_at_least(0, "monitor_every", "reestimate_batches", "logits_block", "keep")
    self.require_at_least(0, "piece_s")
    if self.microbatch:
      self.require_at_least(2, "microbatch")  # BatchNorm cannot normalise a single row
    if self.xla and self.deterministic:
      raise UserError(
        "xla and deterministic: what XLA compiles is not deterministic: leave out one"
      )
    if self.keep and not self.init_digest:
      raise UserError(
        f"keep={self.keep:g} holds embeddings near those of other weights: pass --init=MODEL, too"
      )

  @property
  def num_steps(self) -> int:
    """The length of the training: `steps`, once `configure` has set it."""
    if self.steps is None:
      raise ValueError("steps is None: `configure` computes it from the number of clips")
    return self.steps

  def unused(self) -> dict[str, str]:
    """Returns the fields that have no effect beside the others: name -> why."""
    return {}

  def require_used(self, fields: Collection[str]) -> None:
    """Raises a UserError if one of some fields has no effect.

    Args:
      fields: names of those that were asked for.
    """
    for field, why in self.unused().items():
      if field in fields:
        raise UserError(f"{field}={getattr(self, field)!r} has no effect: {why}")

  def require(self, field: str, allowed: Collection) -> None:
    """Raises a UserError unless a field has one of the allowed values.

    Args:
      field: its name.
      allowed: the values.
    """
    if getattr(self, field) not in allowed:
      values = ", ".join(map(str, allowed))
      raise UserError(f"{field}={getattr(self, field)!r}: must be one of {values}")

  def require_at_least(self, lowest: float, *fields: str) -> None:
    """Raises a UserError unless fields are as large as that, or None.

    Args:
      lowest: the smallest allowed value.
      *fields: their names.
    """
    self.require_between(lowest, float("inf"), *fields)

  def require_between(self, lowest: float, highest: float, *fields: str) -> None:
    """Raises a UserError unless fields lie in a range, or are None.

    Args:
      lowest: the smallest allowed value.
      highest: the largest allowed value; infinity itself is not allowed.
      *fields: their names.
    """
    for field in fields:
      value = getattr(self, field)
      if value is None or (lowest <= value <= highest and math.isfinite(value)):
        continue
      allowed = f"at least {lowest:g}" if math.isinf(highest) else f"{lowest:g} to {highest:g}"
      raise UserError(f"{field}={value!r}: must be {allowed}")

  def require_positive(self, *fields: str) -> None:
    """Raises a UserError unless fields are numbers above zero, or None.

    Args:
      *fields: their names.
    """
    for field in fields:
      value = getattr(self, field)
      if value is not None and not 0 < value < float("inf"):
        raise UserError(f"{field}={value!r}: must be above 0")


AnyConfig = TypeVar("AnyConfig", bound=RunConfig)


@dataclasses.dataclass(frozen=True)
class Deviation:
  """The value that a recipe gives to a field, with the reason and the measured effect.

  Example:
    >>> recipe = {"batch_size": Deviation(64, "small sets lack 1024 clips")}
    >>> recipe["batch_size"].value
    64
  """

  value: Any
  reason: str


Recipe = Mapping[str, Deviation]  # field -> its value, and why


def parse_settings(config_class: type[RunConfig], settings: Sequence[str]) -> dict[str, Any]:
  """Reads "field=value" texts, for fields that have no flag of their own.

  Args:
    config_class: the configuration of a system.
    settings: the texts.

  Returns:
    field -> value, which has the type of the field's default.

  Raises:
    UserError: there is no such field, or it cannot hold that value.

  Example:
    >>> parse_settings(RunConfig, ["checkpoint_every=20", "deterministic=True"])
    {'checkpoint_every': 20, 'deterministic': True}
  """
  fields = {field.name: field for field in dataclasses.fields(config_class)}
  values = {}
  for setting in settings:
    name, equals, text = setting.partition("=")
    if not equals or name not in fields:
      raise UserError(f"--set={setting}: {_not_a_setting(name, bool(equals), list(fields))}")
    if name in values:
      raise UserError(f"--set={setting}: {name} is given twice")
    values[name] = _parse_value(setting, text, fields[name])
  return values


def _not_a_setting(name: str, has_value: bool, fields: Sequence[str]) -> str:
  """Says what is wrong with a setting that names no field, or gives it no value."""
  if name in fields and not has_value:
    return f"write --set={name}=VALUE"
  if near := difflib.get_close_matches(name, fields, n=3):
    return f"there is no field {name!r}; did you mean {' or '.join(near)}?"
  return f"write FIELD=VALUE; there is no field {name!r}, but {', '.join(sorted(fields))}"


def _parse_value(setting: str, text: str, field: dataclasses.Field) -> Any:
  """Converts a text to the type of a field."""
  kind = (*typing.get_args(field.type), field.type)[0]  # int, of int | None
  if kind is str:
    return text
  value: Any = text
  with contextlib.suppress(ValueError, SyntaxError):
    value = ast.literal_eval(text)
  is_whole = isinstance(value, float) and value.is_integer()  # 1e3
  fits = isinstance(value, bool) == (kind is bool) and isinstance(value, (int, float))
  if not fits or (kind is int and not is_whole and not isinstance(value, int)):
    name = {int: "whole number", float: "number"}.get(kind, "value: True or False")
    raise UserError(f"--set={setting}: {text!r} is not a {name} (default: {field.default})")
  return kind(value)


def configure(
  config_class: type[AnyConfig], recipe: Recipe, settings: Mapping[str, Any], num_clips: int
) -> AnyConfig:
  """Returns the configuration of a recipe, with the fields that are set by name.

  Args:
    config_class: the configuration of a system.
    recipe: field -> Deviation.
    settings: field -> value, such as the flags of a command. They take precedence over the recipe;
      names that are not fields are ignored, and so is None.
    num_clips: clips of the data set, to turn epochs into steps.

  Example:
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config(RunConfig):
    ...   batch_size: int = 1024
    ...   epochs: int = 500
    >>> recipe = {"batch_size": Deviation(64, "small sets lack 1024 clips")}
    >>> configure(Config, recipe, {"epochs": 10, "seed": None}, num_clips=128).steps
    20
  """
  names = {field.name for field in dataclasses.fields(config_class)}
  fields = {name: deviation.value for name, deviation in recipe.items()}
  if "batch_size" in fields:  # a recipe for small data sets also fits smaller ones
    fields["batch_size"] = min(fields["batch_size"], max(2, num_clips))
  given = {name: value for name, value in settings.items() if name in names and value is not None}
  if passes := sorted({"epochs", "epoch_steps"} & set(given)):
    if "steps" in given:
      raise UserError(f"steps={given['steps']} and {passes[0]}={given[passes[0]]}: leave out one")
    fields.pop("steps", None)  # of the recipe
  config = config_class(**fields | given)
  if config.steps is None:
    pass_steps = max(1, num_clips // config.batch_size)
    steps = config.epochs * (config.epoch_steps or pass_steps)
    config = dataclasses.replace(config, steps=steps)
  return config
