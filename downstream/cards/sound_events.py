"""Cards of sound events: the data set of the second paper, and those most in demand."""

from typing import Any

from downstream.cards import published_scores
from downstream.cards.card import Task
from downstream.cards.corpus_split_rules import Folds, NamedSplits

_NO_NUMBERS = "by protocol only: we do not have the result tables of the paper, which reports the "
_NO_NUMBERS += "balanced (macro) accuracy of these 20 classes on these 947 clips"
_FSDNOISY: dict[str, Any] = {
  "metric": "macro_accuracy",
  "opens": "all",  # the cards share one store
  "licence": "CC BY; each clip CC0 or CC BY",
  "size": "18,532 clips of 0.3 to 30 s, 42.5 hours: train 17,585 (a tenth clean), test 947",
  "classes": "20, sound events",
}
_CLEAN = ("train_clean", "validation")


def _fsdnoisy(
  name: str,
  train: tuple[str, ...],
  test: tuple[str, ...],
  description: str,
  validation: tuple[str, ...] = (),
  comparable: str = _NO_NUMBERS,
) -> Task:
  split = NamedSplits(train, test, description, validation)
  return Task(name, "fsdnoisy18k", split, comparable=comparable, **_FSDNOISY)


_ESC_FOLDS = Folds(
  ("1", "2", "3", "4", "5"),
  "official: five folds, each tests once; clips of one recording are in one fold",
)

CARDS = (
  _fsdnoisy(
    "fsdnoisy18k",
    ("train",),
    ("test",),
    "official test; noisy training clips train, all clean ones validate, as in the released code",
    _CLEAN,
  ),
  _fsdnoisy(
    "fsdnoisy18k_clean",
    ("train_clean",),
    ("test",),
    "official test; 85 % of the clean training clips train, 15 % validate, as the released code "
    "intends (by mistake, it validates on all of them)",
    ("validation",),
  ),
  _fsdnoisy(
    "fsdnoisy18k_small",
    ("noisy_small",),
    ("test",),
    "official test; noisy clips of about the same duration as the clean ones train (noisy_small), "
    "all clean ones validate",
    _CLEAN,
    "no: not in the paper; together with fsdnoisy18k_clean it shows the cost of label noise",
  ),
  _fsdnoisy(
    "fsdnoisy18k_validation",
    ("train",),
    _CLEAN,
    "all clean training clips test, noisy ones train: the set on which the released code monitors "
    "its pre-training (kNN)",
  ),
  Task(
    "esc50",
    "esc50",
    _ESC_FOLDS,
    licence="CC BY-NC 3.0",
    size="2,000 clips of 5 s, 40 of each class",
    classes="50, environmental sounds",
    published=published_scores.of_task("esc50"),
    comparable="with numbers that are means over the five official folds",
  ),
  Task(
    "esc10_of_esc50",
    "esc10",
    _ESC_FOLDS,
    licence="CC BY 3.0",
    size="400 clips of 5 s, 40 of each class",
    classes="10, environmental sounds",
    comparable="as esc10, the same task for those who have a folder per class; here the clips are "
    "picked from ESC-50",
  ),
  Task(
    "fsd50k",
    "fsd50k",
    NamedSplits(
      ("train",),
      ("test",),
      "official: dev clips of split train and val, and eval; no uploader is in both dev and eval",
      ("validation",),
    ),
    metric="mAP",
    licence="CC BY 4.0; each clip CC0, CC BY, CC BY-NC or CC Sampling+",
    size="51,197 clips of 0.3 to 30 s: dev 40,966, eval 10,231",
    classes="200, sound events; a clip may have several",
    comparable="with mAP on the eval split",
  ),
  Task(
    "audioset",
    "audioset",
    NamedSplits(
      ("balanced",), ("eval",), "official: the balanced training segments train, eval tests"
    ),
    metric="mAP",
    licence="labels CC BY 4.0; the recordings belong to their owners",
    size="22,160 balanced and 20,371 eval segments of 10 s, minus those no longer online",
    classes="527, sound events; a clip has several",
    comparable="with mAP after balanced training (AS-20K), with care: every copy lacks other "
    "clips, and missing clips are not scored",
  ),
)
