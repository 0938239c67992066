"""A system by its name: its recipe `small`, and how its model is built."""

import importlib


def small_config(system, **changes):
  """Returns the configuration of the recipe `small`, with some fields changed."""
  module = importlib.import_module(f"{system}.config")
  fields = {name: deviation.value for name, deviation in module.RECIPES["small"].items()}
  return module.Config(**(fields | {"dataset": "synthetic"} | changes))


def builder(system):
  """Returns what builds the system's model from a configuration."""
  return importlib.import_module(f"{system}.model").build_model
