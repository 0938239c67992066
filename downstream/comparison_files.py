"""What a comparison of models prints and writes: a table, one sentence, a plot."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures, markdown_table
from contrastive_audio.utils.figures import plain, shorten
from contrastive_audio.utils.files import read_json, write_json
from contrastive_audio.utils.spreadsheets import write_csv
from contrastive_audio.utils.words import counted, tenths
from downstream.choices import Condition
from downstream.comparison_request import ComparisonRequest

_RESULT = "worth.json"
_SHAPES = "os^DvXP*"


@dataclasses.dataclass(frozen=True)
class Row:
  """A model under one condition.

  Attributes:
    model: its name.
    condition: how many labels there were.
    score: in %, the mean over seeds.
    interval: limits of its 95 % interval, in %.
    gain: by how much the judged model is better, in points; None: it is the judged one.
    gain_interval: limits of its 95 % interval, in points.

  Example:
    >>> Row("runs/mine", Condition(), 81.0, (75.0, 86.0)).gain is None
    True
  """

  model: str
  condition: Condition
  score: float
  interval: tuple[float, float]
  gain: float | None = None
  gain_interval: tuple[float, float] = (0.0, 0.0)


def verdict(rows: Sequence[Row]) -> str:
  """Returns one sentence: what the judged model gains over the best other one, by labels.

  Args:
    rows: of all conditions; of each condition, first that of the judged model.

  Example:
    >>> few, full = Condition(10), Condition()
    >>> print(verdict([
    ...   Row("A", few, 70.0, (66.0, 74.0)), Row("B", few, 64.0, (60.0, 68.0), 6.0, (4.0, 8.0)),
    ...   Row("A", full, 90.0, (88.0, 92.0)), Row("B", full, 89.8, (87.7, 92.0), 0.2, (-1.0, 1.4)),
    ... ]))
    A gains 6.0 ± 2.0 points over B with 10 labels for each class; nothing over B with all labels...
  """
  clauses: list[str] = []
  for condition in dict.fromkeys(row.condition for row in rows):
    others = [row for row in rows if row.condition == condition and row.gain is not None]
    clauses.append(_clause(max(others, key=lambda row: row.score), verb=not clauses))
  return f"{rows[0].model} {'; '.join(clauses)}"


def _clause(best: Row, verb: bool) -> str:
  """Returns what is gained over one model; the first clause says that it is about gains."""
  low, high = best.gain_interval
  gain, margin = best.gain or 0.0, (high - low) / 2
  number = best.condition.labels_per_class
  labels = f"{counted(number, 'label')} for each class" if number else "all labels"
  if low <= 0 <= high:
    gained = "gains nothing" if verb else "nothing"
    return f"{gained} over {best.model} with {labels} ({tenths(gain)} ± {margin:.1f})"
  gained = "gains" if gain > 0 else "loses"
  against = "over" if gain > 0 else "against"
  return f"{gained} {abs(gain):.1f} ± {margin:.1f} points {against} {best.model} with {labels}"


def _gain(row: Row) -> str:
  gain, low, high = (tenths(value, "+") for value in (row.gain or 0.0, *row.gain_interval))
  return f"{gain} ({low} to {high})"


def print_comparison(request: ComparisonRequest, metric: str, rows: Sequence[Row]) -> None:
  """Prints the table and the sentence.

  Args:
    request: what was compared.
    metric: of the scores.
    rows: see `verdict`.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> request = ComparisonRequest(("mine", "x"), TaskChoice("esc50"), seeds=(0,))
    >>> print_comparison(request, "accuracy", [
    ...   Row("mine", Condition(), 90.0, (88.0, 92.0)),
    ...   Row("x", Condition(), 86.0, (83.0, 89.0), 4.0, (2.0, 6.0)),
    ... ])
    | accuracy in % (95 % interval) | all labels          |
    | ----------------------------- | ------------------- |
    | mine                          | 90.0 (88.0 to 92.0) |
    | x                             | 86.0 (83.0 to 89.0) |
    | gain over x, in points        | +4.0 (+2.0 to +6.0) |
    worth      mine gains 4.0 ± 2.0 points over x with all labels; 1 seed
  """
  conditions = list(dict.fromkeys(row.condition for row in rows))
  headings = [f"{metric} in % (95 % interval)", *(condition.name for condition in conditions)]
  by_model = {name: [row for row in rows if row.model == name] for name in request.models}
  lines = [
    [name, *(f"{row.score:.1f} ({row.interval[0]:.1f} to {row.interval[1]:.1f})" for row in own)]
    for name, own in by_model.items()
  ]
  for name, own in list(by_model.items())[1:]:
    cells = [_gain(row) for row in own]
    lines.append([f"gain over {name}, in points", *cells])
  markdown_table.show(headings, lines)
  line("worth", f"{verdict(rows)}; {counted(len(request.seeds), 'seed')}")


def require_own(folder: str, request: ComparisonRequest) -> None:
  """Raises an error if a folder holds the comparison of another model, or on another task.

  Args:
    folder: value of --output.
    request: what will be compared.

  Raises:
    UserError: what it holds.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> write_json(_RESULT, {"models": ["runs/other"], "task": "esc50"})
    >>> require_own(".", ComparisonRequest(("runs/mine",), TaskChoice("esc50")))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=. holds the comparison of runs/other on esc50: ...
  """
  content = None
  with contextlib.suppress(OSError, ValueError):
    content = read_json(os.path.join(folder, _RESULT))
  if not isinstance(content, dict):
    return
  model, task = (content.get("models") or [None])[0], content.get("task")
  if (model, task) != (request.models[0], request.task.name):
    raise UserError(
      f"--output={folder} holds the comparison of {model} on {task}: choose another folder, or "
      "delete it"
    )


def write_comparison(request: ComparisonRequest, metric: str, rows: Sequence[Row]) -> None:
  """Writes worth.json, worth.csv and worth.png into the folder of the request.

  Args:
    request: what was compared.
    metric: of the scores.
    rows: see `verdict`.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> request = ComparisonRequest(("mine", "x"), TaskChoice("esc50"), output=".")
    >>> write_comparison(request, "accuracy", [
    ...   Row("mine", Condition(), 90.0, (88.0, 92.0)),
    ...   Row("x", Condition(), 86.0, (83.0, 89.0), 4.0, (2.0, 6.0)),
    ... ])
    results    . (worth.json, worth.csv, worth.png)
    >>> sorted(os.listdir())
    ['worth.csv', 'worth.json', 'worth.png']
  """
  folder = request.output or "."
  content = {
    "models": list(request.models),
    "task": request.task.name,
    "metric": metric,
    "seeds": list(request.seeds),
    "verdict": verdict(rows),
    "results": [dataclasses.asdict(row) for row in rows],
  }
  names = ("model", "labels", "score", "low", "high", "gain", "gain_low", "gain_high")
  table = [
    [row.model, row.condition.name, row.score, *row.interval]
    + (["", "", ""] if row.gain is None else [row.gain, *row.gain_interval])
    for row in rows
  ]
  write_csv(os.path.join(folder, "worth.csv"), [names, *table])
  _draw(os.path.join(folder, "worth.png"), request, metric, rows)
  write_json(os.path.join(folder, _RESULT), content)
  line("results", f"{folder} ({_RESULT}, worth.csv, worth.png)")


def _draw(path: str, request: ComparisonRequest, metric: str, rows: Sequence[Row]) -> None:
  """Draws scores on the left and gains of the judged model on the right, by number of labels."""
  figure, (left, right) = figures.subplots(1, 2, figsize=(11, 4.2))
  conditions = list(dict.fromkeys(row.condition for row in rows))
  for number, name in enumerate(request.models):
    own = [row for row in rows if row.model == name]
    shift = 0.09 * (number - (len(request.models) - 1) / 2)
    places = [conditions.index(row.condition) + shift for row in own]
    style = {
      "color": figures.COLOURS[number % len(figures.COLOURS)],
      "marker": _SHAPES[number % len(_SHAPES)],
      "linestyle": "-" if number == 0 else "--",
      "capsize": 3,
      "label": shorten(name),
    }
    _draw_bars(left, places, [(row.score, row.interval) for row in own], style)
    if number:
      _draw_bars(right, places, [(row.gain or 0.0, row.gain_interval) for row in own], style)
  right.axhline(0, color="black", linewidth=0.8)
  left.set_ylabel(f"{metric} (%), with 95 % interval")
  right.set_ylabel(f"gain of {shorten(request.models[0])} (points)")
  for axis in (left, right):
    axis.set_xticks(range(len(conditions)), [condition.name for condition in conditions])
    axis.set_xlim(-0.5, len(conditions) - 0.5)
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8)
  figure.suptitle(plain(f"{request.task.name}, {counted(len(request.seeds), 'seed')}"), fontsize=11)
  figures.save(figure, path)


def _draw_bars(
  axis: Axes,
  places: list[float],
  values: list[tuple[float, tuple[float, float]]],
  style: dict[str, Any],
) -> None:
  """Draws (value, its interval) pairs at some places."""
  means = [mean for mean, _ in values]
  reach = [[mean - low for mean, (low, _) in values], [high - mean for mean, (_, high) in values]]
  axis.errorbar(places, means, yerr=reach, **style)
