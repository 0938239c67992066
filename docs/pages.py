"""python docs/pages.py: fills the tables of README and docs from result files and from the code.

A table stands between a marker and `<!-- end -->`. The markers are

  <!-- results: FILE.csv -->          of docs/results, as downstream.tables and the benchmarks write
  <!-- fields: cola -->               all fields of a configuration
  <!-- recipe: cola small -->         what a recipe changes, and why
  <!-- scaling: traffic -->           of the cost model: traffic, logits or epochs
"""

import csv
import dataclasses
import inspect
import pathlib
import re

import cola.config
import mixback.config
from benchmarks.lib import cost_model
from contrastive_audio import configuration
from contrastive_audio.views import augment

DOCS = pathlib.Path(__file__).parent
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
SYSTEMS = {"cola": cola.config, "mixback": mixback.config}
EXAMPLES = {  # as benchmarks.lib.cost_model.of_model counts the papers' models, see the tests
  "COLA, EfficientNet-B0": cost_model.Training(4_926_012, 21_008, 49, 512, 1, 0, 2, 15_600),
  "mix-back, ResNet-18": cost_model.Training(
    11_696_576, 10_624, 42, 512, 2, 2 * 101 * 96, 2, 24_048
  ),
}
_TABLE = re.compile(
  r"(<!-- (results|fields|recipe|scaling): ([^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL
)
_FIELD = re.compile(r"^  (\w+): [^=]+= (?:.*?)(?:  # (.*))?$")
_SECTION = re.compile(r"^  # (.*)$")


def main():
  for page in PAGES:
    text = page.read_text(encoding="utf-8")
    if (filled := fill(text)) != text:
      page.write_text(filled, encoding="utf-8")
      print(f"filled {page.name}")


def fill(text):
  """Returns a page with its tables made anew."""
  makers = {"results": results, "fields": fields, "recipe": recipe, "scaling": scaling}
  return _TABLE.sub(lambda match: match[1] + makers[match[2]](*match[3].split()) + match[4], text)


def results(name):
  """Returns the table of a result file: variants are rows, tasks columns."""
  cells, tasks = {}, {}
  for row in read(DOCS / "results" / name):
    spread = f" ± {row['std']:.1f}" if len(row["seeds"]) > 1 else ""
    cells.setdefault(row["variant"], {})[row["task"]] = f"{row['mean']:.1f}{spread}"
    tasks[row["task"]] = None
  rows = [[name, *(found.get(task, "") for task in tasks)] for name, found in cells.items()]
  return _markdown(["", *tasks], rows)


def read(path):
  """Returns the rows of a result file: variant, task, mean, std, and seeds, a list of numbers."""
  with open(path, newline="", encoding="utf-8") as file:
    rows = [row for row in csv.DictReader(file) if row["mean"]]
  return [
    {
      "variant": row["variant"],
      "task": row["task"],
      "mean": float(row["mean"]),
      "std": float(row["std"]),
      "seeds": [float(row[name]) for name in row if name.startswith("seed_") and row[name]],
    }
    for row in rows
  ]


def fields(system):
  """Returns the table of all fields of a configuration, with what the code says of them."""
  defaults, rows = SYSTEMS[system].Config(), []
  for owner in (SYSTEMS[system].Config, augment.AugmentConfig, configuration.RunConfig):
    section = ""
    for line in inspect.getsource(owner).splitlines():
      if match := _SECTION.match(line):
        section = match[1]
      if (match := _FIELD.match(line)) and match[1] not in [row[0].strip("`") for row in rows]:
        rows.append([f"`{match[1]}`", f"`{getattr(defaults, match[1])}`", match[2] or "", section])
  names = {field.name for field in dataclasses.fields(defaults)}
  if unknown := names ^ {row[0].strip("`") for row in rows}:
    raise ValueError(f"fields that stand on no line of their own: {unknown}")
  return _markdown(["field", "default", "meaning, source", "part"], rows)


def recipe(system, name):
  """Returns the table of what a recipe changes."""
  paper = SYSTEMS[system].Config()
  rows = [
    [f"`{field}`", getattr(paper, field), deviation.value, deviation.reason]
    for field, deviation in SYSTEMS[system].RECIPES[name].items()
  ]
  return _markdown(["field", "paper", name, "why"], rows)


def scaling(what):
  """Returns a table of the cost model."""
  return _markdown(*{"traffic": _traffic, "logits": _logits, "epochs": _epochs}[what]())


def _traffic():
  rows = []
  for name, training in EXAMPLES.items():
    for batch_size, replicas in ((1024, 8), (8192, 8), (8192, 64)):
      sent = cost_model.sent_bytes(training, batch_size, replicas)
      shares = [f"{count / replicas / 1e6:.1f}" for count in sent.values()]
      total = f"{sum(sent.values()) / replicas / 1e6:.0f}"
      rows.append([name, batch_size, replicas, *shares, total])
  names = list(cost_model.sent_bytes(training, batch_size, replicas))
  return ["", "G", "R", *(f"{name}, MB" for name in names), "all, MB"], rows


def _logits():
  rows = []
  for batch_size in (1024, 8192, 65_536):
    for replicas in (1, 8):
      sizes = [cost_model.logits_bytes(batch_size, replicas, views) / 1e6 for views in (1, 2)]
      block = cost_model.logits_bytes(batch_size, replicas, block=256) / 1e6
      rows.append([batch_size, replicas, *(f"{size:,.0f}" for size in (*sizes, block))])
  return ["G", "R", "COLA, MB", "mix-back, MB", "COLA, --logits_block=256, MB"], rows


def _epochs():
  rows = []
  for replicas in (1, 2, 4, 8, 16, 64):
    batch_size = max(1024, 128 * replicas)
    wait_s = 0.02 if replicas > 1 else 0.0
    hours = cost_model.epoch_hours(1_900_000, 1000.0, replicas, batch_size, wait_s)
    per_s = 1_900_000 / 3600 / hours
    read = cost_model.input_bytes_per_s(EXAMPLES["COLA, EfficientNet-B0"], per_s) / 1e6
    rows.append([replicas, batch_size, f"{hours:.3f}", f"{per_s:,.0f}", f"{read:,.0f}"])
  return ["R", "G", "hours", "pairs/s", "read from stores, MB/s"], rows


def _markdown(headings, rows):
  lines = [headings, ["---"] * len(headings), *rows]
  return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell):
  return str(cell).replace("|", "\\|")


if __name__ == "__main__":
  main()
