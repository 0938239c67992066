"""python -m downstream.tables: the tables of the papers, run, resumed and printed.

`--table=NAME --runs_dir=FOLDER` pre-trains what is missing, measures what has not been measured,
and prints mean and standard deviation over the seeds, with the published number beside ours where
there is one. The same command goes on where it was stopped. `--suite=small` fills the rows with the
small suite of tasks, in place of the papers' data sets; `--suite=papers` with those, found below
`--data_dir` by their names; cells whose data is missing stay empty, and are named.
"""

import csv
import dataclasses
import os

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table as markdown
from downstream import plots, tasks
from downstream.cards import published_scores
from downstream.papers import tables as paper_tables
from downstream.papers.laboratory import Laboratory, Measurement

SUITES = ("small", "papers")


class Results:
  """A table that has been measured.

  Attributes:
    variants: names.
    columns: names of the tasks (and conditions), the average last.
    scores: float `[variants, columns, seeds]` in %, NaN where nothing was measured.
    published: float `[variants, columns]`, NaN where nothing is known.
  """

  def __init__(self, variants, columns, scores, known_values):
    """Takes the above without the average, which is added here."""
    self.variants, self.columns = variants, [*columns, published_scores.AVERAGE]
    self.scores = np.concatenate([scores, scores.mean(axis=1, keepdims=True)], axis=1)
    self.published = known_values

  def mean(self):
    """Returns the means over the seeds `[variants, columns]`."""
    return self.scores.mean(axis=2)

  def spread(self):
    """Returns the standard deviations over the seeds; 0 for a single one."""
    ddof = 1 if self.scores.shape[2] > 1 else 0
    return self.scores.std(axis=2, ddof=ddof)

  def cells(self):
    """Returns the text of each cell, `[variants][columns]`."""
    return [
      [_cell(*numbers) for numbers in zip(*row)]
      for row in zip(self.mean(), self.spread(), self.published)
    ]


def measure(table, columns, laboratory, seeds):
  """Measures all that is missing of a table.

  Args:
    table: a paper_tables.Table.
    columns: (task, name of a condition) pairs.
    laboratory: an experiments.Laboratory.
    seeds: ints.

  Returns:
    float `[variants, columns, seeds]` in %.
  """
  scores = np.full([len(table.variants), len(columns), len(seeds)], np.nan)
  for row, variant in enumerate(table.variants):
    for number, seed in enumerate(seeds):
      for column, (task, condition) in enumerate(columns):
        if task in tasks.CARDS and variant.model is not None:
          wanted = table.conditions[condition]
          measurement = Measurement(variant.model, variant.method, task, wanted)
          scores[row, column, number] = laboratory.measure(measurement, seed)
  return scores


def known(table, columns):
  """Returns the published numbers `[variants, columns + average]`, NaN where there is none."""
  names = [task for task, _ in columns] + [published_scores.AVERAGE]
  values = [
    [table.published.get((v.column, name), np.nan) for name in names] for v in table.variants
  ]
  return np.array(values, float)


def show(table, results, seeds, path, draw_published):
  """Prints a table as Markdown, and writes it as .md, .csv and .png.

  Args:
    table: a paper_tables.Table.
    results: Results.
    seeds: ints.
    path: of the files, without their endings.
    draw_published: whether the published numbers are of the same tasks, and belong into the figure.
  """
  cells = results.cells()
  if table.tasks_are_rows:
    headings = ["task", *results.variants]
    rows = [[name, *column] for name, column in zip(results.columns, zip(*cells))]
  else:
    headings = ["", *results.columns]
    rows = [[name, *row] for name, row in zip(results.variants, cells)]
  lines = markdown.lines(headings, rows)
  print(f"\n{table.title}; %, mean ± standard deviation of {len(seeds)} seeds\n", flush=True)
  print("\n".join(lines))
  with open(f"{path}.md", "w", encoding="utf-8") as file:
    file.write("\n".join(lines) + "\n")
  _write_csv(f"{path}.csv", results, seeds)
  is_measured = np.isfinite(results.mean()).any()
  if is_measured:
    _draw(f"{path}.png", table, results, draw_published)
  print(f"\nfiles      {path}.md, .csv{', .png' if is_measured else ''}")


def _cell(mean, spread, known_value):
  measured = "" if np.isnan(mean) else f"{mean:.1f} ± {spread:.1f}"
  paper = "" if np.isnan(known_value) else f"(published {known_value:.1f})"
  return f"{measured} {paper}".strip()


def _write_csv(path, results, seeds):
  mean, spread = results.mean(), results.spread()
  with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    by_seed = [f"seed_{seed}" for seed in seeds]
    writer.writerow(["variant", "task", "mean", "std", "published", *by_seed])
    for row, variant in enumerate(results.variants):
      for column, task in enumerate(results.columns):
        numbers = [mean[row, column], spread[row, column], results.published[row, column]]
        numbers += results.scores[row, column].tolist()
        shown = ["" if np.isnan(number) else f"{number:.2f}" for number in numbers]
        writer.writerow([variant, task, *shown])


def _draw(path, table, results, draw_published):
  """Groups of bars: tasks, and in each a bar for each variant."""
  known_values = results.published.T if draw_published else None
  parts = results.mean().T, results.spread().T, known_values
  plots.bars(path, results.columns, results.variants, *parts, title=table.title)


def _chosen(table, names):
  """Returns the table with the variants of the given names only; None: all."""
  known_names = [variant.name for variant in table.variants]
  if unknown := [name for name in names or () if name not in known_names]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {', '.join(known_names)}")
  variants = [v for v in table.variants if names is None or v.name in names]
  return dataclasses.replace(table, variants=variants)


def _columns(table, chosen):
  """Returns (task, name of a condition) pairs and the names of the columns."""
  pairs = [(task, name) for task in chosen or table.tasks for name in table.conditions]
  titles = [(published_scores.PAPER_TASKS.get(task, task), name) for task, name in pairs]
  return pairs, [f"{title}, {name}" if name else title for title, name in titles]


def _show_comparable(columns, scores):
  """Prints of every measured task what can be compared with the published numbers."""
  measured = {task: None for i, (task, _) in enumerate(columns) if np.isfinite(scores[:, i]).any()}
  for name in measured:
    print(f"comparable {name}: {tasks.CARDS[name].comparable}")


def main(_):
  values = flags.FLAGS.flag_values_dict()
  try:
    seeds = [int(seed) for seed in values["seeds"]]
  except ValueError as error:
    raise UserError(f"--seeds={','.join(values['seeds'])}: write numbers, as 0,1,2") from error
  table = _chosen(paper_tables.MAKERS[values["table"]](values), values["variants"])
  columns, titles = _columns(table, values["tasks"])
  laboratory = Laboratory(values["runs_dir"], values["suite"], values)
  scores = measure(table, columns, laboratory, seeds)
  results = Results([v.name for v in table.variants], titles, scores, known(table, columns))
  path = os.path.join(values["runs_dir"], f"{values['table']}-{values['suite']}")
  show(table, results, seeds, path, draw_published=values["suite"] == "papers")
  if values["suite"] == "small" and np.isfinite(results.published).any():
    print("published  averages are over the nine tasks of the paper")
  if missing := [task for task, _ in columns if task not in tasks.CARDS]:
    print(f"no data    for {', '.join(missing)}: there is no such card, nothing was measured")
  if values["suite"] == "papers":
    _show_comparable(columns, scores)


def _define_flags():
  flags.DEFINE_enum("table", None, list(paper_tables.MAKERS), "Which table.", required=True)
  flags.DEFINE_string("runs_dir", "runs/tables", "Where runs, results and the table are kept.")
  flags.DEFINE_enum("suite", "small", SUITES, "Tasks of the rows, and clips of pre-training.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_list("tasks", None, "Tasks; default: those of the suite.")
  flags.DEFINE_list("variants", None, "Names of what is compared; default: all of the table.")
  flags.DEFINE_list("models", None, "Of --table=suite: NAME=MODEL; {seed} stands for the seed.")
  flags.DEFINE_integer("steps", None, "Budget of a pre-training in steps.", lower_bound=1)
  flags.DEFINE_integer("batch_size", None, "Pairs of a step of a pre-training.", lower_bound=2)
  flags.DEFINE_integer("epochs", 50, "Budget of a fine-tuning in epochs.", lower_bound=1)
  flags.DEFINE_string(
    "pretraining_dataset", None, "Of --suite=papers; default: audioset, or fsdnoisy18k of mixback."
  )
  flags.DEFINE_list(
    "pretraining_tasks", None, "Tasks whose training clips pre-train; default: the suite's."
  )
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
