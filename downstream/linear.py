"""python -m downstream.linear: linear evaluation, a linear classifier on a frozen encoder.

Two protocols. `cached`: every clip is embedded once; multinomial logistic regression on its
embedding (the mean over its windows, or, with --train_on=windows, on the windows, whose predictions
are averaged), its regularisation chosen on the validation part of the training clips. `paper`:
random excerpts, new ones in each epoch, through the frozen encoder, Adam (COLA, section 3.1).

With --output the protocol `cached` on clips keeps its classifier, for contrastive_audio.export --classifier.
"""

import dataclasses

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from downstream import judging
from downstream.classifiers import excerpt_training, logistic, scores, training_flags
from downstream.encoders.embedding_parts import Embeddings

PROTOCOLS = ("cached", "paper")
TRAIN_ON = ("clips", "windows")


def cached(train_on="clips", cache=None, keep=None):
  """Returns what makes the protocol `cached`, for judging.run.

  Args:
    train_on: "clips" or "windows".
    cache: `(model, store) -> folder` of its embeddings; None: the user's cache.
    keep: a callable, gets (Problem, chosen C, Fitted) of each split; or None.
  """

  def make(data, model):
    embeddings = Embeddings(model, data.store, cache and cache(model, data.store)).make()
    if train_on == "windows":
      clips, rows = embeddings.of_windows()
    else:
      clips, rows = np.arange(data.store.num_clips), embeddings.of_clips()
    return lambda problem: _fit_and_score(problem, clips, rows, keep)

  return make


def paper(options):
  """Returns what makes the protocol `paper`, for judging.run.

  Args:
    options: training.Options, frozen.
  """

  def make(data, model):
    fitting = dataclasses.replace(options, multi_label=data.multi_label)

    def method(problem):
      # The published code has no validation part: everything trains, the last weights count.
      train, folder = problem.fitted_and_chosen, problem.folder
      fitted = excerpt_training.train(
        model, data.store, train, problem.targets, fitting, folder=folder
      )
      return fitted.scores(data.store, problem.test)

    return method

  return make


def _fit_and_score(problem, clips, rows, keep=None):
  """Chooses C on the validation part, fits on all training clips, scores the test clips."""
  strength = logistic.WITHOUT_VALIDATION
  if len(problem.validation):
    strength = logistic.choose(lambda c: _validation_score(problem, clips, rows, c))
  classifier = logistic.fit(
    *_rows_of(problem.fitted_and_chosen, clips, rows, problem.targets), strength
  )
  if keep:
    keep((problem, strength, classifier))
  return _score_clips(classifier, problem.test, clips, rows)


def _validation_score(problem, clips, rows, strength):
  classifier = logistic.fit(*_rows_of(problem.train, clips, rows, problem.targets), strength)
  predicted = _score_clips(classifier, problem.validation, clips, rows)
  targets = problem.targets[problem.validation]
  return scores.score(problem.data.task.metric, targets, predicted)


def _rows_of(clip_ids, clips, rows, targets):
  chosen = np.isin(clips, clip_ids)
  return rows[chosen], targets[clips[chosen]]


def _score_clips(classifier, clip_ids, clips, rows):
  """Probabilities `[m, C]`, averaged over the rows of each clip."""
  chosen = np.isin(clips, clip_ids)
  predicted = classifier(rows[chosen])
  ids, number = np.unique(clips[chosen], return_inverse=True)
  sums = np.zeros([len(ids), predicted.shape[1]])
  np.add.at(sums, number, predicted)
  means = sums / np.bincount(number)[:, None]
  return means[np.searchsorted(ids, clip_ids)]


def write_classifier(folder, choices):
  """Writes the classifier that goes with the results of all splits, for contrastive_audio.export.

  Of a task with one split it is the one that was judged, fitted on the training clips. Where there
  are several splits, each clip was tested once and none of their classifiers is the one to keep: it
  is fitted on all clips, with the median of the regularisations that the splits chose.

  Args:
    folder: where to.
    choices: list of (Problem, chosen C, Fitted), of each split.

  Returns:
    The path of the file.
  """
  problem, _, fitted = choices[0]
  data, model = problem.data, problem.model
  if len(choices) > 1:
    strengths = sorted(strength for _, strength, _ in choices)
    rows = Embeddings(model, data.store).make().of_clips()
    fitted = logistic.fit(rows, data.targets(), strengths[(len(strengths) - 1) // 2])
  weights, bias = (array.astype(np.float32) for array in fitted.parameters())
  classifier = LinearClassifier(
    weights,
    bias,
    tuple(data.class_names),
    fitted.several,
    model.name,
    fingerprint(model.embedder, model.sample_rate_hz),
  )
  return classifier.save(folder)


def main(_):
  values, choices = flags.FLAGS.flag_values_dict(), []
  is_cached = values["protocol"] == "cached"
  if is_cached:
    make = cached(values["train_on"], keep=choices.append)
  else:
    make = paper(training_flags.options(values, frozen=True))
  judging.run(f"linear, {values['protocol']}", make, values, show_embeddings=is_cached)
  if not values["output"]:
    return
  if reason := _why_no_classifier(values):
    print(f"classifier none is kept: {reason}")
  else:
    print(f"classifier {write_classifier(values['output'], choices)}")


def _why_no_classifier(flag_values):
  """What is exported takes the embedding of a clip and is fitted on all labels as they are."""
  if flag_values["protocol"] != "cached" or flag_values["train_on"] != "clips":
    return "only the protocol cached on clips has one that fits an export"
  if flag_values["labels_per_class"] or flag_values["label_noise"]:
    return "the labels were few or flipped"
  return None


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_enum("protocol", "cached", PROTOCOLS, "See the beginning of downstream/linear.py.")
  flags.DEFINE_enum("train_on", "clips", TRAIN_ON, "Of the protocol cached.")
  training_flags.define(learning_rate=1e-3, epochs=100)
  main.run_main(main)
