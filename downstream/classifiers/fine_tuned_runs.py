"""A fine-tuned model as a run folder: encoder, classifier, SavedModel, and what it was tuned from.

encoder.keras, classifier.npz and saved_model/ stand beside config.json, whose part fine_tuning says
which model, task, labels and options they are of. So everything that opens runs opens them, and the
folder is its own --classifier.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.networks.float32_copy import as_float32
from contrastive_audio.networks.nesting import layers_of
from contrastive_audio.runs import Run
from contrastive_audio.utils import run_files
from contrastive_audio.utils.files import make_folder
from downstream.choices import Condition
from downstream.classifiers.classifier import Classifier
from downstream.classifiers.linear_evaluation import HeldOut
from downstream.classifiers.problem import Problem, file_name
from downstream.model_names import folder_of
from downstream.protocols import Options

# A trained classifier, and how held-out clips were scored, if some were -> nothing.
Write = Callable[[Classifier, HeldOut | None], None]
_SEVERAL = "runs"  # folder of them
# What the front end and the encoder of random:efficientnet_b0 are called in COLA's configuration.
_NO_RUN: dict[str, Any] = {
  "system": "cola",
  "config": {"encoder": "efficientnet_b0", "input_scaling": "keras"},
}


class FineTunedRuns:
  """The runs of one call of downstream.finetune: one, or one for each condition and split.

  Attributes:
    folders: of the runs that are written.

  Example:
    >>> FineTunedRuns("results", (Condition(),), protocol="early_stopping").folders
    []
  """

  def __init__(self, output: str, conditions: tuple[Condition, ...], protocol: str):
    """Decides where runs are written; see `claimed`.

    Args:
      output: value of --output. The only run of a call is the folder itself; several are folders in
        its folder `runs`, named after their condition, their split, or both.
      conditions: of the call.
      protocol: of the training, human-readable.
    """
    self.folders: list[str] = []
    self._output, self._conditions, self._protocol = output, conditions, protocol

  @contextlib.contextmanager
  def claimed(self, problem: Problem, options: Options) -> Iterator[Write]:
    """Makes a folder the run of a training, and gives what writes its model there.

    No other process trains in the folder until the block ends.

    Args:
      problem: what is trained on.
      options: how, as asked for.

    Raises:
      UserError: the folder holds another run, or belongs to another process.
    """
    folder = self._folder_of(problem)
    if problem.model.front_end is None:
      raise UserError(f"--model={problem.model.name} has no front end, which a run needs")
    front_end = problem.model.front_end.pooled("windows")  # by which excerpt_training scores
    settings = json.loads(json.dumps(self._settings(problem, options)))
    make_folder(folder)
    lock = Run.lock(folder)
    with lock.held():
      if run_files.has_config(folder):
        run = Run.resume(folder, settings, lock=lock)
      else:
        run = Run.create(folder, settings, front_end, "downstream.finetune", lock)
      yield lambda classifier, held_out: self._write(run, front_end, problem, classifier, held_out)

  def _folder_of(self, problem: Problem) -> str:
    several_conditions = len(self._conditions) > 1
    several_splits = len(problem.data.splits(problem.seed)) > 1
    names = [problem.condition.name] if several_conditions else []
    names += [problem.split] if several_splits else []
    inner = os.path.join(self._output, _SEVERAL)
    is_one, were_several = run_files.has_config(self._output), os.path.isdir(inner)
    if (is_one and names) or (were_several and not names):
      there, here = ("one run", "several") if names else ("several runs", "one")
      raise UserError(
        f"--output={self._output} holds {there}, and this call makes {here}: choose another folder"
      )
    return os.path.join(inner, *map(file_name, names)) if names else self._output

  def _settings(self, problem: Problem, options: Options) -> dict[str, Any]:
    """Returns everything that distinguishes one fine-tuned model from another."""
    source = folder_of(problem.model.name)
    record = run_files.read_config(source) if run_files.has_config(source) else _NO_RUN
    store = problem.data.store
    return {
      "system": record["system"],
      "config": dict(record["config"]) | {"clip_pooling": "windows"},
      "data": {"clips": store.num_clips, "digest": store.digest},
      run_files.FINE_TUNING: {
        "model": problem.model.name,
        "model_digest": problem.model.identity,
        "task": problem.data.task.name,
        "protocol": self._protocol,
        "labels": problem.condition.name,
        "split": problem.split,
        **dataclasses.asdict(options),
      },
    }

  def _write(
    self,
    run: Run,
    front_end: FrontEnd,
    problem: Problem,
    classifier: Classifier,
    held_out: HeldOut | None,
  ) -> None:
    """Writes the model, each file atomically; after a kill, the same command does so again."""
    encoder = as_float32(classifier.encoder)
    # What a fixed BatchNorm was not, whoever tunes the run again may train.
    for layer in layers_of(encoder):
      layer.trainable = True
    run.save_networks(encoder)
    kernel, bias = (np.asarray(array) for array in classifier.dense.get_weights())
    linear = LinearClassifier(
      weights=kernel,
      bias=bias,
      class_names=tuple(problem.data.class_names),
      multi_label=problem.data.multi_label,
      model=run.folder,
      fingerprint=fingerprint(
        ClipEmbedder(ClipEncoder(front_end, encoder)), front_end.sample_rate_hz
      ),
      **_validation(problem, held_out),
    )
    linear.save(run.folder)
    export_saved_model(front_end, encoder, run.saved_model, linear)
    self.folders.append(run.folder)

  def report(self, options: Options) -> None:
    """Prints where the runs are, and how their scores differ from those that were evaluated.

    Args:
      options: how they were trained.
    """
    number = len(self.folders)
    where = self.folders[0] if number == 1 else f"{os.path.join(self._output, _SEVERAL)} ({number})"
    line("run", f"{where}: for --model, and with it --classifier=RUN")
    if (options.windows, options.average) != ("covering", "logits"):
      line(
        "scores",
        f"predictions.csv follows --protocol={self._protocol} ({options.windows} windows, mean of "
        f"their {options.average}); the run scores by windows that cover a clip, mean of their "
        "logits",
      )


def _validation(problem: Problem, held_out: HeldOut | None) -> dict[str, Any]:
  """Returns scores and targets of held-out clips, by the names of LinearClassifier."""
  if held_out is None:
    return {}
  clips, scores = held_out
  return {"validation_scores": scores, "validation_targets": problem.targets[clips] > 0}
