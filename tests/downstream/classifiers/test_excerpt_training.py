"""Training of a classifier: what changes, what stays, when it stops, how it goes on."""

import dataclasses
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio import datasets
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from contrastive_audio.store import preparation
from downstream.classifiers import excerpt_training, logistic
from downstream.classifiers.excerpt_training import Options
from downstream.encoders import models
from tests import support
from tests.support import assert_close

NO_UPDATE = 1e-12  # a learning rate
WINDOWS = models.cola_front_end()


def tiny_encoder(seed=0, dropout=0.2):
  """Convolution, BatchNorm, dropout: whatever a training can change; D = 240."""
  keras.utils.set_random_seed(seed)
  layers = [
    keras.Input([None, WINDOWS.num_mels, 1]),
    keras.layers.Conv2D(16, 5, 4),
    keras.layers.BatchNormalization(momentum=0.5),
    keras.layers.ReLU(),
    keras.layers.Dropout(dropout),
    # The mean over time only: tones differ in their frequencies.
    keras.layers.Reshape([-1, 15 * 16]),
    keras.layers.GlobalAveragePooling1D(),
  ]
  return keras.Sequential(layers, name="tiny")


def model_of(encoder, front_end=WINDOWS):
  return models._of_keras("tiny", "", front_end, encoder)


@pytest.fixture
def model():
  return model_of(tiny_encoder())


@pytest.fixture(scope="module")
def targets(clip_store):
  """One-hot float32 `[12, 2]`."""
  names = sorted(set(clip_store.labels()))
  return np.eye(2, dtype="f")[[names.index(label) for label in clip_store.labels()]]


@pytest.fixture(scope="module")
def halves(targets):
  """(ids to train on, ids to validate on), three of each class in both."""
  ids = [np.flatnonzero(targets[:, number]) for number in (0, 1)]
  return np.concatenate([i[:3] for i in ids]), np.concatenate([i[3:] for i in ids])


ALL = np.arange(12)


def options(**changes):
  """Two epochs of three steps, fine-tuning."""
  return dataclasses.replace(Options(frozen=False, batch_size=4, epochs=2, seed=3), **changes)


def before_each_step(monkeypatch, action):
  """Calls `action(excerpts, targets)` before each step of a training."""
  run = excerpt_training._Step.__dict__["run"]

  def act_and_run(self, *batch):
    action(*batch)
    return run.__get__(self, excerpt_training._Step)(*batch)

  monkeypatch.setattr(excerpt_training._Step, "run", act_and_run)


def state(encoder):
  """Copies of all variables but those that dropout draws from."""
  return [variable.numpy().copy() for variable in encoder.weights]


def results(classifier):
  return [*state(classifier.encoder), *classifier.dense.get_weights()]


def assert_same(one, other):
  for ours, theirs in zip(one, other, strict=True):
    np.testing.assert_array_equal(ours, theirs)


def differ(one, other):
  return [not np.array_equal(ours, theirs) for ours, theirs in zip(one, other, strict=True)]


@pytest.mark.parametrize("frozen", [True, False])
def test_the_given_encoder_is_bit_identical_afterwards(model, clip_store, targets, frozen):
  before = [variable.numpy().copy() for variable in model.encoder.variables]
  classifier = excerpt_training.train(model, clip_store, ALL, targets, options(frozen=frozen))
  assert_same([variable.numpy() for variable in model.encoder.variables], before)
  assert (classifier.encoder is model.encoder) == frozen
  assert np.abs(classifier.dense.bias.numpy()).min() > 0  # it has been trained


def test_fine_tuning_changes_each_weight_and_the_statistics_of_batchnorm(
  model, clip_store, targets
):
  classifier = excerpt_training.train(model, clip_store, ALL, targets, options())
  before, after = state(model.encoder), state(classifier.encoder)
  names = [variable.name for variable in model.encoder.weights]
  assert {"kernel", "gamma", "moving_mean", "moving_variance"} <= set(names)
  assert all(differ(before, after))


def test_fixed_batchnorm_stays_while_the_rest_is_trained(model, clip_store, targets):
  classifier = excerpt_training.train(model, clip_store, ALL, targets, options(batchnorm="fixed"))
  after = {weight.path: weight for weight in classifier.encoder.weights}
  for weight in model.encoder.weights:
    stays = "batch_norm" in weight.path
    assert np.array_equal(weight, after[weight.path]) == stays, weight.path


@pytest.mark.parametrize("has_validation", [True, False])
def test_a_linear_start_is_logistic_regression_with_the_regularisation_validation_chooses(
  model, clip_store, targets, halves, has_validation
):
  fitted_on, validation = halves
  chosen = options(learning_rate=NO_UPDATE, epochs=1, start="linear", batchnorm="fixed")
  classifier = excerpt_training.train(
    model, clip_store, fitted_on, targets, chosen, validation if has_validation else None
  )
  rows = excerpt_training.Classifier(WINDOWS, model.encoder, 2).embeddings(clip_store, ALL)

  def score(strength):
    fitted = logistic.fit(rows[fitted_on], targets[fitted_on], strength)
    return np.mean(fitted(rows[validation]).argmax(1) == targets[validation].argmax(1))

  strength = logistic.choose(score) if has_validation else logistic.WITHOUT_VALIDATION
  desired = logistic.fit(rows[fitted_on], targets[fitted_on], strength)(rows)
  assert_close(classifier.scores(clip_store, ALL), desired, atol=1e-3)


@pytest.mark.parametrize("field", ["start", "batchnorm"])
def test_an_unknown_way_to_start_is_refused(field):
  with pytest.raises(UserError, match=f"{field}='x': allowed are"):
    options(**{field: "x"})


def test_fine_tuning_begins_with_the_given_weights(model, clip_store, targets):
  classifier = excerpt_training.train(
    model, clip_store, ALL, targets, options(learning_rate=NO_UPDATE, epochs=1)
  )
  for given, copy in zip(model.encoder.trainable_weights, classifier.encoder.trainable_weights):
    assert_close(copy, given, atol=1e-9)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_seed_gives_its_own_weights_each_time(model, clip_store, targets, frozen):
  first, again, other = (
    excerpt_training.train(model, clip_store, ALL, targets, options(frozen=frozen, seed=seed))
    for seed in (1, 1, 2)
  )
  assert_same(results(again), results(first))
  assert again.history == first.history
  assert any(differ(results(other), results(first)))


def test_first_weights_and_excerpts_both_depend_on_the_seed(
  model, clip_store, targets, monkeypatch
):
  kernels, excerpts = [], []
  before_each_step(monkeypatch, lambda batch, _: excerpts.append(batch.numpy()))
  for seed in (1, 2):
    unmoved = options(frozen=True, seed=seed, epochs=1, batch_size=12, learning_rate=NO_UPDATE)
    classifier = excerpt_training.train(model, clip_store, ALL, targets, unmoved)
    kernels.append(classifier.dense.kernel.numpy())
  assert np.abs(kernels[0] - kernels[1]).mean() > 0.05
  # In order of their first samples, so that it is not only the order of the clips that differs.
  first, other = (np.sort(batch[:, 0]) for batch in excerpts)
  assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("frozen", [True, False])
def test_training_separates_two_classes(model, clip_store, targets, halves, frozen):
  to_train, to_judge = halves
  classifier = excerpt_training.train(
    model, clip_store, to_train, targets, options(frozen=frozen, epochs=60, learning_rate=1e-2)
  )
  assert classifier.history[-1]["loss"] < 0.5 * classifier.history[0]["loss"]
  scores = classifier.scores(clip_store, to_judge)
  assert (scores.argmax(axis=1) == targets[to_judge].argmax(axis=1)).all()


def test_clips_that_are_not_trained_on_have_no_influence(model, clip_store, targets, halves):
  first = excerpt_training.train(model, clip_store, halves[0], targets, options())
  changed = targets.copy()
  changed[halves[1]] = 1 - changed[halves[1]]
  again = excerpt_training.train(model, clip_store, halves[0], changed, options())
  assert_same(results(again), results(first))


def test_an_epoch_draws_each_clip_with_its_own_target(model, clip_store, targets, monkeypatch):
  """Targets that tell the clip, excerpts that tell it as well: clip i holds the number i."""
  seen = []
  store = Numbered(clip_store)
  before_each_step(monkeypatch, lambda *batch: seen.append([part.numpy() for part in batch]))
  excerpt_training.train(
    model, store, [7, 2, 11, 5], np.eye(12, dtype="f"), options(epochs=3, batch_size=2)
  )
  assert [len(excerpts) for excerpts, _ in seen] == [2] * 6
  told = [targets.argmax(axis=1) for _, targets in seen]
  for (excerpts, _), ids in zip(seen, told):
    assert_close(excerpts, np.broadcast_to(ids[:, None], excerpts.shape))
  epochs = np.reshape(told, [3, 4])
  assert [sorted(ids) for ids in epochs.tolist()] == [[2, 5, 7, 11]] * 3
  assert len(set(map(tuple, epochs.tolist()))) > 1


class Numbered:
  """A store whose clip i is the number i, over and over."""

  def __init__(self, store, ids=None):
    self._store, self._ids = store, np.arange(12) if ids is None else ids
    self.sample_rate_hz, self.digest = store.sample_rate_hz, store.digest
    self.num_clips, self.num_samples = len(self._ids), store.num_samples[self._ids]

  def select(self, ids):
    return Numbered(self._store, self._ids[ids])

  def copy_excerpt(self, clip_id, start, out):
    out[:] = self._ids[clip_id]


@pytest.mark.parametrize(
  ("multi_label", "targets", "expected"),
  [
    (False, [1, 0], np.log1p(np.exp(-2.5))),
    (False, [0, 1], np.log1p(np.exp(2.5))),
    (True, [1, 1], np.mean(np.log1p(np.exp([-0.5, 2.0])))),
    (True, [0, 1], np.mean(np.log1p(np.exp([0.5, 2.0])))),
  ],
)
def test_the_loss_is_the_cross_entropy_of_softmax_or_sigmoid(model, multi_label, targets, expected):
  classifier = excerpt_training.Classifier(WINDOWS, model.encoder, 2)
  chosen = options(multi_label=multi_label, frozen=True)
  step = excerpt_training._Step(classifier, WINDOWS, chosen, Hosts())
  logits = np.array([[0.5, -2.0]] * 3, "f")
  assert_close(step._loss(np.array([targets] * 3, "f"), logits), expected, atol=1e-6)


def doctored(scores):
  """Validation scores of consecutive epochs, whatever the classifier says."""
  scores = iter(scores)
  return lambda *_: next(scores)


@pytest.mark.parametrize(
  ("patience", "scores", "best", "epochs"),
  [
    (1, [0.2, 0.5, 0.4], 2, 3),
    (2, [0.2, 0.5, 0.5, 0.4], 2, 4),
    (2, [0.2, 0.1, 0.3, 0.3, 0.3], 3, 5),
    (1, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
    (None, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 6, 6),
  ],
)
def test_early_stopping_takes_the_weights_of_the_best_epoch(
  model, clip_store, targets, halves, monkeypatch, patience, scores, best, epochs
):
  monkeypatch.setattr(excerpt_training, "_score", doctored(scores))
  classifier = excerpt_training.train(
    model, clip_store, halves[0], targets, options(patience=patience, epochs=6), halves[1]
  )
  assert (classifier.epochs, classifier.best_epoch) == (epochs, best)
  assert [row["validation_score"] for row in classifier.history] == scores
  shorter = excerpt_training.train(model, clip_store, halves[0], targets, options(epochs=best))
  assert_same(results(classifier), results(shorter))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_validation_score_is_that_of_the_epoch(
  model, clip_store, targets, halves, monkeypatch, frozen
):
  """It is computed from what the classifier, as it is then, says of the validation clips."""
  seen, score = [], excerpt_training._score
  monkeypatch.setattr(excerpt_training, "_score", lambda *call: seen.append(call) or score(*call))
  to_train, to_judge = halves
  classifier = excerpt_training.train(
    model, clip_store, to_train, targets, options(frozen=frozen, epochs=3), to_judge
  )
  assert len(seen) == 3
  logits, labels, multi_label = seen[-1]
  assert_close(tf.nn.softmax(logits), classifier.scores(clip_store, to_judge), atol=1e-6)
  assert_close(labels, targets[to_judge])
  assert not multi_label
  assert [row["validation_score"] for row in classifier.history] == [score(*call) for call in seen]


def test_scores_are_the_softmax_of_logits_averaged_over_the_windows(model, clip_store, targets):
  classifier = excerpt_training.train(model, clip_store, ALL, targets, options())
  kernel, bias = classifier.dense.get_weights()
  expected = []
  for clip in (4, 9):
    logits = []
    for log_mel in support.cut_log_mels(WINDOWS, clip_store.wave(clip)):
      embedding = classifier.encoder(log_mel[None, ..., None], training=False)[0].numpy()
      logits.append(embedding @ kernel + bias)
    assert len(logits) == 2
    exponentials = np.exp(np.mean(logits, axis=0))
    expected.append(exponentials / exponentials.sum())
  scores = classifier.scores(clip_store, [4, 9])
  assert scores.dtype == np.float32
  assert_close(scores, expected, atol=1e-5)


def test_scores_of_no_clips_have_no_rows(model, clip_store):
  classifier = excerpt_training.Classifier(WINDOWS, model.encoder, 3)
  assert classifier.scores(clip_store, []).shape == (0, 3)


class Crash(Exception):
  """What ends a training in the middle."""


def crash_at(step, monkeypatch):
  """Lets the training end in a step, counted over all epochs."""
  steps = []

  def count(*_):
    steps.append(1)
    if len(steps) == step:
      raise Crash

  before_each_step(monkeypatch, count)


@pytest.mark.parametrize("frozen", [True, False])
def test_an_interrupted_training_goes_on_and_ends_the_same(
  model, clip_store, targets, halves, tmp_path, monkeypatch, frozen
):
  changes = {"frozen": frozen, "epochs": 4, "patience": 3, "batch_size": 2}
  call = (model, clip_store, halves[0], targets, options(**changes), halves[1])
  uninterrupted = excerpt_training.train(*call)
  for step in (2, 9):  # of twelve: before anything is saved, and late
    folder = tmp_path / str(step)
    with monkeypatch.context() as patch, pytest.raises(Crash):
      crash_at(step, patch)
      excerpt_training.train(*call, folder)
    resumed = excerpt_training.train(*call, folder)
    assert resumed.history == uninterrupted.history
    assert resumed.best_epoch == uninterrupted.best_epoch
    assert_same(results(resumed), results(uninterrupted))


def test_a_resume_trains_only_the_epochs_that_are_left(
  model, clip_store, targets, tmp_path, monkeypatch
):
  with monkeypatch.context() as patch:
    crash_at(8, patch)  # in the third epoch
    with pytest.raises(Crash):
      excerpt_training.train(model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path)
  crash_at(4, monkeypatch)  # three are left, a fourth would end it
  classifier = excerpt_training.train(
    model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path
  )
  assert classifier.epochs == 3


def test_a_finished_training_is_read_not_repeated(
  model, clip_store, targets, halves, tmp_path, monkeypatch
):
  call = (model, clip_store, halves[0], targets, options(epochs=3, patience=1), halves[1], tmp_path)
  monkeypatch.setattr(excerpt_training, "_score", doctored([0.5, 0.4]))
  finished = excerpt_training.train(*call)
  crash_at(1, monkeypatch)
  again = excerpt_training.train(*call)
  assert (again.epochs, again.best_epoch) == (2, 1)
  assert again.history == finished.history
  assert_same(results(again), results(finished))


def test_only_one_checkpoint_is_kept(model, clip_store, targets, tmp_path):
  excerpt_training.train(
    model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path / "new" / "x"
  )
  names = {path.name for path in (tmp_path / "new" / "x").iterdir()}
  data = "epoch-3.data-00000-of-00001"
  assert names == {"training.json", "checkpoint", "epoch-3.index", data}


def other_call(name, call):
  """The call with one thing changed that makes it another training."""
  call = dict(call)
  if name in ("seed", "learning_rate", "frozen"):
    value = {"seed": 4, "learning_rate": 1e-2, "frozen": True}[name]
    call["options"] = dataclasses.replace(call["options"], **{name: value})
  elif name == "model":
    call["model"] = dataclasses.replace(call["model"], identity="another")
  elif name == "training clips":
    call["train_ids"] = call["train_ids"][::-1]
  elif name == "validation clips":
    call["validation_ids"] = None
  elif name == "targets":
    call["targets"] = 1 - call["targets"]
  else:
    call["store"] = call["store"].select(ALL)
  return call


@pytest.fixture(scope="module")
def call_of_folder(clip_store, targets, halves, tmp_path_factory):
  """The arguments of a finished training in a folder."""
  folder = str(tmp_path_factory.mktemp("trainings") / "it")
  call = {"model": model_of(tiny_encoder()), "store": clip_store, "targets": targets}
  call |= {"train_ids": halves[0], "validation_ids": halves[1]}
  call |= {"options": options(epochs=1), "folder": folder}
  excerpt_training.train(**call)
  return call


DIFFERENCES = ["seed", "learning_rate", "frozen", "model", "data set"]
DIFFERENCES += ["training clips", "validation clips", "targets"]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_folder_of_another_training_is_refused_and_the_difference_named(call_of_folder, name):
  with open(f"{call_of_folder['folder']}/training.json") as file:
    found = json.load(file)
  with pytest.raises(
    UserError, match=rf"it' holds another training: {name} was [^;\n]*$"
  ) as raised:
    excerpt_training.train(**other_call(name, call_of_folder))
  assert f"{name} was {found[name]!r} and is now " in str(raised.value)
  assert excerpt_training.train(**call_of_folder).epochs == 1


@pytest.mark.parametrize("name", ["training.json", "epoch-2.index"])
def test_a_damaged_folder_is_one_line(model, clip_store, targets, tmp_path, name):
  excerpt_training.train(model, clip_store, ALL, targets, options(), folder=str(tmp_path))
  (tmp_path / name).write_text("nothing useful")
  with pytest.raises(UserError, match=rf"^cannot read .*{re.escape(str(tmp_path))}.*anew$"):
    excerpt_training.train(model, clip_store, ALL, targets, options(), folder=str(tmp_path))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_loss_that_is_not_finite_ends_the_training(
  model, clip_store, targets, tmp_path, monkeypatch, frozen
):
  loss, steps = excerpt_training._Step._loss, tf.Variable(0)

  def not_finite(self, *arguments):
    return loss(self, *arguments) / tf.cast(steps.assign_add(1) < 5, tf.float32)

  monkeypatch.setattr(excerpt_training._Step, "_loss", not_finite)
  with pytest.raises(UserError) as raised:
    excerpt_training.train(model, clip_store, ALL, targets, options(frozen=frozen), folder=tmp_path)
  message = str(raised.value)
  assert re.match(r"epoch 2, step 2: loss inf, .*learning rate 0.001\. .*lower", message)
  assert "\n" not in message
  assert (tmp_path / "epoch-1.index").exists()


@pytest.mark.parametrize("measured", [(0.5, float("nan")), (float("inf"), 0.5)])
def test_either_of_loss_and_gradient_is_enough_to_end_it(
  model, clip_store, targets, monkeypatch, measured
):
  monkeypatch.setattr(excerpt_training._Step, "run", lambda *_: measured)
  message = "epoch 1, step 1: loss {:g}, gradient norm {:g}".format(*measured)
  with pytest.raises(UserError, match=message):
    excerpt_training.train(model, clip_store, ALL, targets, options())


def test_an_exploding_learning_rate_is_told(model, clip_store, targets):
  with pytest.raises(UserError, match=r"^epoch \d+, step \d+: .*learning rate 1e\+38"):
    excerpt_training.train(model, clip_store, ALL, targets, options(learning_rate=1e38, epochs=5))


def test_one_clip_per_class_is_enough(model, clip_store, targets, halves):
  ids = [halves[0][0], halves[0][-1]]
  for frozen in (True, False):
    classifier = excerpt_training.train(
      model, clip_store, ids, targets, options(frozen=frozen, batch_size=64, epochs=2)
    )
    assert classifier.epochs == 2
    assert classifier.scores(clip_store, ids).shape == (2, 2)


def test_a_clip_may_have_several_labels_or_none(model, clip_store, targets, halves):
  """Two classes as before, one that all clips have, one that none has."""
  labels = np.concatenate([targets, np.ones([12, 1], "f"), np.zeros([12, 1], "f")], axis=1)
  to_train, to_judge = halves
  classifier = excerpt_training.train(
    model,
    clip_store,
    to_train,
    labels,
    options(multi_label=True, frozen=True, epochs=60, learning_rate=1e-2),
    to_judge,
  )
  scores = classifier.scores(clip_store, to_judge)
  assert_close(scores[:, 2] > 0.5, np.ones(6))
  assert_close(scores[:, 3] > 0.5, np.zeros(6))
  assert (scores[:, :2].argmax(axis=1) == targets[to_judge].argmax(axis=1)).all()
  assert scores.sum(axis=1).min() > 1.2  # no softmax
  assert classifier.history[-1]["validation_score"] == 1


def test_the_multi_label_score_is_the_mean_over_classes_that_occur():
  targets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]], "f")
  logits = np.array([[3, 0, 1], [2, 1, 5], [1, 2, 0], [0, 3, 0]], "f")
  # Class 0: hits at ranks 1 and 3, class 1: at 1, 2 and 3; class 2 does not occur.
  expected = np.mean([(1 / 1 + 2 / 3) / 2, 1])
  assert_close(excerpt_training._score(logits, targets, multi_label=True), expected, atol=1e-6)
  with pytest.raises(UserError, match="no validation clip has a label"):
    excerpt_training._score(logits, np.zeros([4, 3], "f"), multi_label=True)


def test_the_score_of_one_label_is_the_share_of_hits():
  targets, logits = np.eye(3, dtype="f")[[0, 1, 2, 2]], np.eye(3, dtype="f")[[0, 1, 2, 0]]
  assert excerpt_training._score(logits, targets, multi_label=False) == 0.75


def refused_calls():
  """(what is changed in a call, what the message says)."""
  without = {"windows": None, "encoder": None}
  return [
    (lambda call: call | {"model": dataclasses.replace(call["model"], **without)}, "random:RUN"),
    (lambda call: call | {"train_ids": []}, "no clips to train on"),
    (lambda call: call | {"options": options(patience=3)}, "patience=3 needs validation clips"),
    (lambda call: call | {"model": model_of(no_weights())}, "no weights to fine-tune"),
    (lambda call: call | {"store": Rate(call["store"])}, "8000 Hz, and 'tiny' needs 16000 Hz"),
  ]


def no_weights():
  return keras.Sequential(
    [keras.Input([None, WINDOWS.num_mels, 1]), keras.layers.GlobalMaxPooling2D()]
  )


class Rate(Numbered):
  """A store of another rate."""

  def __init__(self, store):
    super().__init__(store)
    self.sample_rate_hz = 8000


@pytest.mark.parametrize(("change", "message"), refused_calls())
def test_what_cannot_be_trained_is_refused_in_one_line(model, clip_store, targets, change, message):
  call = {"model": model, "store": clip_store, "train_ids": ALL, "targets": targets}
  with pytest.raises(UserError, match=f"^[^\n]*{re.escape(message)}[^\n]*$"):
    excerpt_training.train(**change(call | {"options": options()}))


@pytest.mark.parametrize(
  ("name", "value"), [("epochs", 0), ("batch_size", 0), ("patience", 0), ("learning_rate", 0.0)]
)
def test_options_that_make_no_sense_are_refused(name, value):
  with pytest.raises(UserError, match=f"^{name}={value}: it has to be"):
    Options(frozen=True, **{name: value})


def test_the_bar_shows_loss_and_validation_score(model, clip_store, targets, halves, capfd):
  call = (model, clip_store, halves[0], targets, options(frozen=True))
  excerpt_training.train(*call, validation_ids=halves[1], description="fold 1")
  shown = capfd.readouterr().err
  assert re.search(r"fold 1: .*loss=\d\.\d{3}, validation_score=\d\.\d{3}", shown)


@pytest.fixture(scope="module")
def short_store(tmp_path_factory):
  """Clips of one window: there is only one excerpt to draw."""
  seconds = WINDOWS.num_samples / WINDOWS.sample_rate_hz
  folder = support.write_clips(tmp_path_factory.mktemp("short"), clips=2, seconds=seconds)
  source = datasets.open_source(f"folder:{folder}")
  store = preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))
  assert set(store.num_samples) == {WINDOWS.num_samples}
  return store


def losses(model, store, **changes):
  """The losses of epochs that differ in what is dropped, and in nothing else."""
  changes = {"learning_rate": NO_UPDATE, "batch_size": 4} | changes
  targets = np.eye(2, dtype="f")[[0, 0, 1, 1]]
  same = [0, 0, 0, 0]  # four times one clip: not even their order differs
  classifier = excerpt_training.train(model, store, same, targets, options(**changes))
  return [row["loss"] for row in classifier.history]


def test_dropout_draws_anew_in_every_step_of_fine_tuning_only(short_store):
  first, second = losses(model_of(tiny_encoder()), short_store)
  assert abs(first - second) > 1e-3
  for model, frozen in ((tiny_encoder(), True), (tiny_encoder(dropout=0.0), False)):
    first, second = losses(model_of(model), short_store, frozen=frozen)
    assert_close(first, second, atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet18", "vgg_like", "crnn"])
def test_a_copy_computes_the_same_and_has_its_own_weights(name):
  encoder = getattr(encoders, name)(64)
  rng = np.random.default_rng(0)
  for variable in encoder.weights:
    variable.assign(variable + rng.uniform(0, 0.01, variable.shape))
  copy = excerpt_training._copy(encoder, "batch", Hosts())
  log_mels = rng.normal(size=[1, 96, 64, 1]).astype("f")
  embeddings = encoder(log_mels, training=False)
  assert_close(copy(log_mels, training=False), embeddings, atol=1e-5, rtol=1e-4)
  ours, theirs = ({id(v.value) for v in one.variables} for one in (copy, encoder))
  assert not ours & theirs
  momenta = [layer.momentum for layer in copy.layers if hasattr(layer, "momentum")]
  assert momenta == [layer.momentum for layer in encoder.layers if hasattr(layer, "momentum")]


@pytest.mark.slow
def test_efficientnet_is_fine_tuned_with_drop_connect(short_store):
  """Two epochs of one step."""
  encoder = encoders.efficientnet_b0(WINDOWS.num_mels, batchnorm_momentum=0.5)
  model = model_of(encoder)
  before = state(encoder)
  first, second = losses(model, short_store)
  assert abs(first - second) > 1e-3
  assert_same(state(encoder), before)
