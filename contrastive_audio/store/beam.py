"""The chunks of a store by Apache Beam (extra [beam]): same function, same bytes, any runner.

All workers have to see the data set and the folder of stores under the same paths.
"""

import os

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from contrastive_audio.utils import quiet
from contrastive_audio.utils.files import make_folder

try:
  with quiet.native_stderr():
    import apache_beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as missing:
  raise UserError(
    'Apache Beam is not installed: pip install -e ".[beam]", or share the work by '
    "--num_workers and --worker"
  ) from missing


def write_missing(plan, name, options, pipeline_options):
  """Writes all chunks of a plan that are not there yet; preparation.merge_shares comes after it.

  Args:
    plan: a preparation.Plan.
    name: of the data set, as `--dataset` has it; workers open it anew.
    options: the other arguments of datasets.open_source.
    pipeline_options: of Beam, "name=value" or "name" each.

  Raises:
    UserError: the pipeline failed.
  """
  make_folder(plan.folder)
  log = os.path.join(plan.folder, "beam.log")
  parsed = PipelineOptions([f"--{option}" for option in pipeline_options])
  write = WriteChunk(name, options, plan.sample_rate_hz, os.path.abspath(plan.folder))
  try:
    with quiet.native_stderr(log), apache_beam.Pipeline(options=parsed) as pipeline:
      numbers = pipeline | "chunks" >> apache_beam.Create(plan.missing())
      _ = numbers | "spread" >> apache_beam.Reshuffle() | "decode" >> apache_beam.ParDo(write)
  except Exception as error:  # whatever a runner, or a worker on another machine, raises
    reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    raise UserError(
      f"the Beam pipeline failed: {reason[0]} (see {log}); finished chunks are kept, and the same "
      "command goes on"
    ) from error


class WriteChunk(apache_beam.DoFn):
  """Number of a chunk -> how many of its clips could not be used."""

  def __init__(self, name, options, sample_rate_hz, folder):
    """Takes what is needed to open the data set on another machine."""
    self._name, self._options = name, options
    self._sample_rate_hz, self._folder = sample_rate_hz, folder
    self._plan = None

  def setup(self):
    """Opens the data set, once in each process."""
    source = datasets.open_source(self._name, **self._options)
    self._plan = preparation.Plan(source, self._sample_rate_hz, os.path.dirname(self._folder))
    if os.path.basename(self._plan.folder) != os.path.basename(self._folder):
      raise UserError(
        f"a worker of Beam finds other clips of {self._name} ({source.summary}) than the command "
        "that started it: do all machines see the same files?"
      )
    make_folder(self._plan.folder)

  def process(self, number):
    """Writes the chunk, one thread for each process of the runner."""
    chunk = self._plan.write(number, workers=1)
    apache_beam.metrics.Metrics.counter("audio", "skipped").inc(len(chunk["skipped"]))
    yield len(chunk["skipped"])
