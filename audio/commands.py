"""What all commands share: a user's mistake is one line, and the flags of every training."""

import dataclasses
import functools
import os
import sys

import tensorflow as tf
from absl import app, flags, logging

from audio import datasets, distribution, preparation, report
from audio.configuration import PRECISIONS, configure, parse_settings
from audio.errors import UserError, disk_reason
from audio.runs import Run
from audio.store import Store

_STORE = "store:"


def run(main):
  """Runs `main(argv)` under absl; a UserError becomes one line and exit code 1."""

  def one_line_errors(argv):
    logging.set_verbosity(logging.ERROR)
    try:
      _refuse_leftovers(argv)
      main(argv)
    except UserError as error:
      _exit(f"error: {error}", 1)
    except (OSError, tf.errors.OpError) as error:
      if not (reason := disk_reason(error)):
        raise
      where = getattr(error, "filename", None) or "a file of the run"
      _exit(
        f"error: cannot write {where}: {reason}; nothing finished is lost, mend it and repeat", 1
      )
    except KeyboardInterrupt:
      _exit("interrupted; the same command goes on where it stopped", 130)

  app.run(one_line_errors)


def define_training_flags(recipes):
  """Defines the flags that every `train` command has.

  Args:
    recipes: names of the recipes, the first of which is the paper.
  """
  define_data_flags(default="synthetic")
  flags.DEFINE_string(
    "run", None, "Run folder; default: runs/SYSTEM-DATASET. It resumes if it exists."
  )
  flags.DEFINE_enum(
    "recipe",
    None,
    recipes,
    "Set of hyper-parameters; default: paper, or small for a small data set.",
  )
  flags.DEFINE_multi_string("set", [], "FIELD=VALUE of the configuration, for any field.")
  flags.DEFINE_integer("steps", None, "Training steps; default: the recipe's.", lower_bound=1)
  flags.DEFINE_integer("batch_size", None, "Pairs of a step; default: the recipe's.", lower_bound=2)
  flags.DEFINE_integer("seed", 0, "Seed of weights, excerpts and views.", lower_bound=0)
  flags.DEFINE_integer("monitor_every", None, "Steps between kNN checks; 0: only first and last.")
  flags.DEFINE_integer("checkpoint_every", 100, "Steps between checkpoints.", lower_bound=1)
  flags.DEFINE_enum(
    "strategy",
    "auto",
    distribution.STRATEGIES,
    "Devices and hosts; auto: all GPUs of this host, or all hosts that TF_CONFIG names.",
  )
  flags.DEFINE_enum("precision", "float32", PRECISIONS, "Of the networks in training.")
  flags.DEFINE_integer(
    "logits_block", None, "Rows of the logits at once; 0: all. Less memory.", lower_bound=0
  )
  flags.DEFINE_bool("deterministic", False, "Bit-identical results on one machine, at some speed.")
  flags.DEFINE_enum("views_on", "device", ["device", "host"], "Where views are made; same numbers.")


def define_data_flags(default):
  """Defines the flags that choose a data set, `default` if none is chosen."""
  flags.DEFINE_multi_string(
    "dataset",
    default,
    "synthetic, folder:PATH (a folder or a CSV), store:PATH (decoded by audio.prepare), audioset, "
    "fsdnoisy18k, ... (see README), or an audio data set of tensorflow-datasets; several of these "
    "flags are one data set.",
  )
  define_selection_flags()
  define_location_flags()


def define_selection_flags():
  """Defines the flags that choose some clips of a data set."""
  flags.DEFINE_string("keys", None, "File with the keys of the clips to use, one a line.")
  flags.DEFINE_string(
    "split", None, "Part of the data set; default: train if there is one, else all."
  )


def define_location_flags(max_bad_fraction=0.05):
  """Defines the flags that say where data sets are, and how many bad clips they may have."""
  flags.DEFINE_string("data_dir", None, "Folder that holds data sets, or where they are prepared.")
  flags.DEFINE_string("manual_dir", None, "Folder with archives of a data set downloaded by hand.")
  flags.DEFINE_string("store_dir", None, "Where decoded audio is kept; default: the user's cache.")
  flags.DEFINE_float(
    "max_bad_fraction", max_bad_fraction, "Largest share of unusable clips.", 0.0, 1.0
  )


def open_store(flag_values, sample_rate_hz):
  """Opens the data set that the flags name, decoded at a rate; prints what it holds.

  Args:
    flag_values: dictionary of the flags of `define_training_flags`.
    sample_rate_hz: rate of the system.

  Returns:
    A store.Store.
  """
  stores = [_prepare(name, flag_values, sample_rate_hz) for name in flag_values["dataset"]]
  store = Store.join(stores)
  if flag_values["keys"]:
    store = store.select(_ids_of_keys(store, flag_values["keys"]))
  report.store(store)
  return store


def _prepare(dataset, flag_values, sample_rate_hz):
  """Opens one data set, decoded."""
  if dataset.startswith(_STORE):
    return _open_finished(dataset.removeprefix(_STORE), sample_rate_hz, flag_values["split"])
  options = [flag_values[name] for name in ("split", "data_dir", "manual_dir")]
  source = datasets.open_source(dataset, *options)
  print(f"data       {source.summary}", flush=True)
  store_dir, max_bad = flag_values["store_dir"], flag_values["max_bad_fraction"]
  return preparation.prepare(source, sample_rate_hz, store_dir, max_bad)


def _open_finished(folder, sample_rate_hz, split):
  """Opens a store that audio.prepare has made."""
  store = Store(os.path.expanduser(folder))
  if store.sample_rate_hz != sample_rate_hz:
    raise UserError(
      f"--dataset={_STORE}{folder}: it holds {store.sample_rate_hz} Hz, and {sample_rate_hz} Hz "
      f"are needed: prepare it again with --sample_rate_hz={sample_rate_hz}"
    )
  if split is not None:
    raise UserError(f"--split={split}: a store has no splits; prepare the one you need, or --keys")
  return store


def _ids_of_keys(store, path):
  """Returns the clips that a file names, in the order of the store."""
  try:
    with open(path, encoding="utf-8") as file:
      wanted = set(file.read().splitlines()) - {""}
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f"cannot read --keys={path}: {error}") from error
  keys = store.keys()
  if missing := wanted - set(keys):
    raise UserError(
      f"--keys={path}: {len(missing)} of {len(wanted)} keys are no clips of the data set, "
      f"{min(missing)!r} among them"
    )
  return [clip_id for clip_id, key in enumerate(keys) if key in wanted]


def plan(config_class, recipes, default_recipe, flag_values):
  """Opens the data set and makes the configuration that the flags ask for; prints both.

  Args:
    config_class: a configuration.RunConfig.
    recipes: name -> dictionary, field -> configuration.Deviation.
    default_recipe: number of clips -> name of the recipe if none is chosen.
    flag_values: dictionary of the flags of `define_training_flags`.

  Returns:
    (store.Store, name of the recipe, configuration).
  """
  store = open_store(flag_values, config_class.sample_rate_hz)
  name = flag_values["recipe"] or default_recipe(store.num_clips)
  named = flag_values | {"dataset": " + ".join(flag_values["dataset"])}
  named |= parse_settings(config_class, flag_values["set"])
  config = configure(config_class, recipes[name], named, store.num_clips)
  chosen = flag_values["recipe"] is not None
  report.recipe(name, chosen=chosen, config=config, num_clips=store.num_clips)
  return store, name, config


def start_or_resume(system, recipe, config, store, flag_values, hosts):
  """Makes or opens the run folder that the flags name; the other hosts wait for the chief's.

  Args:
    system: "cola" or "mixback".
    recipe: name of the recipe.
    config: a configuration.RunConfig.
    store: a store.Store.
    flag_values: dictionary of the flags of `define_training_flags`.
    hosts: distribution.Hosts.

  Returns:
    A runs.Run.
  """
  hosts.require_shares(config.batch_size)
  folder = run_folder(system, flag_values)
  fields = dataclasses.asdict(config) | {"recipe": recipe}
  data = {"clips": store.num_clips, "digest": store.digest}
  defaults = {field.name: field.default for field in dataclasses.fields(config)}
  open_run = functools.partial(
    Run.start_or_resume, folder, system, fields, data, config.windows(), defaults=defaults
  )
  opened = open_run() if hosts.is_chief else None
  hosts.wait()
  return opened or open_run()


def run_folder(system, flag_values):
  """Returns the path of the run folder: --run, or a name made of system and data set."""
  return flag_values["run"] or default_run_folder(system, flag_values["dataset"])


def default_run_folder(system, datasets):
  """Returns runs/SYSTEM-DATASET with a name that is safe as a folder, of one or several sets."""
  paths = [name.removeprefix("folder:").rstrip("/\\") for name in datasets]
  name = "-".join(os.path.basename(path) or "audio" for path in paths)
  safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
  return os.path.join("runs", f"{system}-{safe}")


def _refuse_leftovers(argv):
  if len(argv) > 1:
    raise UserError(
      f"unexpected argument {argv[1]!r}: options are written --name=value; see --help"
    )


def _exit(message, code):
  sys.stdout.flush()
  print(message, file=sys.stderr, flush=True)
  sys.exit(code)
