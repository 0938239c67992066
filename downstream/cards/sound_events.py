"""Cards of sound events: the data set of the second paper, and those that users ask for first."""

from downstream.cards import published_scores
from downstream.cards.card import Task
from downstream.cards.corpus_split_rules import Folds, Parts

_NO_NUMBERS = "by protocol only: the result tables of the paper are not known to us; it has the "
_NO_NUMBERS += "balanced (macro) accuracy of these 20 classes on these 947 clips"
_FSDNOISY = {
  "metric": "macro_accuracy",
  "opens": "all",  # the cards share one store
  "licence": "CC BY; each clip CC0 or CC BY",
  "size": "18,532 clips of 0.3 to 30 s, 42.5 hours: train 17,585 (a tenth clean), test 947",
  "classes": "20, sound events",
}
_CLEAN = ("train_clean", "validation")


def _fsdnoisy(name, train, test, describe, validation=(), comparable=_NO_NUMBERS):
  split = Parts(train, test, describe, validation)
  return Task(name, "fsdnoisy18k", split, comparable=comparable, **_FSDNOISY)


_ESC_FOLDS = Folds(
  ("1", "2", "3", "4", "5"),
  "official: five folds, each tested once; clips of one recording are in one fold",
)

CARDS = (
  _fsdnoisy(
    "fsdnoisy18k",
    ("train",),
    ("test",),
    "official test; noisy training clips train, all clean ones choose, as in the released code",
    _CLEAN,
  ),
  _fsdnoisy(
    "fsdnoisy18k_clean",
    ("train_clean",),
    ("test",),
    "official test; 85 % of the clean training clips train, 15 % choose, as the released code "
    "intends (it chooses on all of them, by mistake)",
    ("validation",),
  ),
  _fsdnoisy(
    "fsdnoisy18k_small",
    ("noisy_small",),
    ("test",),
    "official test; noisy clips of about the duration of the clean ones train (noisy_small), all "
    "clean ones choose",
    _CLEAN,
    "no: not in the paper; beside fsdnoisy18k_clean it says what label noise costs",
  ),
  _fsdnoisy(
    "fsdnoisy18k_validation",
    ("train",),
    _CLEAN,
    "all clean training clips test, noisy ones train: the set by which the released code watches "
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
    comparable="as esc10, which is the same task for those who have a folder for each class; here "
    "they are picked from ESC-50",
  ),
  Task(
    "fsd50k",
    "fsd50k",
    Parts(
      ("train",),
      ("test",),
      "official: dev clips of split train and val, and eval; no uploader is in both dev and eval",
      ("validation",),
    ),
    metric="mAP",
    licence="CC BY 4.0; each clip CC0, CC BY, CC BY-NC or CC Sampling+",
    size="51,197 clips of 0.3 to 30 s: dev 40,966, eval 10,231",
    classes="200, sound events; a clip may have several",
    comparable="with mAP of the eval part",
  ),
  Task(
    "audioset",
    "audioset",
    Parts(("balanced",), ("eval",), "official: the balanced training segments train, eval tests"),
    metric="mAP",
    licence="labels CC BY 4.0; the recordings belong to their owners",
    size="22,160 balanced and 20,371 eval segments of 10 s, less what is no longer on line",
    classes="527, sound events; a clip has several",
    comparable="with mAP after balanced training (AS-20K), with care: everybody has other clips, "
    "and those that are missing are not scored",
  ),
)
