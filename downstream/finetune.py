"""python -m downstream.finetune: trains encoder and classifier together on the labels of a task.

From pre-trained weights (--model=RUN), or from random ones (--model=random:RUN), which is the
papers' supervised baseline. It stops early by the validation part of the training clips. With
--frozen only the classifier is trained, and the encoder stays as it is, BatchNorm included.
"""

import dataclasses

from absl import flags

from audio import commands
from downstream import judging, training, training_flags


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
  if validation is None:  # one label per class: nothing to stop by
    options = dataclasses.replace(options, patience=None)
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


def main(_):
  values = flags.FLAGS.flag_values_dict()
  options = training_flags.options(values, values["frozen"], values["patience"])
  name = "frozen" if values["frozen"] else "fine-tuning"
  judging.run(name, make_method(options), values, show_embeddings=False)


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_bool("frozen", False, "Train the classifier only.")
  flags.DEFINE_integer(
    "patience", 10, "Epochs without a better validation score before it stops.", lower_bound=1
  )
  training_flags.define(learning_rate=1e-3, epochs=50)
  commands.run(main)
