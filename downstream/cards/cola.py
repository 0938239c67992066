"""Cards of the nine downstream tasks of COLA (Table 1), and of variants of them.

The paper does not say how many clips train and test, nor how most data sets were split. The notes
on what is comparable follow from that.
"""

from typing import Any

from downstream.cards import published_scores
from downstream.cards.card import Task
from downstream.cards.corpus_split_rules import (
  IGNORED,
  WHOLE_IF_SEVERAL,
  NamedSplits,
  WithinClasses,
)
from downstream.cards.splits import SplitRule

CORE_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
_LISTS = "official lists: testing_list tests, validation_list validates, all others train"
_CC_BY = "CC BY 4.0"
_V1_SIZE = "64,721 clips of at most 1 s: train 51,088, validation 6,798, test 6,835"
_V2_SIZE = "105,829 clips of at most 1 s: train 84,843, validation 9,981, test 11,005"
_TUT_SIZE = "development set, 10 s clips (about 8,600), six cities"
_TUT_LICENCE = "Tampere University of Technology, non-commercial use; see the LICENSE beside it"


def _word_splits() -> NamedSplits:
  return NamedSplits(("train",), ("test",), _LISTS, ("validation",))


def _cola(name: str, dataset: str, split: SplitRule, **options: Any) -> Task:
  """Returns the card of one of the nine tasks."""
  return Task(name, dataset, split, published=published_scores.of_task(name), **options)


_LIBRISPEECH = _cola(
  "librispeech_speaker",
  "librispeech",
  WithinClasses(
    0.2,
    "at most a fifth of each speaker's utterances, drawn by --seed: whole chapters if there are "
    "several, so that no chapter is on both sides; the official test speakers are other people",
    WHOLE_IF_SEVERAL,
  ),
  opens="train_clean100",
  licence=_CC_BY,
  size="train-clean-100, 100 hours, archive of 6.4 GB",
  classes="251, speakers",
  comparable="no: the split of the paper is unknown; even supervised training has 100.0 there, so "
  "the task does not tell methods apart",
)

_COMMANDS = (
  _cola(
    "speech_commands_v1",
    "speech_commands_v1",
    _word_splits(),
    keep=CORE_WORDS,
    licence=_CC_BY,
    size=_V1_SIZE,
    classes="11: ten command words, and unknown for the other twenty",
    comparable="with care: the paper says 11 classes, but not which; ten words and unknown fit its "
    "number for random weights, which is the score of always predicting unknown",
  ),
  Task(
    "speech_commands_v1_words",
    "speech_commands_v1",
    _word_splits(),
    licence=_CC_BY,
    size=_V1_SIZE,
    classes="30, words",
    comparable="no: COLA has 11 classes, see speech_commands_v1",
  ),
  _cola(
    "speech_commands_v2",
    "speech_commands_v2",
    _word_splits(),
    licence=_CC_BY,
    size=_V2_SIZE,
    classes="35, words",
    comparable="yes: classes and lists are those of the paper and of the later systems; the "
    "builder speech_commands of tensorflow-datasets is another task with 12 classes",
  ),
  Task(
    "speech_commands_v2_10",
    "speech_commands_v2",
    _word_splits(),
    keep=CORE_WORDS,
    licence=_CC_BY,
    size=_V2_SIZE,
    classes="11: ten command words, and unknown for the other 25",
    comparable="no: the usual form with 12 classes adds silence and has a test set of its own",
  ),
)

_SCENES = (
  _cola(
    "tut_2018",
    "tut_2018",
    NamedSplits(("train",), ("test",), "official fold 1: no location is on both sides"),
    licence=_TUT_LICENCE,
    size=_TUT_SIZE,
    classes="10, acoustic scenes",
    comparable="no: supervised 98.2 is out of reach if locations differ; the paper probably "
    "divided segments of one location, see tut_2018_segments",
  ),
  Task(
    "tut_2018_segments",
    "tut_2018",
    WithinClasses(
      0.3,
      "three in ten segments of each scene, drawn by --seed: SEGMENTS OF ONE LOCATION ARE ON BOTH "
      "SIDES, so this measures the recognition of places heard in training",
      IGNORED,
    ),
    opens="all",
    licence=_TUT_LICENCE,
    size=_TUT_SIZE,
    classes="10, acoustic scenes",
    published=published_scores.of_task("tut_2018"),
    comparable="perhaps: the high numbers of the paper point to such a split, which is unknown",
  ),
)

_VOXCELEB = _cola(
  "voxceleb_speaker",
  "voxceleb",
  NamedSplits(
    ("train",),
    ("test",),
    "official identification list (iden_split.txt): 1 trains, 2 validates, 3 tests; by video",
    ("validation",),
  ),
  licence="lists under Creative Commons; the recordings belong to their owners",
  size="153,516 utterances: train 138,361, validation 6,904, test 8,251",
  classes="1,251, speakers",
  comparable="not with COLA, which used a subset that is not public; with MSM-MAE and M2D, which "
  "have these utterances and speakers",
)

_BIRDS = _cola(
  "birdsong_detection",
  "birdsong_detection",
  WithinClasses(
    0.1,
    "a tenth of the recordings with and without birds, drawn by --seed; each clip is a recording; "
    "the three sets have no official splits",
    IGNORED,
  ),
  opens="all",
  licence="labels CC BY; the recordings: see each of the three sets",
  size="35,690 clips of 10 s: freefield1010 7,690, warblrb10k 8,000, BirdVox-DCASE-20k 20,000",
  classes="2, with and without birds",
  comparable="no: the split of the paper is unknown; the challenge scores the area under the ROC "
  "curve across sets, the paper accuracy",
)

_MUSAN = _cola(
  "musan",
  "musan",
  WithinClasses(
    0.2,
    "a fifth of music, speech and noise, drawn by --seed: whole recordings are held out, and then "
    "cut into pieces of 10 s; there is no official split",
  ),
  opens="all",
  licence="CC BY 4.0; each recording under a free licence, see the LICENSE files",
  size="about 109 hours, archive of 11 GB",
  classes="3, music, noise and speech",
  comparable="no: it is unknown how the paper cut and divided the recordings",
)

_VOXFORGE = _cola(
  "voxforge_language",
  "voxforge",
  WithinClasses(
    0.2, "a fifth of each language, drawn by --seed: whole speakers are held out; no official split"
  ),
  opens="all",
  licence="GNU GPL",
  size="about 176,000 utterances of 5.8 s on average, if all archives are still available",
  classes="6, languages: de, en, es, fr, it, ru",
  comparable="with care: neither the clips nor the split of the paper are known; BYOL-A had "
  "176,438 clips and M2D 176,428, each with its own split",
)

_NSYNTH = _cola(
  "nsynth_instrument",
  "nsynth",
  NamedSplits(("train",), ("test",), "official: no instrument is on both sides", ("valid",)),
  licence=_CC_BY,
  size="305,979 notes of 4 s: train 289,205, validation 12,678, test 4,096",
  classes="11, instrument families",
  comparable="yes: the published code tests on this test split; a sister project of the same group "
  "seems to have tested on the 12,678 notes of the validation split",
)

CARDS = (
  _LIBRISPEECH,
  *_COMMANDS,
  *_SCENES,
  _VOXCELEB,
  _BIRDS,
  _MUSAN,
  _VOXFORGE,
  _NSYNTH,
)
