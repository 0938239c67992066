"""Training of a classifier: what changes, what stays, what is drawn, and what is refused."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from downstream import protocols
from downstream.classifiers import excerpt_training, logistic
from downstream.classifiers.classifier import Classifier
from tests.downstream.classifiers.tiny_training import (
  ALL,
  FRONT_END,
  NO_UPDATE,
  Numbered,
  assert_same,
  before_each_step,
  differ,
  model_of,
  options,
  results,
  state,
)
from tests.support import assert_close


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


def test_fixed_batchnorm_stays_in_a_model_within_the_encoder_too(clip_store, targets):
  stem = keras.Sequential([keras.layers.Conv2D(4, 5, 4), keras.layers.BatchNormalization()])
  log_mels = keras.Input([None, FRONT_END.num_mels, 1])
  encoder = keras.Model(log_mels, keras.layers.GlobalAveragePooling2D()(stem(log_mels)))
  before = [weight.numpy().copy() for weight in stem.layers[1].weights]
  chosen = options(batchnorm="fixed")
  classifier = excerpt_training.train(model_of(encoder), clip_store, ALL, targets, chosen)
  (copied,) = [layer for layer in classifier.encoder.layers if isinstance(layer, keras.Sequential)]
  assert_same([weight.numpy() for weight in copied.layers[1].weights], before)
  assert np.abs(copied.layers[0].weights[0] - stem.layers[0].weights[0]).max() > 0


def test_a_linear_start_is_logistic_regression_on_the_training_clips(
  model, clip_store, targets, halves
):
  fitted_on, _ = halves
  chosen = options(learning_rate=NO_UPDATE, epochs=1, start="linear", batchnorm="fixed")
  chosen = dataclasses.replace(chosen, inverse_strength=0.01)
  classifier = excerpt_training.train(model, clip_store, fitted_on, targets, chosen)
  windows = Classifier(FRONT_END, model.encoder, 2, chosen).embed_windows(clip_store, ALL)
  rows = np.stack([embeddings.mean(axis=0) for embeddings in windows])
  desired = logistic.fit(rows[fitted_on], targets[fitted_on], 0.01)(rows)
  assert_close(classifier.scores(clip_store, ALL), desired, atol=1e-3)


def test_a_frozen_encoder_in_training_mode_updates_the_statistics_of_a_copy_only(
  model, clip_store, targets
):
  """The accident of mix-back's published code: requires_grad=False, but model.train()."""
  before = state(model.encoder)
  chosen = options(frozen=True, batchnorm="batch")
  classifier = excerpt_training.train(model, clip_store, ALL, targets, chosen)
  assert_same(state(model.encoder), before)
  for weight, old in zip(classifier.encoder.weights, before, strict=True):
    assert np.array_equal(weight, old) != weight.path.split("/")[-1].startswith("moving_"), weight


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
def test_training_separates_two_classes(model, clip_store, targets, halves, frozen, tunings):
  to_train, held_out = halves
  classifier = excerpt_training.train(
    model, clip_store, to_train, targets, options(frozen=frozen, epochs=60, learning_rate=1e-2)
  )
  assert classifier.history[-1]["loss"] < 0.5 * classifier.history[0]["loss"]
  scores = classifier.scores(clip_store, held_out)
  assert (scores.argmax(axis=1) == targets[held_out].argmax(axis=1)).all()
  assert tunings
  assert not any(tunings)  # it would wait at its end


@pytest.mark.parametrize("name", protocols.LINEAR)
def test_the_protocols_of_the_papers_separate_two_classes(model, clip_store, targets, halves, name):
  to_train, held_out = halves
  chosen = protocols.choose(protocols.LINEAR, name, {"epochs": 60}, seed=3)
  chosen = dataclasses.replace(chosen, learning_rate=0.1 if chosen.optimizer == "sgd" else 1e-2)
  classifier = excerpt_training.train(model, clip_store, to_train, targets, chosen, held_out)
  scores = classifier.scores(clip_store, held_out)
  assert (scores.argmax(axis=1) == targets[held_out].argmax(axis=1)).all()


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
  drawn_ids = [targets.argmax(axis=1) for _, targets in seen]
  for (excerpts, _), ids in zip(seen, drawn_ids):
    assert_close(excerpts, np.broadcast_to(ids[:, None], excerpts.shape))
  epochs = np.reshape(drawn_ids, [3, 4])
  assert [sorted(ids) for ids in epochs.tolist()] == [[2, 5, 7, 11]] * 3
  assert len(set(map(tuple, epochs.tolist()))) > 1


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
  to_train, held_out = halves
  classifier = excerpt_training.train(
    model,
    clip_store,
    to_train,
    labels,
    options(metric="mAP", frozen=True, epochs=60, learning_rate=1e-2),
    held_out,
  )
  scores = classifier.scores(clip_store, held_out)
  assert_close(scores[:, 2] > 0.5, np.ones(6))
  assert_close(scores[:, 3] > 0.5, np.zeros(6))
  assert (scores[:, :2].argmax(axis=1) == targets[held_out].argmax(axis=1)).all()
  assert scores.sum(axis=1).min() > 1.2  # no softmax
  assert classifier.history[-1]["validation_score"] == 1


def refused_calls():
  """(what is changed in a call, what the message says)."""
  without = {"front_end": None, "encoder": None}
  return [
    (lambda call: call | {"model": dataclasses.replace(call["model"], **without)}, "random:RUN"),
    (lambda call: call | {"train_ids": []}, "no clips to train on"),
    (
      lambda call: call | {"options": options(selection="best")},
      "selection=best needs validation clips",
    ),
    (lambda call: call | {"model": model_of(no_weights())}, "no weights to fine-tune"),
    (
      lambda call: call | {"store": Numbered(call["store"], sample_rate_hz=8000)},
      "8000 Hz, and 'tiny' needs 16000 Hz",
    ),
  ]


def no_weights():
  return keras.Sequential(
    [keras.Input([None, FRONT_END.num_mels, 1]), keras.layers.GlobalMaxPooling2D()]
  )


@pytest.mark.parametrize(("change", "message"), refused_calls())
def test_what_cannot_be_trained_is_refused_in_one_line(model, clip_store, targets, change, message):
  call = {"model": model, "store": clip_store, "train_ids": ALL, "targets": targets}
  with pytest.raises(UserError, match=f"^[^\n]*{re.escape(message)}[^\n]*$"):
    excerpt_training.train(**change(call | {"options": options()}))


def test_the_bar_shows_loss_and_validation_score(model, clip_store, targets, halves, capfd):
  call = (model, clip_store, halves[0], targets, options(frozen=True))
  excerpt_training.train(*call, validation_ids=halves[1])
  shown = capfd.readouterr().err
  assert re.search(r"training, loss \d\.\d{3}, score \d\.\d{3}: 2/2", shown)


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet18", "vgg_like", "crnn"])
def test_a_copy_computes_the_same_and_has_its_own_weights(name):
  encoder = getattr(encoders, name)(64)
  rng = np.random.default_rng(0)
  for variable in encoder.weights:
    variable.assign(variable + rng.uniform(0, 0.01, variable.shape))
  copy = excerpt_training._copy(encoder, options(), Hosts())
  log_mels = rng.normal(size=[1, 96, 64, 1]).astype("f")
  embeddings = encoder(log_mels, training=False)
  assert_close(copy(log_mels, training=False), embeddings, atol=1e-5, rtol=1e-4)
  ours, theirs = ({id(v.value) for v in one.variables} for one in (copy, encoder))
  assert not ours & theirs
  momenta = [layer.momentum for layer in copy.layers if hasattr(layer, "momentum")]
  assert momenta == [layer.momentum for layer in encoder.layers if hasattr(layer, "momentum")]


def test_validation_clips_without_any_label_are_refused(model, clip_store, targets, halves):
  chosen = options(metric="mAP", frozen=True)
  with pytest.raises(UserError, match="no validation clip has a label"):
    excerpt_training.train(model, clip_store, halves[0], 0 * targets, chosen, halves[1])
