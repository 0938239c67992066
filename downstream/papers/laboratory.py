"""Pre-trainings and measurements that are done once: what is there is taken, what is not is made.

runs/           a run folder for each pre-training and seed
results/        a JSON file for each measurement
training/       the state of a fine-tuning that has not ended
embeddings/     see embeddings.Embeddings
keys-*.txt      the clips of pre-training
"""

import dataclasses
import math
import os
import re
import shutil
import subprocess
import sys

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, write_json, write_text
from downstream import finetune, judging, knn, linear, tasks
from downstream.classifiers.excerpt_training import Options
from downstream.encoders import models
from downstream.judging import Condition
from downstream.papers import result_files
from downstream.papers.obstacles import Obstacles, TaskUnusable

# Suite -> tasks whose training clips are used to pre-train; their labels play no part.
PRETRAINING = {"small": ("digit", "esc10_fold5", "instrument")}
# System -> what its paper pre-trains on.
PAPER_DATASETS = {"cola": "audioset", "mixback": "fsdnoisy18k"}


@dataclasses.dataclass(frozen=True)
class Pretraining:
  """A run to be made by `python -m SYSTEM.train`.

  Attributes:
    system: "cola" or "mixback".
    options: flags, (name, value) pairs.
    random: take its network and front end with random weights.
    dataset: as `--dataset` has it; None: the training clips of tasks.
  """

  system: str
  options: tuple = ()
  random: bool = False
  dataset: str | None = None

  def name(self, seed):
    """Name of the run folder."""
    data = [re.sub(r"[^\w.-]+", "_", self.dataset)] if self.dataset else []
    values = [str(value) for _, value in self.options]
    return "-".join([self.system, *data, *values, str(seed)])


@dataclasses.dataclass(frozen=True)
class Measurement:
  """A number to be measured for each seed.

  Attributes:
    model: a Pretraining, or what `--model` takes; `{seed}` in it stands for the seed.
    method: one of METHODS.
    task: as `--task` has it.
    condition: a judging.Condition.
  """

  model: object
  method: str
  task: str
  condition: Condition


class Laboratory:
  """A folder of pre-trainings and results, and what is needed to make them.

  Args:
    folder: where everything is.
    suite: "small" or "papers".
    flag_values: dictionary of the flags of `tables`.
  """

  def __init__(self, folder, suite, flag_values):
    self.folder, self._suite, self._flags = folder, suite, flag_values
    self._opened = {}  # models and tasks are used by several measurements in a row
    self._obstacles = Obstacles()
    for part in ("runs", "results", "embeddings"):
      make_folder(os.path.join(folder, part))

  def measure(self, measurement, seed):
    """Returns the score in %, measured now or before.

    In the suite "papers" it is NaN where data is missing, which is said once.
    """
    path, described = self._result(measurement, seed)
    if (score := result_files.known(path, described)) is not None:
      return score
    if self._suite != "papers":
      return self._measure(measurement, seed)
    if self._is_blocked(measurement, seed):
      return math.nan
    try:
      return self._measure(measurement, seed)
    except TaskUnusable as error:
      self._obstacles.add(measurement.task, str(error))
      return math.nan

  def _measure(self, measurement, seed):
    model = self.model(measurement.model, seed)
    path, described = self._result(measurement, seed)
    state = os.path.join(self.folder, "training", os.path.basename(path).removesuffix(".json"))
    result = self._judge(measurement, model, seed, state)
    result.pop("predictions")
    write_json(path, described | {"result": result})
    shutil.rmtree(state, ignore_errors=True)
    print(f"measured   {measurement.method} {measurement.task} {model}: {result['score']:.1f} %")
    return result["score"]

  def _result(self, measurement, seed):
    """Returns (path, content) of the file that says what was measured."""
    model = self._model_name(measurement.model, seed)
    described = dataclasses.asdict(measurement) | {"model": model, "seed": seed}
    if measurement.method.startswith("finetune"):
      described["epochs"] = self._flags["epochs"]
    described["weights"] = _weights(model)
    return os.path.join(self.folder, "results", result_files.name(described)), described

  def _is_blocked(self, measurement, seed):
    """Whether the task, or the data of a pre-training that is still to be done, is missing."""
    task, model = measurement.task, measurement.model
    if self._obstacles.found(task, lambda: tasks.require_data(task, self._flags)):
      return True
    if not isinstance(model, Pretraining) or self._is_trained(model, seed):
      return False
    locations = self._flags["data_dir"], self._flags["manual_dir"]
    return self._obstacles.found(
      f"pre-training of {model.system}",
      lambda: datasets.open_source(self._dataset(model), None, *locations),
    )

  def model(self, model, seed):
    """Returns what `--model` takes, pre-trained if need be."""
    if isinstance(model, Pretraining) and not self._is_trained(model, seed):
      self._pretrain(model, self._run_folder(model, seed), seed)
    return self._model_name(model, seed)

  def _model_name(self, model, seed):
    if not isinstance(model, Pretraining):
      return model.replace("{seed}", str(seed))
    folder = self._run_folder(model, seed)
    return f"random:{folder}" if model.random else folder

  def _run_folder(self, model, seed):
    return os.path.join(self.folder, "runs", model.name(seed))

  def _is_trained(self, model, seed):
    return os.path.exists(os.path.join(self._run_folder(model, seed), "saved_model"))

  def _judge(self, measurement, name, seed, state):
    cache = self._cache
    methods = {
      "linear": lambda: linear.cached(cache=cache),
      "knn": lambda: knn.make_method(cache=cache),
      "knn_patches": lambda: knn.make_method("patches", cache=cache),
      "finetune": lambda: self._finetune(seed),
      # Of a pre-trained encoder: a tenth of the rate, as in mix-back's released configuration.
      "finetune_slowly": lambda: self._finetune(seed, learning_rate=1e-4),
      "finetune_from_linear": lambda: self._finetune(
        seed, learning_rate=1e-4, start="linear", batchnorm="fixed"
      ),
    }
    model = self._open(("model", name, seed), lambda: models.open_model(name, seed))
    data = self._usable_task(measurement.task, model.sample_rate_hz, seed)
    method = methods[measurement.method]()(data, model)
    return judging.judge(method, data, model, measurement.condition, seed, state)

  def _finetune(self, seed, **options):
    options = {"epochs": self._flags["epochs"], "patience": 10, "seed": seed} | options
    return finetune.make_method(Options(frozen=False, **options))

  def _cache(self, model, store):
    name = f"{model.identity[:16]}-{store.digest[:16]}"
    return os.path.join(self.folder, "embeddings", name)

  def _usable_task(self, task, sample_rate_hz, seed):
    try:
      data = self._open_task(task, sample_rate_hz)
      data.splits(seed)
    except UserError as error:
      raise TaskUnusable(str(error)) from error
    return data

  def _open_task(self, task, sample_rate_hz):
    key = ("task", task, sample_rate_hz)
    return self._open(key, lambda: tasks.open_task(task, sample_rate_hz, self._flags))

  def _open(self, key, make):
    """Keeps the last model and all tasks."""
    if key not in self._opened:
      if key[0] == "model":
        self._opened = {k: v for k, v in self._opened.items() if k[0] != "model"}
      self._opened[key] = make()
    return self._opened[key]

  def _pretrain(self, model, folder, seed):
    """Trains in a process of its own; a run that was cut goes on."""
    options = [f"--{name}={value}" for name, value in model.options]
    options += [
      f"--seed={seed}",
      f"--run={folder}",
      "--monitor_every=0",
      *self._data_options(model),
    ]
    print(f"pre-train  python -m {model.system}.train {' '.join(options)}", flush=True)
    done = subprocess.run([sys.executable, "-m", f"{model.system}.train", *options], check=False)
    if done.returncode or not os.path.exists(os.path.join(folder, "saved_model")):
      raise UserError(
        f"the pre-training in {folder} did not end (see above); what is finished is kept, and the "
        "same command goes on"
      )

  def _dataset(self, model):
    return model.dataset or self._flags["pretraining_dataset"] or PAPER_DATASETS[model.system]

  def _data_options(self, model):
    """Flags that choose the clips of pre-training."""
    names = ("data_dir", "manual_dir", "store_dir", "max_bad_fraction")
    shared = [f"--{name}={self._flags[name]}" for name in names if self._flags[name] is not None]
    if self._suite == "papers" or model.dataset:
      return [f"--dataset={self._dataset(model)}", *shared]
    root = self._flags["audio_root"] or ""
    cards = [tasks.CARDS[name] for name in self._pretraining_tasks()]
    sources = dict.fromkeys(card.dataset.replace(tasks.AUDIO_ROOT, root) for card in cards)
    return [*(f"--dataset={name}" for name in sources), f"--keys={self._write_keys()}", *shared]

  def _pretraining_tasks(self):
    chosen = self._flags["pretraining_tasks"] or PRETRAINING[self._suite]
    if unknown := [name for name in chosen if name not in tasks.CARDS]:
      raise UserError(f"--pretraining_tasks: there is no card {unknown[0]!r}")
    return chosen

  def _write_keys(self):
    """Names the clips of pre-training in a file: the training clips of its tasks."""
    path = os.path.join(self.folder, f"keys-{self._suite}.txt")
    keys = []
    for task in self._pretraining_tasks():
      data = self._open_task(task, 16_000)
      keys += [data.clips.keys[i] for i in data.splits(0)[0].train]
    write_text(path, "".join(f"{key}\n" for key in keys))
    return path


def _weights(model):
  """Something that changes when a run is trained anew."""
  path = os.path.join(model.removeprefix("random:"), "encoder.keras")
  if not os.path.exists(path):
    return None
  return models.digest_of_file(path)[:16]
