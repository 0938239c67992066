"""python docs/pages.py: fills the tables of README and docs from result files and from the code.

A table stands between a marker and `<!-- end -->`. The markers are

  <!-- results: FILE.csv -->          a file of docs/results, from downstream.tables or a benchmark
  <!-- fields: cola -->               all fields of a configuration
  <!-- recipe: cola small -->         what a recipe changes, and why
  <!-- scaling: traffic -->           the cost model: traffic, logits or epochs
  <!-- faults: FILE.csv -->           a file of docs/results, from benchmarks.faults
  <!-- claims: all -->                what both papers claim, by TABLE-open.csv of docs/results
  <!-- claims: 7 -->                  the same, one question; 7 stands for its number
  <!-- curves: FILE.csv -->           a file of docs/results, from downstream.tables --suite=open
"""

import collections
import csv
import dataclasses
import inspect
import pathlib
import re
from collections.abc import Collection, Iterator

import cola.config
import mixback.config
from benchmarks.lib import cost_model
from contrastive_audio.configuration import RunConfig
from contrastive_audio.utils import markdown_table
from contrastive_audio.views.augmentation_config import AugmentConfig
from downstream.papers.claims import CLAIMS, rows_of
from downstream.papers.results import MARK

DOCS = pathlib.Path(__file__).parent
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
SYSTEMS = {"cola": cola.config, "mixback": mixback.config}
# As benchmarks.lib.cost_model.of_model counts the papers' models; a test compares them.
EXAMPLES = {
  "COLA, EfficientNet-B0": cost_model.Training(
    weights=4_926_012,
    normalised_channels=21_008,
    normalisation_layers=49,
    projection_units=512,
    gathers=1,
    mixed_floats=0,
    excerpts=2,
    excerpt_samples=15_600,
  ),
  "mix-back, ResNet-18": cost_model.Training(
    weights=11_696_576,
    normalised_channels=10_624,
    normalisation_layers=42,
    projection_units=512,
    gathers=2,
    mixed_floats=2 * 101 * 96,
    excerpts=2,
    excerpt_samples=24_048,
  ),
}
# Of the table of epochs; pairs/s of an H100, docs/speed.md.
AUDIOSET_CLIPS, PAIRS_PER_S, STEP_WAIT_S = 1_900_000, 3172.0, 0.02
_TABLE = re.compile(
  r"(<!-- (results|fields|recipe|scaling|faults|claims|curves): ([^>]*?) -->\n).*?(<!-- end -->)",
  re.DOTALL,
)
_FIELD = re.compile(r"^  (\w+): [^=]+= (?:.*?)(?:  # (.*))?$")
_SECTION = re.compile(r"^  # (.*)$")

Table = tuple[list[str], list[list]]  # headings, rows


def main() -> None:
  for page in PAGES:
    text = page.read_text(encoding="utf-8")
    if (filled := fill(text)) != text:
      page.write_text(filled, encoding="utf-8")
      print(f"filled {page.name}")


def fill(text: str) -> str:
  """Returns a page with its tables rebuilt."""

  def rebuild(match: re.Match) -> str:
    headings, rows = TABLES[match[2]](*match[3].split())
    lines = markdown_table.lines(headings, rows)
    return match[1] + "".join(f"{line}\n" for line in lines) + match[4]

  return _TABLE.sub(rebuild, text)


def results(name: str) -> Table:
  """Returns the table of a result file: variants are rows, tasks columns."""
  cells: dict[str, dict[str, str]] = {}
  tasks: dict[str, None] = {}
  rows = read(DOCS / "results" / name)
  most = max((len(row["seeds"]) for row in rows), default=0)
  for row in rows:
    number = len(row["seeds"])
    spread = f" ± {row['std']:.1f}" if number > 1 else ""
    fewer = f" ({number} of {most} seeds)" if number < most else ""
    variant = f"{row['variant']} {MARK}" if row["flagged"] else row["variant"]
    cells.setdefault(variant, {})[row["task"]] = f"{row['mean']:.1f}{spread}{fewer}"
    tasks[row["task"]] = None
  lines = [[name, *(scores.get(task, "") for task in tasks)] for name, scores in cells.items()]
  return ["", *tasks], lines


def read(path: pathlib.Path) -> list[dict]:
  """Returns the rows of a result file: variant, task, mean, std, seeds (numbers), flagged."""
  with open(path, newline="", encoding="utf-8") as file:
    rows = [row for row in csv.DictReader(file) if row["mean"]]
  return [
    {
      "variant": row["variant"],
      "task": row["task"],
      "mean": float(row["mean"]),
      "std": float(row["std"] or "nan"),
      "seeds": [float(row[name]) for name in row if name.startswith("seed_") and row[name]],
      "flagged": bool(row.get("flagged")),
    }
    for row in rows
  ]


def fields(system: str) -> Table:
  """Returns the table of all fields of a configuration, with the comments of the code."""
  config_class = SYSTEMS[system].Config
  defaults = config_class()
  rows: dict[str, list[str]] = {}
  for owner in (config_class, AugmentConfig, RunConfig):
    for name, comment, section in described_fields(owner):
      default = getattr(defaults, name)
      shown = "''" if default == "" else default
      row = [f"`{name}`", f"`{shown}`", comment, section]
      rows.setdefault(name, row)
  names = {field.name for field in dataclasses.fields(config_class)}
  if undescribed := names ^ rows.keys():
    raise ValueError(f"fields that do not stand on one line of their class: {undescribed}")
  return ["field", "default", "meaning, source", "part"], list(rows.values())


def described_fields(owner: type) -> Iterator[tuple[str, str, str]]:
  """Yields (name, comment, section) of each field that a class defines, from its source."""
  section = ""
  for line in inspect.getsource(owner).splitlines():
    if match := _SECTION.match(line):
      section = match[1]
    if match := _FIELD.match(line):
      yield match[1], match[2] or "", section


def recipe(system: str, name: str) -> Table:
  """Returns the table of what a recipe changes."""
  paper = SYSTEMS[system].Config()
  rows = [
    [f"`{field}`", getattr(paper, field), deviation.value, deviation.reason]
    for field, deviation in SYSTEMS[system].RECIPES[name].items()
  ]
  return ["field", "paper", name, "why"], rows


def scaling(subject: str) -> Table:
  """Returns a table of the cost model."""
  return {"traffic": _traffic, "logits": _logits, "epochs": _epochs}[subject]()


def faults(name: str) -> Table:
  """Returns the table of the outcomes of each campaign; without rows until it was measured."""
  path, counts = DOCS / "results" / name, collections.defaultdict(list)
  if path.exists():
    with open(path, newline="", encoding="utf-8") as file:
      for row in csv.DictReader(file):
        outcome = f"{int(row['count']):,} {row['outcome']}"
        counts[row["campaign"], int(row["tried"])].append((row["is_wrong"] == "True", outcome))
  rows = [
    [campaign, f"{tried:,}", *(_outcomes(found, is_wrong) for is_wrong in (False, True))]
    for (campaign, tried), found in counts.items()
  ]
  return ["campaign", "tried", "as promised", "wrong"], rows


def _outcomes(found: list[tuple[bool, str]], is_wrong: bool) -> str:
  return ", ".join(outcome for wrong, outcome in found if wrong == is_wrong)


def claims(number: str) -> Table:
  """Returns the table of the claims: of one question, or of all."""
  chosen = [claim for claim in CLAIMS if number in ("all", str(claim.number))]
  headings = ["", "claim", "where", "in the paper", "here", "verdict", "why"]
  return headings, rows_of(chosen, DOCS / "results")


def curves(name: str) -> Table:
  """Returns kNN and linear accuracy against steps, means over seeds; no rows until measured.

  Trainings of different lengths are shown after each sixth of their steps.
  """
  path, scores = DOCS / "results" / name, collections.defaultdict(list)
  if path.exists():
    with open(path, newline="", encoding="utf-8") as file:
      for row in csv.DictReader(file):
        pair = (float(row["knn_accuracy"]), float(row["linear_accuracy"]))
        scores[row["variant"], int(row["step"])].append(pair)
  known: dict[str, list[int]] = {}
  for variant, step in scores:
    known.setdefault(variant, []).append(step)
  if len({max(steps) for steps in known.values()}) > 1:
    shares = {variant: _sixths(steps) for variant, steps in known.items()}
    headings = ["kNN / linear, after", "0 steps", *(f"{n}/6" for n in range(1, 6)), "all"]
  else:
    shares = dict.fromkeys(known, sorted({step for steps in known.values() for step in steps}))
    headings = ["kNN / linear, after step", *map(str, next(iter(shares.values()), []))]
  return headings, [
    [variant, *(_both(scores.get((variant, step), [])) for step in steps)]
    for variant, steps in shares.items()
  ]


def _sixths(steps: list[int]) -> list[int]:
  """Returns the steps that are nearest to each sixth of the last."""
  return [min(steps, key=lambda step: abs(step - max(steps) * n / 6)) for n in range(7)]


def _both(pairs: list[tuple[float, float]]) -> str:
  """Returns the means of (kNN, linear) pairs."""
  return " / ".join(f"{sum(scores) / len(scores):.1f}" for scores in zip(*pairs))


TABLES = {
  "claims": claims,
  "curves": curves,
  "results": results,
  "fields": fields,
  "recipe": recipe,
  "scaling": scaling,
  "faults": faults,
}


def _traffic() -> Table:
  rows, names = [], []
  for name, training in EXAMPLES.items():
    for batch_size, replicas in ((1024, 8), (8192, 8), (8192, 64)):
      sent = cost_model.sent_bytes(training, batch_size, replicas)
      names = [f"{what}, MB" for what in sent]
      rows.append([name, batch_size, replicas, *_megabytes_per_link(sent.values(), replicas)])
  return ["", "G", "R", *names, "all, MB"], rows


def _megabytes_per_link(sent: Collection[int], replicas: int) -> list[str]:
  """Returns each number, and the sum of all."""
  numbers = [f"{count / replicas / 1e6:.1f}" for count in sent]
  return [*numbers, f"{sum(sent) / replicas / 1e6:.0f}"]


def _logits() -> Table:
  rows = []
  for batch_size in (1024, 8192, 65_536):
    for replicas in (1, 8):
      sizes = [cost_model.logits_bytes(batch_size, replicas, views) for views in (1, 2)]
      sizes.append(cost_model.logits_bytes(batch_size, replicas, block=256))
      rows.append([batch_size, replicas, *(f"{size / 1e6:,.0f}" for size in sizes)])
  return ["G", "R", "COLA, MB", "mix-back, MB", "COLA, --logits_block=256, MB"], rows


def _epochs() -> Table:
  rows = []
  for replicas in (1, 2, 4, 8, 16, 64):
    batch_size = max(1024, 128 * replicas)
    wait_s = STEP_WAIT_S if replicas > 1 else 0.0
    hours = cost_model.epoch_hours(AUDIOSET_CLIPS, PAIRS_PER_S, replicas, batch_size, wait_s)
    pairs_per_s = AUDIOSET_CLIPS / 3600 / hours
    read_bytes = cost_model.input_bytes_per_s(EXAMPLES["COLA, EfficientNet-B0"], pairs_per_s)
    numbers = [f"{hours:.3f}", f"{pairs_per_s:,.0f}", f"{read_bytes / 1e6:,.0f}"]
    rows.append([replicas, batch_size, *numbers])
  return ["R", "G", "hours", "pairs/s", "read from stores, MB/s"], rows


if __name__ == "__main__":
  main()
