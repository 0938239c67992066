"""python -m downstream.finetune: trains encoder and classifier together on the labels of a task.

From pre-trained weights (--model=RUN), or from random ones (--model=random:RUN), which is the
papers' supervised baseline. It stops early by the validation part of the training clips. With
--frozen only the classifier is trained, and the encoder stays as it is, BatchNorm included.
"""

import dataclasses
import math

from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.distributed import hosts
from downstream import judging
from downstream.classifiers import excerpt_training, training_flags

PATIENCE_STEPS = 100  # it waits at least so long for a better validation score


def make_method(options, hosts=None):
  """Returns what makes the method, for judging.run.

  Args:
    options: training.Options.
    hosts: distribution.Hosts; None: this device alone.
  """

  def make(data, model):
    fitting = dataclasses.replace(options, multi_label=data.multi_label)
    return lambda problem: _fit_and_score(problem, fitting, hosts)

  return make


def _fit_and_score(problem, options, hosts=None):
  validation = problem.validation if len(problem.validation) else None
  # With one label per class there is nothing to stop by.
  patience = None if validation is None else _patience(options, len(problem.train))
  options = dataclasses.replace(options, patience=patience)
  classifier = excerpt_training.train(
    problem.model,
    problem.data.store,
    problem.train,
    problem.targets,
    options,
    validation,
    problem.folder,
    hosts=hosts,
  )
  return classifier.scores(problem.data.store, problem.test)


def _patience(options, num_train):
  """Returns how many epochs to wait: with few clips an epoch is a step, and says nothing."""
  steps_per_epoch = num_train // min(options.batch_size, num_train)
  return max(options.patience, math.ceil(PATIENCE_STEPS / steps_per_epoch))


def main(_):
  values = flags.FLAGS.flag_values_dict()
  options = training_flags.options(values, values["frozen"], values["patience"])
  names = ("start", "batchnorm")
  options = dataclasses.replace(options, **{name: values[name] for name in names})
  name = "frozen" if values["frozen"] else "fine-tuning"
  with hosts.joined(values["strategy"]) as hosts:
    method = make_method(options, hosts)
    judging.run(name, method, values, show_embeddings=False, writes=hosts.is_chief)


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_bool("frozen", False, "Train the classifier only.")
  flags.DEFINE_integer(
    "patience",
    10,
    "Epochs without a better validation score before it stops; 100 steps at least.",
    lower_bound=1,
  )
  flags.DEFINE_enum(
    "start",
    "random",
    excerpt_training.STARTS,
    "Of the classifier: random (the papers), or linear: logistic regression on the encoder as it "
    "is; with few labels it gains a lot.",
  )
  flags.DEFINE_enum(
    "batchnorm",
    "batch",
    excerpt_training.BATCHNORMS,
    "Statistics of BatchNorm in training: of the batch (the papers), or fixed, those of the model.",
  )
  flags.DEFINE_enum("strategy", "auto", hosts.STRATEGIES, "As of the trainers.")
  training_flags.define(learning_rate=1e-3, epochs=50)
  main.run_main(main)
