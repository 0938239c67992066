"""Linear evaluation on arrays: selected on training clips only; the kept classifier is exported."""

import types

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from downstream import linear
from downstream.choices import Condition, EvaluationRequest, TaskChoice
from downstream.classifiers import linear_evaluation, logistic
from downstream.classifiers.linear_evaluation import Choice, ClipRows, choose_inverse_strength
from tests.downstream.classifiers.rows import NUM_CLASSES, draw_rows, problem_of
from tests.support import assert_close, command, write_clips

CLASS_NAMES = ["a", "b", "c", "d"]


def fit_and_score(problem, rows, clips=None, keep=None):
  clip_rows = ClipRows(np.arange(len(rows)) if clips is None else clips, rows)
  return linear_evaluation._fit_and_score(problem, clip_rows, keep)


def test_the_regularisation_is_the_most_likely_on_the_folds_and_all_training_clips_are_fitted():
  rows, targets = draw_rows()
  train = np.arange(130)
  folds = [(np.setdiff1d(train, train[k::5]), train[k::5]) for k in range(5)]
  kept = []
  fit_and_score(problem_of(targets, folds=folds), rows, keep=kept.append)
  pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
  search = GridSearchCV(
    pipeline,
    {"logisticregression__C": logistic.INVERSE_STRENGTHS},
    scoring="neg_log_loss",
    cv=folds,
  )
  search.fit(rows[:130].astype(float), targets[:130].argmax(1))
  assert kept[0].inverse_strength == search.best_params_["logisticregression__C"]
  desired = search.best_estimator_.predict_proba(rows[130:].astype(float))
  assert_close(kept[0].classifier(rows[130:]), desired, atol=1e-3)


def test_a_fold_without_a_class_that_it_tests_decides_nothing():
  rows, targets = draw_rows()
  present = np.flatnonzero(targets[:100, 0])
  lost = (np.setdiff1d(np.arange(100), present), present)  # all strengths are equally bad at it
  fold = (np.arange(50), np.arange(50, 100))
  clip_rows = ClipRows(np.arange(200), rows)
  chosen, (clips, scores) = choose_inverse_strength(clip_rows, targets, [fold, lost], False)
  alone, (clips_alone, scores_alone) = choose_inverse_strength(clip_rows, targets, [fold], False)
  assert chosen == alone
  assert clips.tolist() == clips_alone.tolist()  # thresholds are not chosen by the others
  assert_close(scores, scores_alone)


def test_where_every_fold_tests_what_it_has_not_trained_the_default_is_chosen():
  rows, targets = draw_rows()
  classes = [np.flatnonzero(targets[:100, k] * (targets[:100].sum(axis=1) == 1)) for k in (0, 1)]
  folds = [(classes[0], classes[1]), (classes[1], classes[0])]  # as of one recording for each
  clip_rows = ClipRows(np.arange(200), rows)
  chosen, held_out = choose_inverse_strength(clip_rows, targets, folds, multi_label=False)
  assert chosen == logistic.DEFAULT_INVERSE_STRENGTH
  assert held_out is None


@pytest.mark.parametrize("validation", [[], range(100, 130)])
def test_labels_and_rows_of_test_clips_are_not_used_for_selection(validation):
  rows, targets = draw_rows()
  changed_rows, changed_targets = rows.copy(), targets.copy()
  changed_targets[130:] = np.roll(targets[130:], 1, axis=1)
  changed_rows[131:] = 1e3
  first = fit_and_score(problem_of(targets, validation=validation), rows)
  second = fit_and_score(problem_of(changed_targets, validation=validation), changed_rows)
  assert_close(first[0], second[0])


def test_probabilities_of_windows_are_averaged_over_their_clip():
  rows, targets = draw_rows(400)
  clips = np.repeat(np.arange(200), 2)
  by_clip = targets[::2]
  rows = rows[np.argsort(np.repeat(np.arange(200), 2), kind="stable")]
  predicted = fit_and_score(problem_of(by_clip, validation=[]), rows, clips)
  is_train = clips < 100
  classifier = logistic.fit(
    rows[is_train], by_clip[clips[is_train]], logistic.DEFAULT_INVERSE_STRENGTH
  )
  desired = classifier(rows[clips >= 130]).reshape(70, 2, NUM_CLASSES).mean(axis=1)
  assert_close(predicted, desired, atol=1e-9)


class FirstSamples:
  """A model that embeds a clip as its first samples."""

  name = "runs/x"
  sample_rate_hz = 16_000
  embedder = types.SimpleNamespace(
    clip_pooling="windows", embed=lambda waves: (wave[:12] for wave in waves)
  )


def choices_of(rows, targets, splits):
  """Runs the protocol on splits, each a dictionary of clip ids; returns what it keeps."""
  data = types.SimpleNamespace(
    task=types.SimpleNamespace(metric="accuracy", name="x"),
    class_names=CLASS_NAMES,
    multi_label=False,
    store=None,
    targets=lambda: targets,
  )
  choices = []
  for ids in splits:
    fit_and_score(problem_of(targets, data, FirstSamples, **ids), rows, keep=choices.append)
  return choices


def test_of_one_split_the_evaluated_classifier_is_kept(tmp_path):
  rows, targets = draw_rows()
  choices = choices_of(rows, targets, [{}])
  linear_evaluation.write_classifier(str(tmp_path), choices)
  classifier = LinearClassifier.open(str(tmp_path))
  assert classifier.class_names == tuple(CLASS_NAMES)
  assert (classifier.multi_label, classifier.model) == (False, "runs/x")
  assert_close(classifier.fingerprint, fingerprint(FirstSamples.embedder, 16_000))
  fitted = logistic.fit(rows[:130], targets[:130], choices[0].inverse_strength)
  assert_close(classifier.scores(rows), fitted(rows), atol=1e-5)
  assert [path.name for path in tmp_path.iterdir()] == ["classifier.npz"]


def test_scores_of_clips_that_were_held_out_are_kept_with_the_classifier(tmp_path):
  rows, targets = draw_rows()
  train = np.arange(130)
  folds = [(np.setdiff1d(train, train[k::5]), train[k::5]) for k in range(5)]
  choices = choices_of(rows, targets, [{"train": train, "validation": [], "folds": folds}, {}])
  linear_evaluation.write_classifier(str(tmp_path / "one"), choices[:1])
  classifier = LinearClassifier.open(str(tmp_path / "one"))
  order = np.concatenate([held_out for _, held_out in folds])
  desired = np.concatenate(
    [
      logistic.fit(rows[fold], targets[fold], choices[0].inverse_strength)(rows[held_out])
      for fold, held_out in folds
    ]
  )
  assert_close(classifier.validation_scores, desired, atol=1e-6)
  assert (classifier.validation_targets == (targets[order] > 0)).all()
  assert [len(choice.held_out[0]) for choice in choices] == [130, 30]


def test_no_classifier_is_fitted_twice_and_held_out_scores_are_in_the_order_of_their_clips(
  monkeypatch,
):
  rows, targets = draw_rows()
  order = np.random.default_rng(1).permutation(130)  # neither fold is sorted
  folds = [(order[:60], order[60:]), (order[60:], order[:60])]
  fit, fitted = logistic.fit, []
  monkeypatch.setattr(
    logistic, "fit", lambda *given: fitted.append((len(given[0]), given[2])) or fit(*given)
  )
  kept = []
  fit_and_score(problem_of(targets, folds=folds), rows, keep=kept.append)
  assert len(fitted) == len(set(fitted))  # folds and all clips differ in size
  clips, scores = kept[0].held_out
  desired = fit(rows[order[:60]], targets[order[:60]], kept[0].inverse_strength, False)
  assert clips.tolist() == [*order[60:], *order[:60]]
  assert_close(scores[:70], np.stack([desired(rows[[clip]])[0] for clip in clips[:70]]), atol=1e-9)


def test_one_label_in_each_training_clip_makes_no_task_of_one_label(tmp_path):
  rows, targets = draw_rows()
  targets[150:, 0] = 1  # test clips have several
  task = types.SimpleNamespace(metric="mAP", name="x")
  data = types.SimpleNamespace(
    task=task, class_names=CLASS_NAMES, multi_label=True, store=None, targets=lambda: targets
  )
  kept = []
  scores = fit_and_score(problem_of(targets, data, FirstSamples), rows, keep=kept.append)
  assert not np.allclose(scores.sum(axis=1), 1)
  linear_evaluation.write_classifier(str(tmp_path), kept)
  assert LinearClassifier.open(str(tmp_path)).multi_label


def test_of_several_splits_it_is_fitted_on_all_clips_with_their_median(tmp_path, monkeypatch):
  rows, targets = draw_rows()
  folds = [{"train": range(0, 100)}, {"train": range(20, 100)}, {"train": range(50, 100)}]
  choices = [
    Choice(choice.problem, value, choice.classifier)
    for choice, value in zip(choices_of(rows, targets, folds), (1.0, 0.001, 0.01))
  ]
  embeddings = types.SimpleNamespace(of_clips=lambda: rows)
  maker = types.SimpleNamespace(make=lambda: embeddings)
  monkeypatch.setattr(linear_evaluation, "Embeddings", lambda model, store: maker)
  linear_evaluation.write_classifier(str(tmp_path), choices)
  desired = logistic.fit(rows, targets, 0.01)(rows)
  assert_close(LinearClassifier.open(str(tmp_path)).scores(rows), desired, atol=1e-5)


def test_from_labels_to_a_model_that_names_sounds(tiny_run, tmp_path):
  write_clips(tmp_path / "clips", clips=10, seconds=1)
  linear_options = [f"--model={tiny_run}", "--task=folder:clips", "--store_dir=stores"]
  done = command("downstream.linear", *linear_options, "--output=mine", cwd=tmp_path)
  assert done.stdout.endswith("classifier mine/classifier.npz, fitted on 16 of 20 clips\n")
  classifier = LinearClassifier.open(str(tmp_path / "mine"))
  assert classifier.class_names == ("high", "low")
  options = [f"--run={tiny_run}", "--format=tflite", "--output=mine.tflite", "--classifier=mine"]
  done = command("contrastive_audio.export", *options, cwd=tmp_path)
  assert "classes    mine.tflite.labels.txt" in done.stdout
  assert (tmp_path / "mine.tflite.labels.txt").read_text() == "high\nlow\n"


def test_of_numbered_folds_the_classifier_is_fitted_on_all_clips_and_says_so(tmp_path):
  write_clips(tmp_path / "clips", clips=4, seconds=1)
  paths = sorted(path.relative_to(tmp_path) for path in (tmp_path / "clips").rglob("*.wav"))
  rows = [f"{path},{path.parent.name},{number % 2}" for number, path in enumerate(paths)]
  (tmp_path / "folds.csv").write_text("\n".join(["file,label,split", *rows]))
  options = ["--model=logmel_stats", "--task=folds.csv", "--store_dir=stores", "--output=mine"]
  done = command("downstream.linear", *options, cwd=tmp_path)
  assert done.stdout.endswith("classifier mine/classifier.npz, fitted on 8 of 8 clips\n")


@pytest.mark.parametrize(
  ("train_on", "condition", "reason"),
  [
    ("windows", Condition(), "only --protocol=cached on clips"),
    ("clips", Condition(labels_per_class=2), "few or flipped"),
    ("clips", Condition(label_noise=0.1), "few or flipped"),
    ("clips", Condition(), None),
  ],
)
def test_which_evaluations_keep_no_classifier(train_on, condition, reason):
  request = EvaluationRequest("runs/x", TaskChoice("x"), DataLocation(), (condition,))
  explanation = linear._why_no_classifier(request, train_on)
  assert explanation == reason or reason in explanation


def test_an_evaluation_without_a_classifier_leaves_none_of_an_earlier_one(tiny_run, tmp_path):
  write_clips(tmp_path / "clips", clips=5, seconds=1)
  options = [f"--model={tiny_run}", "--task=folder:clips", "--store_dir=stores"]
  for few, is_kept in (("all", True), ("2", False)):
    labels = f"--labels_per_class={few}"
    command("downstream.linear", *options, labels, "--output=mine", cwd=tmp_path)
    assert (tmp_path / "mine" / "classifier.npz").exists() == is_kept
  windows = [*options, "--train_on=windows", "--output=windows"]
  assert "linear, cached, on windows" in command("downstream.linear", *windows, cwd=tmp_path).stdout


def test_the_protocol_of_the_paper_keeps_no_classifier(tiny_run, tmp_path):
  write_clips(tmp_path / "clips", clips=5, seconds=1)
  options = [f"--model={tiny_run}", "--task=folder:clips", "--store_dir=stores", "--epochs=1"]
  done = command("downstream.linear", *options, "--protocol=paper", "--output=mine", cwd=tmp_path)
  assert done.stdout.splitlines()[-1].startswith("classifier none is kept: only --protocol=cached")
  assert not (tmp_path / "mine" / "classifier.npz").exists()
