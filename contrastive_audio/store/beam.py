"""The chunks of a store by Apache Beam (extra [beam]): same function, same bytes, any runner.

All workers must see the data set and the folder of stores under the same paths.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from contrastive_audio.utils import quiet
from contrastive_audio.utils.extras import install_hint
from contrastive_audio.utils.files import make_folder

try:
  with quiet.native_stderr():
    import apache_beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
  raise UserError(
    f"Apache Beam is not installed: {install_hint('beam')}, or share the work by --num_workers and "
    "--worker"
  ) from error


def write_missing(
  plan: preparation.Plan,
  name: str,
  options: Mapping[str, str | None],
  pipeline_options: Sequence[str],
) -> None:
  """Writes all unfinished chunks of a plan; call preparation.merge_shares afterwards.

  Args:
    plan: of the store.
    name: of the data set, as `--dataset` takes it; each worker opens it again.
    options: the other arguments of datasets.open_source.
    pipeline_options: of Beam, "name=value" or "name" each.

  Raises:
    UserError: the pipeline failed.

  Example:
    >>> import numpy as np, soundfile
    >>> soundfile.write("a.wav", np.zeros(8000), 8_000)
    >>> plan = preparation.Plan(datasets.open_source("folder:."), 8_000, store_dir="stores")
    >>> write_missing(plan, "folder:.", options={}, pipeline_options=["runner=FnApiRunner"])
    >>> preparation.merge_shares(plan, num_workers=1).num_clips
    1
  """
  make_folder(plan.folder)
  log = os.path.join(plan.folder, "beam.log")
  parsed = PipelineOptions([f"--{option}" for option in pipeline_options])
  folder, memory_mb = os.path.abspath(plan.folder), plan.memory.total_mb
  write = _WriteChunk(name, options, plan.sample_rate_hz, folder, memory_mb)
  try:
    with quiet.native_stderr(log), apache_beam.Pipeline(options=parsed) as pipeline:
      numbers = pipeline | "chunks" >> apache_beam.Create(plan.unfinished_chunks())
      _ = numbers | "spread" >> apache_beam.Reshuffle() | "decode" >> apache_beam.ParDo(write)
  except Exception as error:  # whatever a runner, or a worker on another machine, raises
    reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    raise UserError(
      f"the Beam pipeline failed: {reason[0]} (see {log}); finished chunks are kept, and the same "
      "command continues"
    ) from error


class _WriteChunk(apache_beam.DoFn):
  """Number of a chunk -> how many of its clips could not be used.

  Args:
    name: of the data set.
    options: the other arguments of datasets.open_source.
    sample_rate_hz: rate at which the clips are stored.
    folder: of the store, absolute.
    memory_mb: memory for decoding, of each process.
  """

  def __init__(
    self,
    name: str,
    options: Mapping[str, str | None],
    sample_rate_hz: int,
    folder: str,
    memory_mb: int,
  ):
    self._name, self._options = name, dict(options)
    self._sample_rate_hz, self._folder, self._memory_mb = sample_rate_hz, folder, memory_mb

  def setup(self) -> None:
    """Opens the data set, once in each process."""
    source = datasets.open_source(self._name, **self._options)
    self._plan = preparation.Plan(
      source,
      self._sample_rate_hz,
      store_dir=os.path.dirname(self._folder),
      memory_mb=self._memory_mb,
    )
    if os.path.basename(self._plan.folder) != os.path.basename(self._folder):
      raise UserError(
        f"a worker of Beam finds other clips of {self._name} ({source.summary}) than the command "
        "that started it: do all machines see the same files?"
      )
    make_folder(self._plan.folder)

  def process(self, number: int) -> Iterator[int]:
    """Writes the chunk, one thread for each process of the runner."""
    chunk = self._plan.write_chunk(number, num_threads=1)
    apache_beam.metrics.Metrics.counter("audio", "skipped").inc(len(chunk.skipped))
    yield len(chunk.skipped)
