"""What a campaign of faults has found: how often each outcome, and which cases were wrong."""

import collections
import csv
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence

from contrastive_audio.cli.console import line
from contrastive_audio.utils.files import make_folder, replacing

HEADER = ["campaign", "tried", "outcome", "is_wrong", "count"]
_MAX_SHOWN = 5  # cases of a wrong outcome


@dataclasses.dataclass
class Tally:
  """Outcomes of one campaign.

  Attributes:
    campaign: its name.
    wrong: outcomes that must not be.
    counts: outcome -> how often.

  Example:
    >>> tally = Tally("fuzz", wrong=("crash",))
    >>> tally.add("refused", "file 0"), tally.add("crash: signal 11", "file 1")
    wrong      fuzz, file 1: crash: signal 11
    (None, None)
    >>> tally.num_tried, tally.num_wrong, tally.rows()[-1]
    (2, 1, ['fuzz', 2, 'crash', True, 1])
  """

  campaign: str
  wrong: Sequence[str]
  counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)

  def add(self, outcome: str, case: str) -> None:
    """Counts an outcome, and prints the case if it is wrong.

    Args:
      outcome: one word or two; what follows a colon is only printed.
      case: how to find it again.
    """
    name = outcome.partition(":")[0]
    self.counts[name] += 1
    if name in self.wrong and self.counts[name] <= _MAX_SHOWN:
      line("wrong", f"{self.campaign}, {case}: {outcome}")

  @property
  def num_tried(self) -> int:
    """Number of all cases."""
    return sum(self.counts.values())

  @property
  def num_wrong(self) -> int:
    """Number of cases with an outcome that must not be."""
    return sum(self.counts[name] for name in self.wrong)

  def rows(self) -> list[list]:
    """Returns the rows of the result file: all outcomes, wrong ones even if there were none."""
    names = [name for name in self.counts if name not in self.wrong] + list(self.wrong)
    return [
      [self.campaign, self.num_tried, name, name in self.wrong, self.counts[name]] for name in names
    ]


def within(minutes: float, count: int) -> Iterator[int]:
  """Yields 0, 1, ... below a count, until the time is over.

  Args:
    minutes: the time.
    count: number of cases.

  Example:
    >>> list(within(1.0, 3)), list(within(0.0, 3))
    ([0, 1, 2], [])
  """
  end_s = time.monotonic() + 60 * minutes
  for number in range(count):
    if time.monotonic() >= end_s:
      return
    yield number


def write(path: str, tallies: Sequence[Tally]) -> None:
  """Writes the result file.

  Args:
    path: of the CSV file.
    tallies: one for each campaign.

  Example:
    >>> write("faults.csv", [Tally("fuzz", wrong=("crash",))])
    >>> with open("faults.csv") as file:
    ...   file.read().split()
    ['campaign,tried,outcome,is_wrong,count', 'fuzz,0,crash,True,0']
  """
  make_folder(os.path.dirname(os.path.abspath(path)))
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    csv.writer(file).writerows([HEADER, *(row for tally in tallies for row in tally.rows())])
