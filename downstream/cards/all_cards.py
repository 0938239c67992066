"""All task cards, and the suites that some of them form."""

from typing import Any

from downstream.cards import cola, pool_tasks, sound_events, split_rules
from downstream.cards.card import Task

_DIGITS = r"^\d+_\w+_(\d+)\.wav$"
_DIGITS_TEST = split_rules.ByKey(
  _DIGITS, ("0", "1", "2", "3", "4"), "official: recordings 0 to 4 of each digit and speaker test"
)
_FOLD = r"(\d)-[^/\\]+$"
_SPOKEN_DIGIT: dict[str, Any] = {
  "about": "Free Spoken Digit Dataset 1.0.9; github.com/Jakobovski/free-spoken-digit-dataset",
  "licence": "CC BY-SA 4.0",
  "size": "2,500 recordings of 5 speakers",
  "comparable": "nothing: the published numbers were measured in other ways",
}
_ESC10: dict[str, Any] = {
  "about": "ESC-10: 400 clips of environmental sounds; github.com/karolpiczak/ESC-50",
  "licence": "CC BY 3.0",
  "size": "400 clips of 5 s",
  "classes": "10, environmental sounds",
}
_PHILHARMONIA: dict[str, Any] = {
  "about": "Philharmonia Orchestra, single notes; philharmonia.co.uk/resources/sound-samples",
  "licence": "CC BY-SA 3.0",
  "size": "960 notes",
  "classes": "12, instruments",
  "comparable": "nothing: the selection of notes and the split are ours",
}
_SMALL = (
  Task("digit", "spoken_digit", _DIGITS_TEST, classes="10, digits", **_SPOKEN_DIGIT),
  Task("speaker", "spoken_digit", _DIGITS_TEST, "group", classes="5, speakers", **_SPOKEN_DIGIT),
  Task(
    "digit_unseen_speaker",
    "spoken_digit",
    split_rules.LeaveOneGroupOut(
      "recordings 0 to 4 of each speaker test once, and the other speakers train", _DIGITS_TEST
    ),
    classes="10, digits",
    **_SPOKEN_DIGIT,
  ),
  Task(
    "esc10",
    "folder:{audio_root}/esc10",
    split_rules.FoldsByKey(_FOLD, "official: five folds, each tests once"),
    comparable="published numbers on ESC-10 that are means over the five official folds",
    **_ESC10,
  ),
  Task(
    "esc10_fold5",
    "folder:{audio_root}/esc10",
    split_rules.ByKey(_FOLD, ("5",), "official fold 5 tests, folds 1 to 4 train"),
    comparable="nothing: it is one fold of five, so that the others can pre-train",
    **_ESC10,
  ),
  Task(
    "instrument",
    "folder:{audio_root}/philharmonia",
    split_rules.EveryThird("file names sorted within each class: every third clip tests"),
    **_PHILHARMONIA,
  ),
)

CARDS = {card.name: card for card in (*_SMALL, *pool_tasks.CARDS, *cola.CARDS, *sound_events.CARDS)}
# Pre-training on the small suite hears no test clip of its tasks; of esc10 it hears folds 1 to 4.
# Pre-training on the pool hears no clip of the tasks of the open suite.
SUITES = {
  "small": ("digit", "speaker", "digit_unseen_speaker", "esc10_fold5", "instrument"),
  "open": ("digit", "esc10_fold5", "instrument", *(card.name for card in pool_tasks.CARDS)),
}
