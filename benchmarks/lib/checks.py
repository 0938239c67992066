"""Checks of a machine: each is bounded in time, and what it finds is written at once."""

import csv
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.lib.fault_worker import Worker
from contrastive_audio.utils.files import make_folder, replacing

OK, DIFFERS, NOT_CHECKED = "ok", "differs", "not checked"
COLUMNS = ("check", "found", "verdict", "why", "seconds", "conditions")
_SHORTEST_S = 5.0  # no check is started with less time
_NO_TIME = "no time left: run the same command again to go on"

Row = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Finding:
  """What a check found.

  Attributes:
    found: numbers; empty: nothing was found, the check failed.
    verdict: OK, DIFFERS or NOT_CHECKED.
    why: of a verdict other than OK.
  """

  found: str
  verdict: str = OK
  why: str = ""


@dataclasses.dataclass(frozen=True)
class Check:
  """A check, which can be sent to another process.

  Attributes:
    group: what a person chooses checks by.
    name: of the row of the table.
    limit_s: then it is ended.
    function: returns a Finding; at the top level of a module.
    arguments: of the function.
    place: "shared": in a process with other checks; "own": in a fresh one; "here": in this one, as
      it starts processes itself, which it ends in time: its last argument says after how many s.
  """

  group: str
  name: str
  limit_s: float
  function: Callable[..., Finding]
  arguments: tuple[Any, ...] = ()
  place: str = "shared"


def answer(check: Check) -> Finding:
  """Runs a check in this process; a failure is a Finding.

  Example:
    >>> answer(Check("numbers", "half", 1.0, Finding, (f"{1 / 2}",)))
    Finding(found='0.5', verdict='ok', why='')
    >>> answer(Check("numbers", "none", 1.0, int, ("none",))).why
    "ValueError: invalid literal for int() with base 10: 'none'"
  """
  try:
    return check.function(*check.arguments)
  except Exception as error:  # whatever it is, the other checks go on
    return failed(f"{type(error).__name__}: {error}")


def failed(why: str) -> Finding:
  """Returns the Finding of a check that found nothing.

  Example:
    >>> failed("out of memory\\nwhile ...").why
    'out of memory'
  """
  lines = [line.strip() for line in why.splitlines() if line.strip()]
  return Finding("", NOT_CHECKED, (lines or ["no reason"])[0][:200])


class Results:
  """The rows of a CSV file, or of this process only; rows of other conditions do not count.

  Example:
    >>> results = Results("new/gpu.csv", "2 cores")
    >>> results.add("half", Finding("0.5"), seconds=1.0)
    >>> Results("new/gpu.csv", "2 cores").row("half")["found"]
    '0.5'
    >>> Results("new/gpu.csv", "4 cores").row("half") is None
    True
  """

  def __init__(self, path: str | None, conditions: str):
    """Reads the file, if there is one.

    Args:
      path: of the file; None: nothing is kept.
      conditions: what findings depend on.
    """
    self._path, self._conditions = path, conditions
    self._rows: dict[str, Row] = {}
    if path and os.path.exists(path):
      with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("conditions") == conditions]
      self._rows = {row["check"]: row for row in rows}

  def row(self, name: str) -> Row | None:
    """Returns the row of a check that has found something before."""
    row = self._rows.get(name)
    return row if row and row["found"] else None

  def add(self, name: str, finding: Finding, seconds: float) -> None:
    """Keeps what a check found, in the file at once."""
    values = (name, finding.found, finding.verdict, finding.why, f"{seconds:.0f}", self._conditions)
    self._rows[name] = dict(zip(COLUMNS, values))
    if self._path is None:
      return
    make_folder(os.path.dirname(os.path.abspath(self._path)))
    with (
      replacing(self._path) as unfinished,
      open(unfinished, "w", newline="", encoding="utf-8") as file,
    ):
      writer = csv.DictWriter(file, COLUMNS)
      writer.writeheader()
      writer.writerows(self._rows.values())


def run(
  checks: Sequence[Check], results: Results, total_s: float, worker: Worker
) -> Iterator[tuple[str, Finding, bool]]:
  """Runs the checks that have found nothing yet; yields (name, what was found, whether anew).

  Args:
    checks: in the order in which they run.
    results: where rows are kept.
    total_s: of all of them; those that have no time left say so, and nothing of them is kept.
    worker: of `answer`; the process that checks share, and others.

  Example:
    >>> def bounded(limit_s):
    ...   return Finding(f"{limit_s:.0f}")
    >>> checks = [Check("numbers", "bound", 9.0, bounded, place="here")]
    >>> found = run(checks, Results(None, ""), 60.0, Worker(answer))
    >>> [(name, finding.found) for name, finding, _ in found]
    [('bound', '9')]
  """
  end_s = time.monotonic() + total_s
  for check in checks:
    if row := results.row(check.name):
      yield check.name, Finding(row["found"], row["verdict"], row["why"]), False
      continue
    start_s = time.monotonic()
    left_s = end_s - start_s
    if left_s < min(_SHORTEST_S, check.limit_s):
      yield check.name, failed(_NO_TIME), True
      continue
    finding = _run_one(check, worker, min(check.limit_s, left_s))
    if not finding.found and time.monotonic() >= end_s:
      finding = failed(_NO_TIME)
    results.add(check.name, finding, time.monotonic() - start_s)
    yield check.name, finding, True


def _run_one(check: Check, worker: Worker, limit_s: float) -> Finding:
  if check.place == "here":
    return answer(dataclasses.replace(check, arguments=(*check.arguments, limit_s)))
  if check.place == "own":
    worker.close()
  outcome = worker.ask(check, limit_s)
  if check.place == "own":
    worker.close()
  if isinstance(outcome, Finding):
    return outcome
  took_long = outcome.startswith("hang")
  return failed(f"not done after {limit_s:.0f} s" if took_long else outcome)
