"""A system by its name: its configurations, and how its model is built."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contrastive_audio.configuration import RunConfig

if TYPE_CHECKING:
  from contrastive_audio.training.contrastive import ContrastiveModel

SYSTEMS = ("cola", "mixback")


def paper_config(system: str, **changes: Any) -> RunConfig:
  """Returns the configuration of a paper.

  Args:
    system: one of SYSTEMS.
    **changes: values of some fields.

  Example:
    >>> paper_config("cola").batch_size
    1024
  """
  return importlib.import_module(f"{system}.config").Config(**changes)


def small_config(system: str, **changes: Any) -> RunConfig:
  """Returns the configuration of the recipe `small`, on the synthetic data set.

  Args:
    system: one of SYSTEMS.
    **changes: values of some fields.

  Example:
    >>> small_config("cola", steps=10).batch_size
    64
  """
  recipe = importlib.import_module(f"{system}.config").RECIPES["small"]
  fields = {name: deviation.value for name, deviation in recipe.items()}
  return paper_config(system, **(fields | {"dataset": "synthetic"} | changes))


def model_builder(system: str) -> Callable[[Any], "ContrastiveModel"]:
  """Returns the function that builds a system's model from its configuration.

  Args:
    system: one of SYSTEMS.

  Example:
    >>> model = model_builder("cola")(small_config("cola", mean=0.0, std=1.0))
    >>> model.encoder.name
    'frame_cnn'
  """
  return importlib.import_module(f"{system}.model").build_model
