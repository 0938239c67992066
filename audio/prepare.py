"""python -m audio.prepare: decodes a data set into its store, alone, by workers or by Apache Beam.

Alone it does what every training does first. With `--num_workers=N --worker=I` it makes the share
of one of N workers, each of which may run anywhere and be stopped at any time; afterwards
`--num_workers=N --merge` makes the store whole. With `--beam_pipeline_options` a Beam runner
decodes. The bytes of the store are the same. Trainings with the same `--dataset` find it, and
`--dataset=store:FOLDER` opens it without looking at the data set at all.
"""

from absl import flags

from audio import commands, datasets, preparation, report
from audio.errors import UserError
from audio.store import Store


def main(_):
  values = flags.FLAGS.flag_values_dict()
  check(values)
  stores = [_prepare(name, values) for name in values["dataset"]]
  if None not in stores:
    report.store(Store.join(stores))
    print(f"next       --dataset={' --dataset='.join(f'store:{s.folders[0]}' for s in stores)}")


def _prepare(name, values):
  """Does what the flags ask for; returns the store, None if it is not whole yet."""
  options = {key: values[key] for key in ("split", "data_dir", "manual_dir")}
  source = datasets.open_source(name, **options)
  print(f"data       {source.summary}", flush=True)
  places = values["store_dir"], values["max_bad_fraction"]
  plan = preparation.Plan(source, values["sample_rate_hz"], *places)
  if values["merge"]:
    return preparation.merge_shares(plan, values["num_workers"])
  if values["worker"] is not None:
    preparation.decode_share(plan, values["worker"], values["num_workers"])
    share = len(plan.share(values["worker"], values["num_workers"]))
    print(f"share      {share} of {plan.num_chunks} chunks are in {plan.folder}")
    print(f"next       when all workers have ended: --merge --num_workers={values['num_workers']}")
    return None
  if values["beam_pipeline_options"] is not None:
    from audio import beam

    beam.run(plan, name, options, values["beam_pipeline_options"])
    return preparation.merge_shares(plan, 1)
  return preparation.prepare(source, values["sample_rate_hz"], *places)


def check(values):
  """Raises a UserError unless the flags ask for one thing."""
  worker, num_workers = values["worker"], values["num_workers"]
  if worker is not None and not 0 <= worker < num_workers:
    raise UserError(
      f"--worker={worker}: with --num_workers={num_workers} it is 0 to {num_workers - 1}"
    )
  chosen = [worker is not None, values["merge"], values["beam_pipeline_options"] is not None]
  if sum(chosen) > 1:
    raise UserError("--worker, --merge and --beam_pipeline_options are three ways: choose one")
  if num_workers > 1 and not (chosen[0] or chosen[1]):
    raise UserError(
      f"--num_workers={num_workers}: which one is this? Start it with --worker=0 to "
      f"{num_workers - 1}, here or on other machines, and then once with --merge"
    )


def _define_flags():
  commands.define_data_flags(default="synthetic")
  flags.DEFINE_integer("sample_rate_hz", 16_000, "16000 for COLA, 22050 for mix-back.", 1)
  flags.DEFINE_integer("num_workers", 1, "How many workers share the work.", lower_bound=1)
  flags.DEFINE_integer("worker", None, "Which of the workers this is, from 0 on.")
  flags.DEFINE_bool("merge", False, "Make the store whole after all workers have ended.")
  flags.DEFINE_list("beam_pipeline_options", None, "Decode by Apache Beam: runner=DirectRunner,...")


if __name__ == "__main__":
  _define_flags()
  commands.run(main)
