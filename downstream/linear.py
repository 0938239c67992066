"""python -m downstream.linear: linear evaluation, a linear classifier on a frozen encoder.

Two protocols. `cached`: every clip is embedded once; multinomial logistic regression on its
embedding (the mean over its windows, or, with --train_on=windows, on the windows, whose predictions
are averaged), its regularisation chosen on the validation part of the training clips. `paper`:
random excerpts, new ones in each epoch, through the frozen encoder, Adam (COLA, section 3.1).
"""

import dataclasses
import warnings

import numpy as np
from absl import flags
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from audio import commands
from downstream import judging, scores, training, training_flags
from downstream.embeddings import Embeddings

PROTOCOLS = ("cached", "paper")
TRAIN_ON = ("clips", "windows")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of scikit-learn, from strong to weak regularisation
WITHOUT_VALIDATION = 0.1
_MAX_ITERATIONS = 1000


def cached(train_on="clips", cache=None):
  """Returns what makes the protocol `cached`, for judging.run.

  Args:
    train_on: "clips" or "windows".
    cache: `(model, store) -> folder` of its embeddings; None: the user's cache.
  """

  def make(data, model):
    embeddings = Embeddings(model, data.store, cache and cache(model, data.store)).make()
    if train_on == "windows":
      clips, rows = embeddings.of_windows()
    else:
      clips, rows = np.arange(data.store.num_clips), embeddings.of_clips()
    return lambda problem: _fit_and_score(problem, clips, rows)

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
      fitted = training.train(model, data.store, train, problem.targets, fitting, folder=folder)
      return fitted.scores(data.store, problem.test)

    return method

  return make


def _fit_and_score(problem, clips, rows):
  """Chooses C on the validation part, fits on all training clips, scores the test clips."""
  strength = WITHOUT_VALIDATION
  if len(problem.validation):
    tried = [_validation_score(problem, clips, rows, strength) for strength in STRENGTHS]
    strength = STRENGTHS[int(np.argmax(tried))]  # of equals the strongest regularisation
  classifier = fit(*_rows_of(problem.fitted_and_chosen, clips, rows, problem.targets), strength)
  return _score_clips(classifier, problem.test, clips, rows)


def _validation_score(problem, clips, rows, strength):
  classifier = fit(*_rows_of(problem.train, clips, rows, problem.targets), strength)
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


def fit(rows, targets, strength):
  """Fits logistic regression on standardised rows: multinomial, or one for each of several labels.

  Args:
    rows: float `[n, D]`.
    targets: `[n, C]`, one-hot or multi-hot.
    strength: C of scikit-learn, the inverse of the regularisation.

  Returns:
    A callable, rows `[m, D]` -> probabilities `[m, C]`; 0 for classes without a row.
  """
  regression = LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS)
  several = (targets.sum(axis=1) != 1).any()
  known = np.flatnonzero(targets.any(axis=0))
  wanted = targets[:, known] if several else targets.argmax(axis=1)
  pipeline = make_pipeline(
    StandardScaler(), OneVsRestClassifier(regression) if several else regression
  )
  with warnings.catch_warnings(), threadpool_limits(_threads(rows)):
    # A classifier that is close to its optimum is as good; most are there after 100 iterations.
    warnings.simplefilter("ignore", ConvergenceWarning)
    pipeline.fit(rows.astype(np.float64), wanted)

  def predict(some):
    predicted = np.zeros([len(some), targets.shape[1]])
    predicted[:, known] = pipeline.predict_proba(some)
    return predicted

  return predict


def _threads(rows):
  """One for small sets: there threads wait for each other, up to 28 times longer than they work."""
  return 1 if rows.size < 1e7 else None


def main(_):
  values = flags.FLAGS.flag_values_dict()
  if values["protocol"] == "cached":
    make = cached(values["train_on"])
  else:
    make = paper(training_flags.options(values, frozen=True))
  is_cached = values["protocol"] == "cached"
  judging.run(f"linear, {values['protocol']}", make, values, show_embeddings=is_cached)


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_enum("protocol", "cached", PROTOCOLS, "See the beginning of downstream/linear.py.")
  flags.DEFINE_enum("train_on", "clips", TRAIN_ON, "Of the protocol cached.")
  training_flags.define(learning_rate=1e-3, epochs=100)
  commands.run(main)
