"""The papers' numbers agree with each other."""

import numpy as np

from downstream.cards import published_scores


def test_published_averages_are_those_of_their_columns():
  tasks_of_paper = list(published_scores.PAPER_TASKS)
  for numbers in (
    published_scores.COLA_DOWNSTREAM,
    published_scores.COLA_SIMILARITY,
    published_scores.COLA_BATCH_SIZE,
  ):
    for column in {column for column, _ in numbers}:
      average = np.mean([numbers[column, task] for task in tasks_of_paper])
      assert abs(average - numbers[column, published_scores.AVERAGE]) < 0.1  # cut off in the paper


def test_tables_that_share_a_column_print_the_same_numbers():
  for task in published_scores.PAPER_TASKS:
    frozen = published_scores.COLA_DOWNSTREAM["frozen", task]
    assert frozen == published_scores.COLA_SIMILARITY["bilinear", task]
    assert frozen == published_scores.COLA_BATCH_SIZE["batch_1024", task]
