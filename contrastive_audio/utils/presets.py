"""The encoders that come with the package: preset:NAME -> a run folder; without TensorFlow.

A preset is a run folder in FOLDER: config.json, encoder.keras, head.keras, and card.md. The card
begins with the fields of a Card, one a line, between two lines of "---"; what follows is for
people: data and licences, recipe and command, scores, what the encoder is bad at.
"""

import dataclasses
import os

from contrastive_audio.errors import UserError
from contrastive_audio.utils.run_files import has_config

PRESET = "preset:"
CARD = "card.md"
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "presets")
_FENCE = "---"


@dataclasses.dataclass(frozen=True)
class Card:
  """What the card of a preset says.

  Attributes:
    licence: of the weights.
    embedding_size: D.
    scores: what it reaches on which tasks, in a few words.
    summary: what it was trained on and is good for, in a few words.
    text: the card without these fields, in Markdown.

  Example:
    >>> Card("MIT", 3072, "noisy tones: 99.0", "trained on fifteen hours of sounds").licence
    'MIT'
  """

  licence: str
  embedding_size: int
  scores: str
  summary: str
  text: str = ""


def preset_names() -> list[str]:
  """Returns the names of all presets of this installation.

  Example:
    >>> isinstance(preset_names(), list)
    True
  """
  if not os.path.isdir(FOLDER):
    return []
  return sorted(name for name in os.listdir(FOLDER) if has_config(os.path.join(FOLDER, name)))


def model_folder(name: str) -> str:
  """Returns the folder of a model: that of preset:NAME, or what was given.

  Args:
    name: a folder, or preset:NAME.

  Raises:
    UserError: there is no such preset.

  Example:
    >>> model_folder("runs/mine")
    'runs/mine'
    >>> model_folder("preset:no such preset")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: there is no preset 'no such preset': ...
  """
  if not name.startswith(PRESET):
    return name
  preset, names = name.removeprefix(PRESET), preset_names()
  if preset not in names:
    there = f"the presets are {', '.join(names)}" if names else no_presets()
    raise UserError(f"there is no preset {preset!r}: {there}")
  return os.path.join(FOLDER, preset)


def no_presets() -> str:
  """Returns what is said where there are none.

  Example:
    >>> no_presets()
    'there are no presets in this installation'
  """
  return "there are no presets in this installation"


def read_card(name: str) -> Card:
  """Returns the card of a preset.

  Args:
    name: of the preset, without "preset:".

  Raises:
    UserError: there is no such preset, or its card is damaged.

  Example:
    >>> read_card("no such preset")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: there is no preset 'no such preset': ...
  """
  path = os.path.join(model_folder(PRESET + name), CARD)
  try:
    with open(path, encoding="utf-8") as file:
      start, head, text = file.read().split(f"{_FENCE}\n", 2)
    if start:
      raise ValueError(f"it does not begin with {_FENCE}")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    size = int(fields.pop("embedding_size"))
    return Card(embedding_size=size, text=text.strip(), **fields)
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise UserError(f"{path} is damaged or missing ({error}): install the package again") from error


def size_mb(name: str) -> float:
  """Returns how large the files of a preset are together, in MB.

  Args:
    name: of the preset, without "preset:".

  Raises:
    UserError: there is no such preset.

  Example:
    >>> [size_mb(name) for name in preset_names() if size_mb(name) == 0]
    []
  """
  folder = model_folder(PRESET + name)
  return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)) / 1e6
