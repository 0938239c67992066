"""A system by its name: its configurations, and how its model is built."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contrastive_audio.configuration import RunConfig
from contrastive_audio.errors import UserError

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


def recipe_config(system: str, recipe: str, **changes: Any) -> RunConfig:
  """Returns the configuration of a recipe, on the synthetic data set.

  Args:
    system: one of SYSTEMS.
    recipe: one of the system's recipes.
    **changes: values of some fields.

  Raises:
    UserError: the system has no such recipe.

  Example:
    >>> recipe_config("cola", "small", steps=10).batch_size
    64
  """
  recipes = importlib.import_module(f"{system}.config").RECIPES
  if recipe not in recipes:
    raise UserError(f"{system} has no recipe {recipe!r}; it has {', '.join(recipes)}")
  fields = {name: deviation.value for name, deviation in recipes[recipe].items()}
  return paper_config(system, **(fields | {"dataset": "synthetic"} | changes))


def model_builder(system: str) -> Callable[[Any], "ContrastiveModel"]:
  """Returns the function that builds a system's model from its configuration.

  Args:
    system: one of SYSTEMS.

  Example:
    >>> model = model_builder("cola")(recipe_config("cola", "small", mean=0.0, std=1.0))
    >>> model.encoder.name
    'frame_cnn'
  """
  return importlib.import_module(f"{system}.model").build_model
