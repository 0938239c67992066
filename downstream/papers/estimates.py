"""How long trainings and measurements take, and how much they store: as those before them did."""

import contextlib
import glob
import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import read_json
from contrastive_audio.utils.json_lines import read_rows
from contrastive_audio.utils.words import about, counted
from downstream.choices import Condition
from downstream.model_names import folder_of
from downstream.papers.measurement import Measurement, PretrainingChoice

# What decides how long a number takes; other numbers tell the less, the less of it they share.
_SHARED = {
  ("method", "column", "network"): "what the same took with other seeds",
  ("method", "column"): "what the same tasks took with other networks",
  ("method", "network"): "what other tasks took",
  ("method",): "what other tasks took with other networks",
  (): "what other methods took",
}


class Estimate(NamedTuple):
  """A number, and what it is based on.

  Attributes:
    value: seconds or bytes.
    basis: human-readable.

  Example:
    >>> Estimate(60.0, "31 pairs/s, the median of 3 runs of cola, efficientnet_b0").value
    60.0
  """

  value: float
  basis: str


class Estimates:
  """What the runs and results of a laboratory say about those to come.

  Example:
    >>> number = Measurement("logmel_stats", "linear", "esc50")
    >>> Estimates("tables").measuring(number) is None  # nothing has been measured there
    True
  """

  def __init__(self, folder: str):
    """Reads the folder.

    Args:
      folder: of the laboratory.
    """
    self._pairs_per_s: dict[str, list[float]] = {}
    self._run_bytes: dict[str, list[float]] = {}
    self._around_s: list[float] = []  # of a run: evaluations and export, without its steps
    self._measured_s: dict[tuple[str, ...], list[float]] = {}  # by what numbers share
    for path in glob.glob(os.path.join(glob.escape(folder), "runs", "*", "config.json")):
      self._read_run(path)
    for path in glob.glob(os.path.join(glob.escape(folder), "results", "*.json")):
      self.read_result(path)

  def read_result(self, path: str) -> None:
    """Adds a measurement.

    Args:
      path: its file.
    """
    content = _read(path)
    seconds = content.get("measured_s")
    if not isinstance(seconds, float):  # results of early versions do not say how long they took
      return
    condition, network = Condition(**content["condition"]), _network(content["model"])
    decisive = _decisive(content["method"], content["task"], condition, network)
    for shared in _SHARED:
      self._measured_s.setdefault(_key(decisive, shared), []).append(seconds)

  def training(self, resolved: Mapping[str, Any]) -> Estimate | None:
    """Returns the seconds that a training will take; None: nothing has been trained.

    Args:
      resolved: see Pretrainings.resolved.
    """
    rate = _median(self._pairs_per_s, _kind(resolved), "run", lambda value: f"{value:.0f} pairs/s")
    if rate is None:
      return None
    # Of a run that was interrupted, the time around it says nothing; most were not.
    around_s = statistics.median_low(self._around_s or [0.0])
    basis = f"{rate.basis} and {about(around_s)} around each" if around_s else rate.basis
    return Estimate(_pairs(resolved) / rate.value + around_s, basis)

  def run_bytes(self, resolved: Mapping[str, Any]) -> Estimate | None:
    """Returns the size of the run folder of a training; None: no training has ended."""
    return _median(
      self._run_bytes, _kind(resolved), "run", lambda value: f"{value / 1e6:.0f} MB a run"
    )

  def measuring(
    self, measurement: Measurement, resolved: Mapping[str, Any] | None = None
  ) -> Estimate | None:
    """Returns the seconds that a number will take, as those that share most with it did.

    Args:
      measurement: which number.
      resolved: of its pre-training, see Pretrainings.resolved; None: it has none, or it is not
        known yet.

    Returns:
      None: nothing has been measured.
    """
    network = _kind(resolved) if resolved else _network_of(measurement.model)
    decisive = _decisive(measurement.method, measurement.task, measurement.condition, network)
    for shared, basis in _SHARED.items():
      if seconds := self._measured_s.get(_key(decisive, shared)):
        return Estimate(statistics.median(seconds), basis)
    return None

  def _read_run(self, path: str) -> None:
    folder = os.path.dirname(path)
    try:
      settings = _read(path)
      kind = _kind(settings)
    except (KeyError, TypeError):  # damaged
      return
    rates = [row["pairs_per_s"] for row in read_metrics(folder) if row.get("pairs_per_s")]
    if rates:
      self._pairs_per_s.setdefault(kind, []).append(statistics.median(rates))
    exported = os.path.join(folder, "saved_model", "saved_model.pb")
    if os.path.exists(exported):
      self._run_bytes.setdefault(kind, []).append(_size(folder))
      if rates:
        whole_s = os.path.getmtime(exported) - os.path.getmtime(path)
        self._around_s.append(max(0.0, whole_s - _pairs(settings) / statistics.median(rates)))


def read_metrics(folder: str) -> list[dict[str, float]]:
  """Returns the rows of metrics.jsonl of a run; without TensorFlow, which runs.Run needs.

  Args:
    folder: of the run.

  Example:
    >>> read_metrics("no/such/run")
    []
  """
  return read_rows(os.path.join(folder, "metrics.jsonl")).rows


def _kind(settings: Mapping[str, Any]) -> str:
  """What decides about the speed of a training: the network."""
  return f"{settings['system']}, {settings['config']['encoder']}"


def _network(model: str) -> str:
  """Returns the network of a run folder; of other models their names."""
  with contextlib.suppress(KeyError, TypeError, UserError):
    return _kind(_read(os.path.join(folder_of(model), "config.json")))
  return model


def _network_of(model: PretrainingChoice | str) -> str:
  if isinstance(model, str):
    return _network(model)
  return f"{model.system}, {dict(model.options).get('encoder', 'the default')}"


def _decisive(method: str, task: str, condition: Condition, network: str) -> dict[str, str]:
  return {"method": method, "column": f"{task}, {condition.name}", "network": network}


def _key(decisive: Mapping[str, str], shared: Iterable[str]) -> tuple[str, ...]:
  return tuple(f"{name}={decisive[name]}" for name in shared)


def _pairs(settings: Mapping[str, Any]) -> int:
  return settings["config"]["steps"] * settings["config"]["batch_size"]


def _median(
  values: Mapping[str, list[float]], kind: str, noun: str, show: Callable[[float], str]
) -> Estimate | None:
  """Returns the median of the values of a kind; of all kinds, if it has none."""
  chosen = values.get(kind) or [value for each in values.values() for value in each]
  if not chosen:
    return None
  value = statistics.median(chosen)
  source = kind if kind in values else f"other kinds than {kind}"
  return Estimate(value, f"{show(value)} ({counted(len(chosen), noun)} of {source})")


def _size(folder: str) -> int:
  return sum(os.path.getsize(path) for path in _files(folder))


def _files(folder: str) -> Iterable[str]:
  return (os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


def _read(path: str) -> dict[str, Any]:
  """Returns the content of a JSON file; nothing, if it is damaged."""
  with contextlib.suppress(OSError, ValueError):
    if isinstance(content := read_json(path), dict):
      return content
  return {}
