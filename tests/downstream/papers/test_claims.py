"""Claims of the papers: their rows exist, and intervals alone decide whether they hold."""

import pytest

from contrastive_audio.utils.spreadsheets import write_csv
from downstream.papers import claims
from downstream.papers.cells import columns_of
from downstream.papers.claims import CLAIMS, Claim
from downstream.papers.table import TableRequest
from downstream.papers.tables import MAKERS
from tests.support import assert_close

ONE = Claim(1, "a beats b", "here", "cola_similarity", "a", "b", published=7.1)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_both_rows_of_a_claim_and_its_column_stand_in_its_table(claim):
  table = MAKERS[claim.table](TableRequest("open", pretraining_dataset="pool"))
  models = {variant.name: (variant.model, variant.method) for variant in table.variants}
  assert models[claim.ahead] != models[claim.behind]
  assert claim.column in [*(column.title for column in columns_of(table)), "average"]


def test_every_question_has_claims_and_none_is_asked_twice():
  assert {claim.number for claim in CLAIMS} == set(range(1, 12))
  assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def test_the_published_effects_are_those_of_the_published_columns():
  columns = {"cosine": "cosine", "bilinear": "bilinear", "1024": "batch_1024", "256": "batch_256"}
  columns |= {"random weights": "random", "supervised": "supervised"}
  columns |= {"COLA, frozen": "frozen", "COLA, fine-tuned": "fine_tuned"}
  known = [claim for claim in CLAIMS if claim.published is not None]
  assert len(known) == 5
  for claim in known:
    published = MAKERS[claim.table](TableRequest("papers")).published
    ahead, behind = (published[columns[row], "average"] for row in (claim.ahead, claim.behind))
    assert_close(claim.published, ahead - behind, atol=1e-6)


def scores(*differences):
  both = {"seed_0": 50.0, "seed_1": 60.0, "seed_2": 80.0, "seed_3": 0.0}
  ahead = {f"seed_{seed}": both[f"seed_{seed}"] + d for seed, d in enumerate(differences)}
  return {("a", "average"): ahead, ("b", "average"): both}


@pytest.mark.parametrize(
  ("differences", "verdict"),
  [
    ((7.0, 8.0, 7.5), claims.HOLDS),  # seeds that differ by 30 hide nothing
    ((-7.0, -8.0, -7.5), claims.FAILS),
    ((7.0, 1.0, -2.0), claims.UNTOLD),
    ((7.0,), claims.UNTOLD),
    ((0.4, 0.4, 0.4), claims.UNTOLD),  # a clip more, three times: of others nothing is known
    ((), claims.OPEN),
  ],
)
def test_the_interval_of_the_differences_within_a_seed_decides(differences, verdict):
  effect = claims.effect_of(ONE, scores(*differences))
  assert claims.verdict(effect) == verdict


def test_seeds_that_agree_to_the_clip_are_the_reason_that_nothing_can_be_told():
  effect = claims.effect_of(ONE, scores(0.4, 0.4, 0.4))
  assert effect.text == "+0.4 in each of 3 seeds"
  assert claims.why(effect).startswith("the seeds agree to the clip")


def test_an_effect_of_nothing_has_no_minus():
  effect = claims.effect_of(ONE, scores(-0.04, -0.02, 0.0))
  assert effect.text == "+0.0 [-0.1, +0.0], 3 seeds"
  assert claims.effect_of(ONE, scores(-0.04)).text == "+0.0, 1 seed"


def test_an_interval_is_that_of_students_t():
  effect = claims.effect_of(ONE, scores(1.0, 2.0, 3.0))
  width = 4.302653 / 3**0.5  # the quantile for three seeds, whose standard deviation is 1
  assert_close([effect.mean, effect.low, effect.high], [2, 2 - width, 2 + width], atol=1e-5)


def test_a_claim_is_read_from_the_file_of_its_table_and_is_open_without(tmp_path):
  (row,) = claims.rows_of([ONE], tmp_path)
  assert row == ["1", "a beats b", "here", "+7.1", "", "open", "not measured yet"]
  rows = [["variant", "task", "mean", "seed_0", "seed_1"]]
  rows += [["a", "average", "9", "60.0", "64.0"], ["b", "average", "9", "50.0", "55.0"]]
  rows += [["a", "digit", "9", "1.0", "1.0"], ["b", "digit", "9", "", "9.0"]]
  write_csv(tmp_path / "cola_similarity-open.csv", rows)
  (row,) = claims.rows_of([ONE], tmp_path)
  assert row[4:6] == ["+9.5 [+3.1, +15.9], 2 seeds", "holds"]
