"""python -m downstream.tables: measures and prints the tables of the papers.

It pre-trains what is missing, then measures what is missing, and prints mean and standard deviation
over the seeds, with the published number if there is one. The same command resumes where it was
stopped. --dry_run prints what would be done, and how long it would take.

  --suite=small   the small suite of tasks instead of the papers' data sets
  --suite=papers  the papers' data sets, found by name in --data_dir; cells whose data is missing
                  stay empty, and a line says what is missing
  --suite=open    pre-training on a pool of open collections, at a budget for two cores; tasks that
                  the pool does not hold, and collections that pre-training leaves out
"""

import dataclasses
import os
from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.children import interrupted_by_signals
from contrastive_audio.cli.flags import (
  FLAGS,
  data_location,
  define_gpu_flags,
  define_location_flags,
)
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.places import require_folder
from contrastive_audio.errors import UserError
from downstream import protocols
from downstream.choices import parse_seeds
from downstream.flags import define_audio_root_flag
from downstream.papers.cells import cells_of, columns_of, metrics_of
from downstream.papers.dry_run import print_plan
from downstream.papers.measurement import LaboratoryRequest
from downstream.papers.methods import describe
from downstream.papers.open_suite import PretrainingData, pretraining_data
from downstream.papers.results import measure
from downstream.papers.stages import Stages
from downstream.papers.table import Table, TableRequest
from downstream.papers.tables import MAKERS
from downstream.table_flags import (
  parse_name,
  parse_tasks,
  require_used_flags,
  require_used_protocol,
)

SUITES = ("small", "papers", "open")
# The papers' protocols say nothing on a small budget: Adam at 1e-3 learns nothing from embeddings
# of 1e-7, those of a hardly trained EfficientNet-B0.
DEFAULT_PROTOCOLS = {
  "small": protocols.CACHED,
  "papers": protocols.PAPER,
  "open": protocols.PAPER,
}
EXAMPLES = (
  "python -m downstream.tables --table=cola_similarity --audio_root=/path/to/audio_root",
  "python -m downstream.tables --table=mixback_linear --suite=papers --data_dir=/path/to/data "
  "--dry_run",
)


def main(_: Sequence[str]) -> None:
  require_used_flags()
  data = pretraining_data(FLAGS.suite, FLAGS.pretraining_dataset, FLAGS.audio_root)
  request = _laboratory_request(data)
  seeds, tasks = parse_seeds(FLAGS.seeds), parse_tasks(FLAGS.tasks)
  require_folder("runs_dir", request.folder, may_be_read_only=FLAGS.dry_run)
  table = _table(data)
  require_used_protocol(table, request, seeds[0])
  table = with_caption(table, request, seeds[0])
  name = parse_name(FLAGS.name, (FLAGS.table, request.suite, FLAGS.encoder))
  if os.environ.get("TF_CONFIG"):
    raise UserError("TF_CONFIG is set: tables are measured on one host, so unset it")
  with interrupted_by_signals():
    if FLAGS.dry_run:
      print_plan(cells_of(table, columns_of(table, tasks), seeds), request)
    else:
      measure_table(table, tasks, request, seeds, os.path.join(request.folder, name))


def _laboratory_request(data: PretrainingData) -> LaboratoryRequest:
  return LaboratoryRequest(
    folder=FLAGS.runs_dir,
    suite=FLAGS.suite,
    location=data_location(),
    audio_root=FLAGS.audio_root,
    protocol=FLAGS.protocol or DEFAULT_PROTOCOLS[FLAGS.suite],
    epochs=FLAGS.epochs,
    pretraining_dataset=data.dataset,
    pretraining_tasks=tuple(FLAGS.pretraining_tasks or ()) or None,
    training_flags=() if FLAGS.gpu_memory_growth else ("--nogpu_memory_growth",),
  )


def _table(data: PretrainingData) -> Table:
  """Returns the table that the flags mean.

  Args:
    data: what pre-trains.

  Raises:
    UserError: there is no such variant, or no model.
  """
  request = TableRequest(
    suite=FLAGS.suite,
    steps=FLAGS.steps,
    batch_size=FLAGS.batch_size,
    epoch_steps=FLAGS.epoch_steps,
    pretraining_dataset=data.dataset,
    encoder=FLAGS.encoder,
    microbatch=FLAGS.microbatch,
    monitor=data.monitor,
    models=tuple(FLAGS.models or ()),
  )
  return MAKERS[FLAGS.table](request).choose(FLAGS.variants)


def with_caption(table: Table, request: LaboratoryRequest, seed: int = 0) -> Table:
  """Returns a table whose title names the protocols that its variants are evaluated by.

  Args:
    table: what is compared on which tasks.
    request: which protocol.
    seed: stands for {seed} in the name of a model.

  Example:
    >>> from downstream.papers.table import Variant
    >>> table = Table("baselines", [Variant("random", "random:efficientnet_b0")], ("musan",))
    >>> with_caption(table, LaboratoryRequest("tables", protocol="paper")).title
    "baselines; linear evaluation by COLA's protocol"
  """
  protocols_used = [describe(row, request, model) for row, model in table.measured_rows(seed)]
  title = "; ".join([table.title, *dict.fromkeys(protocols_used)])
  return dataclasses.replace(table, title=title)


def measure_table(
  table: Table,
  tasks: Sequence[str] | None,
  request: LaboratoryRequest,
  seeds: Sequence[int],
  path: str,
) -> None:
  """Measures a table, prints it and writes its files.

  Args:
    table: what is compared on which tasks.
    tasks: tasks to use instead of those of the table; None: those of the table.
    request: where everything is kept, and on which data.
    seeds: seeds of each cell.
    path: path of the files, without their extensions.

  Raises:
    UserError: something failed; the table has been written, with a gap there.
    KeyboardInterrupt: a signal asked for the end.

  Example:
    >>> from downstream.papers.table import Variant
    >>> variants = [Variant("COLA", None, column="cola")]
    >>> table = Table("one task", variants, ("musan",), published={("cola", "musan"): 99.1})
    >>> measure_table(table, None, LaboratoryRequest("tables"), seeds=[0], path="tables/musan")
    <BLANKLINE>
    one task; accuracy (%), 1 seed, no spread
    <BLANKLINE>
    | task                    | COLA             |
    | ----------------------- | ---------------- |
    | Music, Speech and Noise | (published 99.1) |
    | average                 |                  |
    <BLANKLINE>
    files      tables/musan.md, .csv
  """
  columns, stages = columns_of(table, tasks), Stages(request)
  table = dataclasses.replace(table, measure=metrics_of(columns))
  cells = cells_of(table, columns, seeds)
  stages.train(cells)
  results = measure(table, columns, stages, seeds)
  from downstream.papers.curves import points_of, write_curves  # late: they import matplotlib
  from downstream.papers.table_files import (
    print_and_write,
    print_comparable,
  )

  print_and_write(table, results, path, draw_published=request.suite == "papers")
  if request.suite == "open":
    write_curves(points_of(cells, stages.pretrainings), f"{path}-curves")
  if request.suite == "papers":
    print_comparable(columns, results)
  stages.conclude()


def _define_flags() -> None:
  with flag_group(REQUIRED):
    flags.DEFINE_enum("table", None, list(MAKERS), "Table to measure.", required=True)
  with flag_group("Table"):
    flags.DEFINE_string("runs_dir", "runs/tables", "Folder for runs, results and the table.")
    flags.DEFINE_enum("suite", "small", SUITES, "Tasks, and clips of pre-training.")
    flags.DEFINE_enum(
      "protocol",
      None,
      (protocols.PAPER, protocols.CACHED),
      "How models are evaluated: paper, as each paper does, the default of --suite=papers and "
      "open; or cached, logistic regression on embeddings and fine-tuning with early stopping.",
    )
    flags.DEFINE_bool("dry_run", False, "Print what would be trained and measured, and do nothing.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each cell.")
    flags.DEFINE_list("tasks", None, "Names of tasks; by default those of the suite.")
    flags.DEFINE_string(
      "name", None, "Of the table's files in --runs_dir; by default that of table and suite."
    )
    flags.DEFINE_list("variants", None, "Names of the variants to compare; by default all.")
    flags.DEFINE_list(
      "models", None, "For --table=suite: NAME=MODEL,...; {seed} stands for the seed."
    )
  _define_training_flags()
  define_audio_root_flag()
  define_location_flags()
  define_gpu_flags()


def _define_training_flags() -> None:
  with flag_group("Training"):
    flags.DEFINE_integer("steps", None, "Steps of a pre-training.", lower_bound=1)
    flags.DEFINE_integer("batch_size", None, "Pairs per step of a pre-training.", lower_bound=2)
    flags.DEFINE_integer(
      "epoch_steps",
      None,
      "Steps of an epoch of a pre-training; if not given, a pass over all clips.",
      lower_bound=1,
    )
    flags.DEFINE_integer(
      "epochs",
      None,
      "Largest number of epochs of a training on labels; if not given, that of its protocol.",
      lower_bound=1,
    )
    flags.DEFINE_string(
      "encoder", None, "Encoder of the pre-trainings, where a table does not compare encoders."
    )
    flags.DEFINE_integer(
      "microbatch",
      0,
      "Pairs whose activations are in memory at once (docs/scaling.md), in pre-trainings whose "
      "batches are larger; 0: all.",
      lower_bound=0,
    )
    flags.DEFINE_string(
      "pretraining_dataset",
      None,
      "What pre-trains. By default, with --suite=small the training clips of its tasks; with "
      "--suite=papers audioset for COLA and fsdnoisy18k for mix-back; with --suite=open a pool or "
      "its pool.csv, pool in --audio_root.",
    )
    flags.DEFINE_list(
      "pretraining_tasks", None, "Tasks whose training clips pre-train; by default the suite's."
    )


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
