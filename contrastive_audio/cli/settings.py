"""--set=FIELD=VALUE: the fields of a configuration that have no flag of their own."""

from collections.abc import Mapping
from typing import Any

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.configuration import parse_settings
from contrastive_audio.errors import UserError
from contrastive_audio.views.system_config import SystemConfig

# Fields that say what was trained on; setting them would change the record, not the training.
_NOT_SETTINGS = {
  "dataset": "--dataset",
  "split": "--split",
  "max_bad_fraction": "--max_bad_fraction",
  "init_digest": "--init=MODEL",
}


def whatever_the_batch(fields: Mapping[str, Any]) -> dict[str, Any]:
  """Returns fields without those that fit some sizes of the batch only, if that is not given.

  Args:
    fields: name -> value.

  Example:
    >>> whatever_the_batch({"microbatch": 12, "seed": 1})
    {'seed': 1}
    >>> whatever_the_batch({"microbatch": 12, "batch_size": 48})
    {'microbatch': 12, 'batch_size': 48}
  """
  is_given = "batch_size" in fields
  return {name: value for name, value in fields.items() if is_given or name != "microbatch"}


def chosen_settings(config_class: type[SystemConfig], fields: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the fields of --set; refuses those that other flags give.

  Args:
    config_class: the configuration of the system.
    fields: those that have flags of their own.

  Raises:
    UserError: a setting names no field, or one that has another flag; or a value is not allowed.

  Example:
    >>> from absl import flags
    >>> from contrastive_audio.cli.help import forget_flags, flag_group
    >>> with flag_group("Training"):
    ...   _ = flags.DEFINE_multi_string("set", [], "FIELD=VALUE")
    ...   _ = flags.DEFINE_string("statistics", None, "Whose.")
    >>> _ = FLAGS(["train", "--set=keep=0.5"])
    >>> chosen_settings(SystemConfig, {})
    {'keep': 0.5}
    >>> forget_flags()
  """
  settings = parse_settings(config_class, FLAGS.set)
  for name, instead in _NOT_SETTINGS.items():
    if name in settings:
      raise UserError(f"--set={name}: pass {instead} instead")
  for name in settings:
    if name in fields and FLAGS[name].present:
      raise UserError(f"--set={name} and --{name} are both given: leave out one")
  if FLAGS.statistics == "measured" and (given := {"mean", "std"} & set(settings)):
    raise UserError(f"--set={min(given)} and --statistics=measured: leave out one")
  return settings
