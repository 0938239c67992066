"""python -m downstream.finetune: trains encoder and classifier together on the labels of a task.

From pre-trained weights (--model=RUN), or from random ones (--model=random:RUN), which is the
papers' supervised baseline. It stops early by the validation part of the training clips. With
--frozen only the classifier is trained, and the encoder stays as it is, BatchNorm included.
"""

import dataclasses
import math

from absl import flags

from audio import commands
from downstream import judging, training, training_flags

PATIENCE_STEPS = 100  # it waits at least so long for a better validation score


def make_method(options):
  """Returns what makes the method, for judging.run.

  Args:
    options: training.Options.
  """

  def make(data, model):
    fitting = dataclasses.replace(options, multi_label=data.multi_label)
    return lambda problem: _fit_and_score(problem, fitting)

  return make


def _fit_and_score(problem, options):
  validation = problem.validation if len(problem.validation) else None
  # With one label per class there is nothing to stop by.
  patience = None if validation is None else _patience(options, len(problem.train))
  options = dataclasses.replace(options, patience=patience)
  classifier = training.train(
    problem.model,
    problem.data.store,
    problem.train,
    problem.targets,
    options,
    validation,
    problem.folder,
  )
  return classifier.scores(problem.data.store, problem.test)


def _patience(options, num_train):
  """Returns how many epochs to wait: with few clips an epoch is a step, and says nothing."""
  steps_per_epoch = num_train // min(options.batch_size, num_train)
  return max(options.patience, math.ceil(PATIENCE_STEPS / steps_per_epoch))


def main(_):
  values = flags.FLAGS.flag_values_dict()
  options = training_flags.options(values, values["frozen"], values["patience"])
  name = "frozen" if values["frozen"] else "fine-tuning"
  judging.run(name, make_method(options), values, show_embeddings=False)


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_bool("frozen", False, "Train the classifier only.")
  flags.DEFINE_integer(
    "patience",
    10,
    "Epochs without a better validation score before it stops; 100 steps at least.",
    lower_bound=1,
  )
  training_flags.define(learning_rate=1e-3, epochs=50)
  commands.run(main)
