"""The run whose weights a training starts from, as far as its record goes; without TensorFlow."""

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Mapping
from typing import Any

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.utils.presets import model_folder
from contrastive_audio.utils.run_files import CONFIG, has_config, read_config
from contrastive_audio.views.system_config import SystemConfig

# Fields that decide what the weights of an encoder are; those of the log-mels do, too.
_ENCODER_FIELDS = ("encoder", "encoder_width", "pooling", "input_scaling")
# Fields of the projection head and of what compares projections: others mean a new head.
_HEAD_FIELDS = (
  "head",
  "head_input",
  "hidden_units",
  "projection_units",
  "similarity",
  "temperature",
)
_WEIGHTS = "model.weights.h5"  # in a .keras file; the rest of it holds the date
_DIGEST_LETTERS = 16


@dataclasses.dataclass(frozen=True)
class SourceRun:
  """A run folder or a preset that a training starts from.

  Attributes:
    model: as `--init` has it.
    folder: where it is.
    digest: of the weights of its encoder and head.
    config: the content of its config.json.

  Example:
    >>> SourceRun("runs/mine", "runs/mine", "3f2a", {"system": "cola"}).system
    'cola'
  """

  model: str
  folder: str
  digest: str
  config: Mapping[str, Any]

  @classmethod
  def open(cls, model: str) -> "SourceRun":
    """Reads the record of a run and the digest of its weights.

    Args:
      model: a run folder, or preset:NAME.

    Raises:
      UserError: there is no such run, or it has no encoder yet, or a file is damaged.
    """
    folder = model_folder(model)
    if not has_config(folder):
      raise UserError(
        f"--init={model} is no run folder (it has no {CONFIG}): pass the folder of a run, of "
        "mixback.import_weights, or preset:NAME"
      )
    paths = [os.path.join(folder, f"{name}.keras") for name in ("encoder", "head")]
    if not os.path.exists(paths[0]):
      raise UserError(f"--init={model} has no encoder.keras yet: let its training end or stop it")
    weights = [_weights_in(path) for path in paths if os.path.exists(path)]
    digest = hashlib.sha256(b"".join(weights)).hexdigest()[:_DIGEST_LETTERS]
    return cls(model, folder, digest, read_config(folder))

  @property
  def system(self) -> str:
    """The system that trained it."""
    return self.config["system"]

  @property
  def statistics(self) -> tuple[float, float]:
    """Mean and standard deviation of the log-mels, as its front end has them."""
    fields = self._front_end()
    return fields["mean"], fields["std"]

  def fields(
    self, config_class: type[SystemConfig], chosen: Mapping[str, Any], measured: bool = False
  ) -> dict[str, Any]:
    """Returns the fields of a training that starts from this run, those chosen by the user too.

    Front end, encoder and head are the run's. The user may change what its weights do not depend
    on, such as the number of frames; another head starts from random weights.

    Args:
      config_class: the configuration of the system.
      chosen: fields that the user has set.
      measured: whether mean and std are left out, because they will be measured.

    Raises:
      UserError: the user has set a field to what the weights do not fit, or the record is damaged.
    """
    log_mel = config_class.fields_of_front_end(self._front_end()["log_mel"])
    front_end = config_class.fields_of_front_end(self._front_end())
    encoder, head = (self._network_fields(names) for names in (_ENCODER_FIELDS, _HEAD_FIELDS))
    for name, there in (log_mel | encoder).items():
      if chosen.get(name, there) != there:
        raise UserError(
          f"--init={self.model} does not fit: {name} is {there!r} there and {chosen[name]!r} here; "
          f"leave {name} out to go on from these weights"
        )
    self._require_named(encoder, chosen)
    if measured:
      front_end = {name: front_end[name] for name in front_end if name not in ("mean", "std")}
    names = {field.name for field in dataclasses.fields(config_class)}
    given = front_end | log_mel | encoder | head
    fields = {name: value for name, value in given.items() if name in names}
    self._require_values(config_class, fields)
    return fields | dict(chosen) | {"init_digest": self.digest}

  def _require_named(self, encoder: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    """Raises an error unless the user names the module that will be imported."""
    name = str(encoder.get("encoder", ""))
    if ":" in name and not name.startswith("keras:") and "encoder" not in chosen:
      raise UserError(
        f"--init={self.model} has an encoder that {name} built, and no module is imported because "
        f"a file names it: pass --encoder={name}, too"
      )

  def require_system(self, system: str) -> None:
    """Raises an error unless a system trained this run; those of others have other front ends.

    Args:
      system: the one that will go on.

    Raises:
      UserError: another system trained it.
    """
    if self.system != system:
      raise UserError(
        f"--init={self.model} does not fit: system is {self.system!r} there and {system!r} here, "
        f"whose log-mels are others; go on with python -m {self.system}.train"
      )

  def _require_values(self, config_class: type[SystemConfig], fields: Mapping[str, Any]) -> None:
    """Raises an error unless a configuration can hold what the record says; it may be damaged."""
    try:
      config_class(**fields)
    except (TypeError, UserError) as error:
      raise self._damaged(error) from error

  def _damaged(self, error: Exception) -> UserError:
    path = os.path.join(self.folder, CONFIG)
    return UserError(f"{path} is damaged ({reason_of(error)}): bring it back from a copy")

  def _front_end(self) -> Mapping[str, Any]:
    try:
      fields = self.config["input"]["config"]
      return {"mean": 0.0, "std": 1.0} | fields | {"log_mel": dict(fields["log_mel"])}
    except (KeyError, TypeError, ValueError) as error:
      raise self._damaged(error) from error

  def _network_fields(self, names: tuple[str, ...]) -> dict[str, Any]:
    fields = self.config["config"]
    return {name: fields[name] for name in names if name in fields}


def _weights_in(path: str) -> bytes:
  """Returns the weights in a .keras file, which is the same each time they are saved."""
  try:
    with zipfile.ZipFile(path) as archive:
      return archive.read(_WEIGHTS)  # compares its checksum
  except (OSError, zipfile.BadZipFile, KeyError) as error:
    raise UserError(f"{path} cannot be read ({reason_of(error)}): train it again") from error
