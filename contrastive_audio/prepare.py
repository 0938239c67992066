"""python -m contrastive_audio.prepare: decodes a data set into its store, ahead of training.

Alone it does what every training does first. With --num_workers=N --worker=I it decodes the share
of one of N workers. Each may run anywhere and be stopped at any time; afterwards --num_workers=N
--merge completes the store. With --beam_pipeline_options a Beam runner decodes. The bytes of the
store are the same. Trainings with the same --dataset find the store, and --dataset=store:FOLDER
opens it without looking at the data set at all. --verify compares everything that is stored with
its checksums; damaged parts are decoded again, or named if the data set is a store:FOLDER.
"""

import dataclasses
import shlex
from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, data_choice, data_location, define_dataset_flags
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.open_data import (
  ChosenData,
  DataChoice,
  DataLocation,
  is_store,
  prepare_at,
)
from contrastive_audio.cli.store_report import print_store
from contrastive_audio.datasets import ClipSource
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from contrastive_audio.store.manifest import DamagedStore
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.words import counted

EXAMPLES = (
  "python -m contrastive_audio.prepare --dataset=/path/to/your/audio --sample_rate_hz=16000",
  "python -m contrastive_audio.prepare --dataset=audioset --data_dir=/path/to/data "
  "--num_workers=8 --worker=0",
  "python -m contrastive_audio.prepare --dataset=store:/path/to/store --verify",
)


@dataclasses.dataclass(frozen=True)
class Work:
  """Which part of the work this process does.

  Attributes:
    num_workers: how many workers share it.
    worker: which of them this is, from 0; None: it is not one of several.
    merge: complete the store after all workers have ended.
    beam_pipeline_options: of Apache Beam, "name=value" each; None: Beam is not used.
    verify: read everything that is stored, and compare it with its checksums.

  Raises:
    UserError: the fields contradict each other.

  Example:
    >>> Work(num_workers=2, worker=2)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --worker=2: with --num_workers=2 it is 0 to 1
  """

  num_workers: int = 1
  worker: int | None = None
  merge: bool = False
  beam_pipeline_options: Sequence[str] | None = None
  verify: bool = False

  def __post_init__(self) -> None:
    last = self.num_workers - 1
    if self.worker is not None and not 0 <= self.worker <= last:
      raise UserError(
        f"--worker={self.worker}: with --num_workers={self.num_workers} it is 0 to {last}"
      )
    beam = self.beam_pipeline_options is not None
    if sum([self.worker is not None, self.merge, beam, self.verify]) > 1:
      raise UserError("choose one of --worker, --merge, --beam_pipeline_options and --verify")
    if self.num_workers > 1 and self.worker is None and not self.merge:
      raise UserError(
        f"--num_workers={self.num_workers}: which one is this? Start it with --worker=0 to {last}, "
        "here or on other machines, and then once with --merge"
      )


def main(_: Sequence[str]) -> None:
  work = Work(
    FLAGS.num_workers, FLAGS.worker, FLAGS.merge, FLAGS.beam_pipeline_options, FLAGS.verify
  )
  choice, location, rate_hz = data_choice(FLAGS.dataset), data_location(), FLAGS.sample_rate_hz
  if choice.keys:
    raise UserError("--keys: a store holds all clips of a data set; pass --keys when you use it")
  chosen = ChosenData(choice, location, rate_hz)
  if work.verify:
    _verify(chosen, may_mend=not any(map(is_store, choice.datasets)))
    return
  sources = chosen.sources()
  stores = [
    _prepare_share(name, source, choice, location, rate_hz, work)
    for name, source in zip(choice.datasets, sources)
  ]
  complete = [store for store in stores if store is not None]
  if len(complete) == len(stores):
    print_store(Store.join(complete))
    _print_next(choice, sources, complete)


def _print_next(choice: DataChoice, sources: Sequence[ClipSource], stores: Sequence[Store]) -> None:
  """Prints how the stores are used; those of tables with times by the table, which cuts them."""
  names = []
  for name, source, store in zip(choice.datasets, sources, stores, strict=True):
    if source.stretches is None:
      names.append(f"store:{store.folders[0]}")
    else:
      names.append(name)
      line("whole", f"the store of {name} holds its recordings whole, without labels and splits")
  line("next", " ".join(f"--dataset={shlex.quote(name)}" for name in names))


def _prepare_share(
  name: str,
  source: ClipSource,
  choice: DataChoice,
  location: DataLocation,
  sample_rate_hz: int,
  work: Work,
) -> Store | None:
  """Does this process's part for one data set.

  Args:
    name: of the data set, as `--dataset` has it.
    source: the data set.
    choice: which of its parts.
    location: where it is.
    sample_rate_hz: rate at which clips are stored.
    work: which part of the work.

  Returns:
    The store; None if it is not complete yet.
  """
  bounds = (location.max_bad_fraction, location.memory_mb)
  plan = preparation.Plan(source, sample_rate_hz, location.store_dir, *bounds)
  if work.merge:
    return preparation.merge_shares(plan, work.num_workers)
  if work.worker is not None:
    _decode_share(plan, work.worker, work.num_workers)
    return None
  if work.beam_pipeline_options is not None:
    from contrastive_audio.store import beam  # late: the extra [beam]

    options = {"split": choice.split, "data_dir": location.data_dir}
    options["manual_dir"] = location.manual_dir
    beam.write_missing(plan, name, options, work.beam_pipeline_options)
    return preparation.merge_shares(plan, 1)
  return prepare_at(location, source, sample_rate_hz)


def _verify(chosen: ChosenData, may_mend: bool) -> None:
  """Verifies the stores of the chosen data sets.

  Args:
    chosen: the data sets.
    may_mend: decode damaged parts again.
  """
  store = chosen.store()
  damaged = _damaged_shards(store)
  if damaged and may_mend:
    store = chosen.store()  # decodes again what was found damaged
    damaged = _damaged_shards(store)
  if damaged:
    raise damaged[0]
  line("verified", f"{counted(store.num_shards, 'shard')}: all as written")


def _damaged_shards(store: Store) -> list[DamagedStore]:
  if not store.is_verified:
    raise UserError(
      f"{', '.join(store.folders)}: a store of version 0.1 has no checksums to compare with: "
      "decode its data set again to get one that has"
    )
  with progress_bar.make(store.num_shards, "verifying", "shard") as bar:
    return store.verify(bar.update)


def _decode_share(plan: preparation.Plan, worker: int, num_workers: int) -> None:
  preparation.decode_share(plan, worker, num_workers)
  share = len(plan.share(worker, num_workers))
  line("share", f"{share} of {plan.num_chunks} chunks are in {plan.folder}")
  line("next", f"when all workers have ended: --merge --num_workers={num_workers}")


def _define_flags() -> None:
  define_dataset_flags(default="synthetic")
  with flag_group("Store"):
    flags.DEFINE_integer("sample_rate_hz", 16_000, "16000 for COLA, 22050 for mix-back.", 1)
    flags.DEFINE_bool("verify", False, "Compare all that is stored with its checksums.")
  with flag_group("Sharing the work"):
    flags.DEFINE_integer("num_workers", 1, "How many workers share the work.", lower_bound=1)
    flags.DEFINE_integer("worker", None, "Which of the workers this is, from 0.")
    flags.DEFINE_bool("merge", False, "Complete the store after all workers have ended.")
    flags.DEFINE_list(
      "beam_pipeline_options", None, "Decode by Apache Beam: runner=DirectRunner,..."
    )


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
