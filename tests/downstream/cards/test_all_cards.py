"""All cards: what they print, and that they divide small copies of their data sets soundly."""

import numpy as np
import pytest

from contrastive_audio.datasets import corpora as published_corpora
from downstream.cards import all_cards, cola, published_scores, sound_events, split_rules
from downstream.choices import METRICS
from tests.downstream.cards.fake_corpora import problem_of
from tests.support import command

CARDS = {card.name: card for card in (*cola.CARDS, *sound_events.CARDS)}
FIELDS = ["task", "source", "data set", "files", "licence", "size", "classes", "predicts", "split"]
FIELDS += ["metric", "published", "comparable"]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_prints_every_field(name):
  lines = CARDS[name].lines()
  assert list(dict.fromkeys(title for title, _ in lines)) == FIELDS
  assert all(text and "\n" not in text for _, text in lines)
  source = dict(lines)["source"]
  assert CARDS[name].corpus.homepage in source


def test_a_card_is_printed_by_the_command():
  printed = command("downstream.tasks", "--task=voxceleb_speaker", cwd=".").stdout
  assert "published  COLA, linear on frozen: 29.9 % (COLA, ICASSP 2021, Table 1)\n" in printed
  assert "published  M2D, ratio 0.6: 73.1 % (README of nttcslab/m2d)\n" in printed
  assert "a subset that is not public" in printed


def test_cards_are_printed():
  result = command("downstream.tasks", "--task=esc10", cwd=".")
  assert "ESC-10: 400 clips" in result.stdout
  assert "official: five folds" in result.stdout
  everything = command("downstream.tasks", cwd=".").stdout
  assert all(f"task       {name}\n" in everything for name in all_cards.CARDS)
  wrong = command("downstream.tasks", "--task=x", cwd=".", check=False)
  assert wrong.stderr.startswith("error: --task=x: there is no such card; there are digit")


def test_every_card_names_a_known_rule_and_metric():
  for name, card in all_cards.CARDS.items():
    assert card.name == name
    assert card.metric in METRICS
    assert card.split.description
    assert callable(card.split)
  assert set(all_cards.SUITES["small"]) <= set(all_cards.CARDS)
  assert isinstance(all_cards.CARDS["esc10"].split, split_rules.FoldsByKey)


def test_the_tasks_of_cola_are_cards_with_its_numbers():
  for name in published_scores.PAPER_TASKS:
    columns = ("random", "supervised", "frozen", "fine_tuned")
    expected = [published_scores.COLA_DOWNSTREAM[column, name] for column in columns]
    assert [value for _, value, _ in CARDS[name].published[:4]] == expected


def test_rules_name_splits_that_the_data_sets_have():
  for card in CARDS.values():
    assert set(card.split_names) <= set(card.corpus.split_names)
    opened = set((card.opens or "all").split("+")) - {"all"}
    assert opened <= set(card.corpus.split_names)
  assert {card.dataset for card in CARDS.values()} == set(published_corpora.NAMES)


@pytest.mark.parametrize("name", CARDS)
def test_parts_of_a_card_are_disjoint_and_every_tested_class_is_trained(name, open_card):
  data = open_card(name)
  for split in data.splits(0):
    problem = problem_of(data, split)
    parts = [problem.train, problem.validation, problem.test]
    assert all(len(part) for part in parts)
    together = np.concatenate(parts)
    assert len(together) == len(set(together.tolist())) <= data.store.num_clips
    assert (data.targets()[problem.train].sum(axis=1) >= 1).all()
    trained = data.targets()[problem.train].any(axis=0)
    assert trained[data.targets()[problem.test].any(axis=0)].all()
    again = next(s for s in data.splits(0) if s.name == split.name)
    assert again.test.tolist() == split.test.tolist()


# Groups: what must not be on both sides; None: the official lists, or clips, divide it.
WHOLE = ("musan", "voxforge_language", "tut_2018", "nsynth_instrument", "voxceleb_speaker", "esc50")


@pytest.mark.parametrize("name", [*WHOLE, "speech_commands_v1", "esc10_of_esc50"])
def test_no_group_is_on_two_sides(name, open_card):
  data = open_card(name)
  for seed in range(3):
    for split in data.splits(seed):
      train, test = ({data.clips.groups[i] for i in part} for part in (split.train, split.test))
      assert train
      assert test
      assert not train & test
      if name in ("musan", "voxforge_language"):  # their validation part is cut like that, too
        problem = problem_of(data, split, seed)
        fitted, chosen = (
          {data.clips.groups[i] for i in part} for part in (problem.train, problem.validation)
        )
        assert not fitted & chosen
