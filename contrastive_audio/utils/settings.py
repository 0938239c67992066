"""Settings of a run as JSON has them: how two of them differ, and whether one extends the other."""

from collections.abc import Iterator, Mapping
from typing import Any

from contrastive_audio.errors import UserError
from contrastive_audio.utils.run_files import FINE_TUNING

# A run is another one if any of these changes; versions and command are only recorded.
_IDENTITY = ("system", "config", "data", FINE_TUNING)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
  """Yields a text for each value that differs, however deep it stands.

  Args:
    old: the settings before.
    new: the settings now.
    prefix: of all names.

  Example:
    >>> list(differences({"data": {"clips": 3}, "seed": 0}, {"data": {"clips": 4}, "seed": 0}))
    ['data.clips was 3 and is now 4']
  """
  for key in sorted(old.keys() | new.keys()):
    before, after = old.get(key), new.get(key)
    if isinstance(before, dict) and isinstance(after, dict):
      yield from differences(before, after, f"{prefix}{key}.")
    elif before != after:
      yield f"{prefix}{key} was {before!r} and is now {after!r}"


def extended_steps(
  folder: str,
  old: Mapping[str, Any],
  new: Mapping[str, Any],
  defaults: Mapping[str, Any],
  fixed_steps: str | None,
) -> int | None:
  """Returns the number of steps to extend a run to; None if the settings are the same.

  Args:
    folder: of the run.
    old: its system, config, data and, of a fine-tuned model, fine_tuning.
    new: those that are asked for.
    defaults: of the fields of config, for runs of versions that lacked some.
    fixed_steps: why the number of steps cannot grow; None: it can.

  Raises:
    UserError: the run has other settings.

  Example:
    >>> old, new = ({"system": "cola", "config": {"steps": steps}, "data": {}} for steps in (9, 12))
    >>> extended_steps("run", old, new, {}, fixed_steps=None)
    12
  """
  old, new = ({name: settings.get(name, {}) for name in _IDENTITY} for settings in (old, new))
  if old["system"] != new["system"]:
    raise UserError(
      f"{folder!r} holds a run of {old['system']}, not of {new['system']}: choose another folder"
    )
  if bool(old[FINE_TUNING]) != bool(new[FINE_TUNING]):
    kinds = ("a fine-tuned model", "a pre-trained run")
    here, asked = kinds if old[FINE_TUNING] else kinds[::-1]
    raise UserError(f"{folder!r} holds {here}, not {asked}: choose another folder")
  old["config"] = dict(defaults) | old["config"]
  if old["data"] == new["data"] and "digest" in new["data"]:
    # The same clips: how the path of their folder was written does not matter.
    old["config"].pop("dataset", None)
    new["config"] = {name: value for name, value in new["config"].items() if name != "dataset"}
  before, after = (settings["config"].get("steps") for settings in (old, new))
  is_longer = isinstance(before, int) and isinstance(after, int) and before < after
  changes = [text.removeprefix("config.") for text in differences(old, new)]
  if is_longer and len(changes) == 1:
    if fixed_steps is None:
      return after
    changes.append(f"it cannot be extended, because {fixed_steps}")
  if changes:
    raise UserError(
      f"{folder!r} holds a run with other settings: {'; '.join(changes)}. "
      "Use its settings to resume it, or another folder"
    )
  return None
