"""What both papers claim, and whether a measured table says that it holds.

A claim says that one row of a table is ahead of another. Differences are taken within each seed.
"""

import csv
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from contrastive_audio.utils.words import tenths
from downstream.cards.published_scores import AVERAGE
from downstream.papers.intervals import half_width

HOLDS, FAILS, UNTOLD, OPEN = "holds", "does not", "cannot be told", "open"


@dataclasses.dataclass(frozen=True)
class Claim:
  """One row of a table is ahead of another.

  Attributes:
    number: of the question that it belongs to.
    name: human-readable.
    source: where it is said.
    table: one of tables.MAKERS.
    ahead: row that is said to be ahead.
    behind: row that it is ahead of.
    published: how far in the paper, in points; None: not available to us.
    column: of the table.

  Example:
    >>> Claim(7, "bilinear beats cosine", "COLA, Table 3", "cola_similarity", "a", "b").file
    'cola_similarity-open.csv'
  """

  number: int
  name: str
  source: str
  table: str
  ahead: str
  behind: str
  published: float | None = None
  column: str = AVERAGE

  @property
  def file(self) -> str:
    """The result file of its table."""
    return f"{self.table}-open.csv"


def _sampling(name: str, behind: str) -> Claim:
  source = "mix-back, ablation of patch sampling"
  return Claim(1, name, source, "mixback_sampling", "random patches", behind)


def _mix(name: str, ahead: str, behind: str) -> Claim:
  source = "mix-back, ablation of the background"
  return Claim(2, name, source, "mixback_mix", ahead, behind)


def _views(name: str, ahead: str, behind: str) -> Claim:
  source = "mix-back, ablation of data augmentation"
  return Claim(3, name, source, "mixback_augment", ahead, behind)


def _temperature(other: str) -> Claim:
  name, table = f"temperature 0.2 is better than {other}", "mixback_temperature"
  source = "mix-back, released configuration"
  return Claim(4, name, source, table, "temperature 0.2", f"temperature {other}")


def _linear(encoder: str) -> list[Claim]:
  return [
    Claim(
      5,
      f"{encoder}: linear evaluation beats {behind}",
      "mix-back, linear evaluation",
      "mixback_linear",
      f"{encoder}, pre-trained",
      f"{encoder}, {behind}",
    )
    for behind in ("random weights", "supervised")
  ]


def _labels(encoder: str) -> list[Claim]:
  return [
    Claim(
      6,
      f"{encoder}: pre-training helps with {condition}, {task}",
      "mix-back, abstract",
      "mixback_finetune",
      f"{encoder}, pre-trained",
      f"{encoder}, from scratch",
      column=f"{task}, {condition}",
    )
    for condition in ("40 % flipped", "10 per class")
    for task in ("esc10_fold5", "instrument")
  ]


def _batch(table: str, other: str, published: float | None = None) -> Claim:
  equal = table.removeprefix("cola_batch_").replace("size", "steps")
  name = f"a batch of 1,024 beats {other}, at equal {equal}"
  return Claim(8, name, "COLA, Table 4", table, "1024", other, published)


def _downstream(ahead: str, behind: str, published: float) -> Claim:
  name = f"{ahead} beats {behind}"
  return Claim(11, name, "COLA, Table 1", "cola_downstream", ahead, behind, published)


_ENCODERS = ("frame_cnn", "ResNet-18", "VGG-like", "CRNN")
CLAIMS: tuple[Claim, ...] = (
  _sampling("two random patches beat one patch twice", "same patch"),
  _sampling("random patches beat separated ones", "separated patches"),
  _mix("mixing with other clips beats mixing within the clip", "other clips", "within the clip"),
  _mix("mixing with other clips beats none", "other clips", "no mix-back"),
  _mix("mixing within the clip beats none", "within the clip", "no mix-back"),
  _mix("small backgrounds beat large ones (alpha)", "other clips", "other clips with alpha 0.5"),
  _mix(
    "adjusting the energy helps",
    "other clips",
    "other clips without energy adjustment",
  ),
  _views("RRC beats none", "rrc", "none"),
  _views("compression adds to RRC", "rrc + compress", "rrc"),
  _views("noise adds to both", "rrc + compress + noise", "rrc + compress"),
  _views("SpecAugment adds to all", "all", "rrc + compress + noise"),
  *(_temperature(other) for other in ("0.1", "0.5", "1.0")),
  *(claim for encoder in _ENCODERS for claim in _linear(encoder)),
  *(claim for encoder in _ENCODERS for claim in _labels(encoder)),
  Claim(7, "bilinear beats cosine", "COLA, Table 3", "cola_similarity", "bilinear", "cosine", 7.1),
  _batch("cola_batch_size", "256", 5.7),
  _batch("cola_batch_size", "64"),
  _batch("cola_batch_clips", "256"),
  _batch("cola_batch_clips", "64"),
  Claim(
    9,
    "no augmentation is needed",
    "COLA, section 2",
    "cola_views",
    "no augmentation",
    "views of small",
  ),
  Claim(
    10,
    "LayerNorm and tanh end the projection",
    "COLA, section 2",
    "cola_projection",
    "LayerNorm and tanh",
    "dense layer alone",
  ),
  _downstream("COLA, frozen", "random weights", 45.2),
  _downstream("COLA, fine-tuned", "supervised", 1.2),
  _downstream("COLA, fine-tuned", "COLA, frozen", 10.8),
)


class Effect(NamedTuple):
  """How far one row is ahead of another.

  Attributes:
    mean: of the differences within a seed, in points.
    low: where the 95 % interval of the mean begins; NaN: one seed has none, nor have equal ones.
    high: where it ends.
    seeds: number of seeds.

  Example:
    >>> Effect(7.0, 5.0, 9.0, 3).text
    '+7.0 [+5.0, +9.0], 3 seeds'
    >>> Effect(0.4, math.nan, math.nan, 3).text
    '+0.4 in each of 3 seeds'
  """

  mean: float
  low: float
  high: float
  seeds: int

  @property
  def text(self) -> str:
    """Human-readable."""
    mean = tenths(self.mean, "+")
    if self.seeds < 2:
      return f"{mean}, 1 seed"
    if math.isnan(self.low):
      return f"{mean} in each of {self.seeds} seeds"
    return f"{mean} [{tenths(self.low, '+')}, {tenths(self.high, '+')}], {self.seeds} seeds"


Scores = Mapping[tuple[str, str], Mapping[str, float]]  # (row, column) -> seed -> %


def effect_of(claim: Claim, scores: Scores) -> Effect | None:
  """Returns what was measured of a claim; None: nothing.

  Args:
    claim: which rows, in which column.
    scores: of its table.

  Example:
    >>> claim = Claim(1, "a beats b", "here", "table", "a", "b")
    >>> scores = {("a", "average"): {"0": 60.0, "1": 64.0}, ("b", "average"): {"0": 50, "1": 53}}
    >>> effect_of(claim, scores).text
    '+10.5 [+4.1, +16.9], 2 seeds'
  """
  ahead, behind = (scores.get((row, claim.column), {}) for row in (claim.ahead, claim.behind))
  differences = np.array([ahead[seed] - behind[seed] for seed in ahead if seed in behind])
  if not len(differences):
    return None
  mean = float(differences.mean())
  spread = float(differences.std(ddof=1)) if len(differences) > 1 else np.nan
  width = float(half_width(spread, len(differences)))
  return Effect(mean, mean - width, mean + width, len(differences))


def verdict(effect: Effect | None) -> str:
  """Returns whether a claim holds: by the interval alone.

  Example:
    >>> verdict(Effect(7.0, 5.0, 9.0, 3)), verdict(Effect(7.0, -1.0, 15.0, 3)), verdict(None)
    ('holds', 'cannot be told', 'open')
  """
  if effect is None:
    return OPEN
  if effect.low > 0:
    return HOLDS
  return FAILS if effect.high < 0 else UNTOLD


def why(effect: Effect | None) -> str:
  """Returns the reason of a verdict.

  Example:
    >>> why(Effect(7.0, -1.0, 15.0, 3))
    '0 lies within the interval; an effect above 8.0 would have been seen'
  """
  if effect is None:
    return "not measured yet"
  if effect.seeds < 2:
    return "one seed has no interval"
  if math.isnan(effect.low):
    return "the seeds agree to the clip, which says nothing about others"
  if verdict(effect) == UNTOLD:
    width = (effect.high - effect.low) / 2
    return f"0 lies within the interval; an effect above {width:.1f} would have been seen"
  return "all of the interval is on one side of 0"


def read_scores(path: str | os.PathLike) -> Scores:
  """Reads the scores of a result file, of each seed.

  Args:
    path: as `downstream.tables` writes it; a file that is not there has none.

  Example:
    >>> read_scores("not/measured/yet.csv")
    {}
  """
  if not os.path.exists(path):
    return {}
  with open(path, newline="", encoding="utf-8") as file:
    return {
      (row["variant"], row["task"]): {
        name: float(value) for name, value in row.items() if name.startswith("seed_") and value
      }
      for row in csv.DictReader(file)
    }


def rows_of(claims: Sequence[Claim], folder: str | os.PathLike) -> list[list[str]]:
  """Returns a row for each claim, with its verdict and the reason.

  Args:
    claims: some claims.
    folder: of the result files.

  Returns:
    Number, claim, source, published effect, measured effect, verdict, why.

  Example:
    >>> rows_of(CLAIMS[:1], "no/results")[0][-2:]
    ['open', 'not measured yet']
  """
  rows = []
  for claim in claims:
    effect = effect_of(claim, read_scores(os.path.join(folder, claim.file)))
    published = "" if claim.published is None else tenths(claim.published, "+")
    measured = effect.text if effect else ""
    names = [str(claim.number), claim.name, claim.source]
    rows.append([*names, published, measured, verdict(effect), why(effect)])
  return rows
