"""What `python -m SYSTEM.train` does, the same for every system."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contrastive_audio.cli import recordings, report, starting
from contrastive_audio.cli.main import start_tensorflow
from contrastive_audio.cli.open_data import ChosenData, Listing
from contrastive_audio.cli.settings import whatever_the_batch
from contrastive_audio.cli.training_flags import ADAPT, ANY_SIZE, TrainingRequest
from contrastive_audio.configuration import Recipe, configure
from contrastive_audio.errors import UserError
from contrastive_audio.utils import run_files
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.locks import FolderLock
from contrastive_audio.utils.stopping import StopRequest
from contrastive_audio.views.system_config import SystemConfig

if TYPE_CHECKING:
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.runs import Run
  from contrastive_audio.store.store import Store
  from contrastive_audio.training.starting_weights import StartingWeights


@dataclasses.dataclass(frozen=True)
class System:
  """A paper, as the training command needs it.

  Attributes:
    name: "cola" or "mixback".
    config_class: its configuration.
    recipes: name -> recipe, the first of which is the paper.
    default_recipe: number of clips -> name of the recipe if none is chosen.
    load: returns (build_model, make_monitor); called late, because it imports TensorFlow.
      `build_model(config)` returns a compiled ContrastiveModel, and `make_monitor(run, store,
      front_end, networks)` a Monitor.

  Example:
    >>> System("cola", SystemConfig, {"paper": {}}, lambda num_clips: "paper", load=tuple).name
    'cola'
  """

  name: str
  config_class: type[SystemConfig]
  recipes: Mapping[str, Recipe]
  default_recipe: Callable[[int], str]
  load: Callable[[], tuple[Callable, Callable]]


def train_system(system: System, request: TrainingRequest) -> None:
  """Opens the data, creates or resumes a run, trains, and prints the result.

  If the request asks for that, it only prints the configuration.

  Args:
    system: what is trained.
    request: how, and on what.

  Raises:
    UserError: what the user can fix, in one line.
    SystemExit: a signal stopped the training, which is saved: code 130 after Ctrl-C.

  Example:
    >>> from contrastive_audio.cli.open_data import DataChoice, DataLocation
    >>> class Config(SystemConfig):
    ...   sample_rate_hz = 16_000
    >>> system = System("cola", Config, {"paper": {}}, lambda num_clips: "paper", load=tuple)
    >>> train_system(system, TrainingRequest(DataChoice(("./nowhere",)), DataLocation()))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: './nowhere' ...
  """
  if request.source:
    request.source.require_system(system.name)
  rate_hz = request.fields.get("sample_rate_hz", system.config_class.sample_rate_hz)
  data = ChosenData(request.data, request.location, rate_hz)
  monitored = request.monitor and ChosenData(request.monitor, request.location, rate_hz)
  if request.print_config:
    with contextlib.redirect_stdout(sys.stderr):  # so that only JSON is printed
      listing = data.listing()
    print(json.dumps(resolve(system, request, listing), indent=2))
    return
  run_files.require_run_or_free(run_folder(system.name, request))
  start_tensorflow()
  from contrastive_audio.distributed.hosts import join_hosts

  # Signals second: when hosts join, TensorFlow takes SIGTERM for itself.
  with join_hosts(request.strategy) as hosts, StopRequest(in_set_up=True) as stop:
    _require_devices(request, hosts)
    report.print_devices(hosts)
    weights = _weights(system, request)
    request, store = _cut_into_pieces(system, request, data.store())
    judged = _labelled_store(monitored) if monitored else store
    if monitored:
      report.print_heard(judged, store)
    _train(system, request, store, judged, hosts, stop, weights)
  if stop.requested:
    sys.exit(stop.exit_code)


def _train(
  system: System,
  request: TrainingRequest,
  store: "Store",
  judged: "Store",
  hosts: "Hosts",
  stop: StopRequest,
  weights: "StartingWeights | None",
) -> None:
  """Creates or resumes a run, trains, and prints the result."""
  from contrastive_audio.networks.float32_copy import Float32Networks
  from contrastive_audio.training import building, pretraining, trackers

  build_model, make_monitor = system.load()
  recipe, config = _plan(system, request, store.num_clips)
  if weights is None and ":" not in config.encoder:  # of a recipe that the clips have chosen
    starting.require_excerpt_size(config, build_model)
  pairs = config.pairs(store)
  report.print_backgrounds(pairs)
  hosts.require_shares(config.batch_size)
  with _locked(run_folder(system.name, request), hosts) as lock:
    folder = run_folder(system.name, request)
    config = starting.with_statistics(config, store, folder, request.source)
    config = starting.with_statistics_of_chief(config, hosts)
    run = _start_or_resume(system.name, recipe, config, store, request, hosts, lock)
    model = building.build(build_model, config, hosts, weights)
    networks = Float32Networks(model)
    monitor = make_monitor(run, judged, config.front_end(), networks)
    report.print_monitor(monitor, request.monitor)
    with trackers.tracked(run, request.log_to if hosts.is_chief else ()) as callbacks:
      training = pretraining.Pretraining(
        run, config, pairs, model, networks, [monitor], hosts, callbacks
      )
      outcome = training.train(stop)
    report.print_outcome(run, outcome, config, store, model)
    stop.requested = not outcome.finished  # whether the signal came to this host, and in time


def _require_devices(request: TrainingRequest, hosts: "Hosts") -> None:
  """Refuses settings that the devices and hosts of this training cannot have."""
  for name in ("microbatch", "xla"):
    if value := request.fields.get(name):
      hosts.require_one_device(f"{name}={value}")
  if request.fields.get("views_on") == "host":
    hosts.require_one_host("views_on=host")


def _cut_into_pieces(
  system: System, request: TrainingRequest, store: "Store"
) -> tuple[TrainingRequest, "Store"]:
  """Returns what is trained on, cut if the clips are long, and the request with the length."""
  asked = request.fields.get("piece_s")
  piece_s = recordings.choose_piece_s(store, asked, run_folder(system.name, request))
  request = dataclasses.replace(request, fields={**request.fields, "piece_s": piece_s})
  return request, recordings.cut(store, piece_s, was_asked=asked is not None)


def _weights(system: System, request: TrainingRequest) -> "StartingWeights | None":
  """Returns the weights of --init; refuses what does not fit before any audio is decoded.

  Encoders of others are refused here, too, and those of ours for which excerpts are too small.
  """
  fields = request.fields if request.recipe else whatever_the_batch(request.fields)
  _, config = _choose(system, dataclasses.replace(request, fields=fields), ANY_SIZE)
  build_model, _ = system.load()
  if request.source is not None:
    return starting.open_weights(request.source, build_model, config)
  starting.require_excerpt_size(config, build_model)
  return None


@contextlib.contextmanager
def _locked(folder: str, hosts: "Hosts") -> Iterator[FolderLock]:
  """Lets nobody else train in a folder; of several hosts, the chief keeps the others out."""
  from contrastive_audio.runs import Run

  lock = Run.lock(folder)
  if not hosts.is_chief:
    yield lock
    return
  run_files.require_run_or_free(folder)
  make_folder(folder)
  with lock.held():
    yield lock


def _labelled_store(data: ChosenData) -> "Store":
  """Opens the clips of --monitor; refuses those that nothing can be evaluated on."""
  store = data.store()
  from contrastive_audio.monitoring.labelled_sample import is_usable

  classes = {label for label in store.labels() if is_usable(label)}
  if len(classes) < 2:
    raise UserError(
      f"--monitor: its {store.num_clips} clips have {len(classes) or 'no'} classes, and it takes "
      "two to evaluate: choose a folder with a sub-folder per class, or a CSV with labels, one for "
      "each clip"
    )
  return store


def resolve(system: System, request: TrainingRequest, listing: Listing) -> dict[str, Any]:
  """Returns what would be trained, in JSON types: system, configuration and clips.

  The configuration is that of a run's config.json, with mean and std null if they are measured,
  and piece_s null if the length of the clips will decide; clips and steps are those of whole clips.

  Args:
    system: what would be trained.
    request: how.
    listing: which clips.

  Example:
    >>> from contrastive_audio.cli.open_data import DataChoice, DataLocation
    >>> from contrastive_audio.configuration import RunConfig
    >>> system = System("cola", RunConfig, {"paper": {}}, lambda num_clips: "paper", load=tuple)
    >>> request = TrainingRequest(DataChoice(("esc50",)), DataLocation(), fields={"steps": 9})
    >>> config = resolve(system, request, Listing(num_clips=2000, digest="9f86d081"))["config"]
    >>> config["steps"], config["seed"], config["recipe"]
    (9, 0, 'paper')
  """
  recipe, config = _choose(system, request, listing.num_clips)
  config.require_used(request.asked)
  undecided = {} if "piece_s" in request.fields else {"piece_s": None}
  return {
    "system": system.name,
    "config": dataclasses.asdict(config) | undecided | {"recipe": recipe},
    "data": {"clips": listing.num_clips, "listing": listing.digest},
  }


def _choose(system: System, request: TrainingRequest, num_clips: int) -> tuple[str, SystemConfig]:
  """Returns the recipe and the configuration for a number of clips."""
  recipe = request.recipe or (ADAPT if request.source else system.default_recipe(num_clips))
  config = configure(system.config_class, system.recipes[recipe], request.fields, num_clips)
  if request.measured:
    config = dataclasses.replace(config, mean=None, std=None)
  return recipe, config


def _plan(system: System, request: TrainingRequest, num_clips: int) -> tuple[str, SystemConfig]:
  """Returns the recipe and the configuration for a number of clips; prints them."""
  recipe, config = _choose(system, request, num_clips)
  config.require_used(request.asked)
  why = f"the default for {num_clips} clips" if request.source is None else "the default for --init"
  report.print_recipe(recipe, None if request.recipe else why, config, num_clips)
  return recipe, config


def _start_or_resume(
  system: str,
  recipe: str,
  config: SystemConfig,
  store: "Store",
  request: TrainingRequest,
  hosts: "Hosts",
  lock: FolderLock,
) -> "Run":
  """Creates or opens the run folder; the other hosts wait for the chief's."""
  from contrastive_audio.runs import Run

  folder, fixed_steps = run_folder(system, request), config.fixed_steps()
  fields = dataclasses.asdict(config) | {"recipe": recipe}
  data: dict[str, Any] = {"clips": store.num_clips, "digest": store.digest}
  defaults = dataclasses.asdict(type(config)())
  if hosts.is_chief:
    front_end = config.front_end()
    run = Run.start_or_resume(
      folder, system, fields, data, front_end, "train", defaults, fixed_steps, lock
    )
    hosts.wait()
    return run
  hosts.wait()
  settings = {"system": system, "config": fields, "data": data}
  return Run.resume(folder, settings, defaults, fixed_steps, lock)


def run_folder(system: str, request: TrainingRequest) -> str:
  """Returns the path of the run folder: as asked for, or named after system and data set.

  Example:
    >>> from contrastive_audio.cli.open_data import DataChoice, DataLocation
    >>> data = DataChoice(("folder:/music/my songs/", "esc50"))
    >>> run_folder("cola", TrainingRequest(data, DataLocation()))
    'runs/cola-my_songs-esc50'
  """
  if request.run:
    return request.run
  paths = [name.removeprefix("folder:").rstrip("/\\") for name in request.data.datasets]
  name = "-".join(os.path.basename(path) or "audio" for path in paths)
  safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
  return os.path.join("runs", f"{system}-{safe}")
