"""Cards of the open suite: labelled collections of the pool, which is openly licensed.

They are left out of every pre-training on the pool, see `pool.TASKS`.
"""

from downstream.cards import pool, split_rules
from downstream.cards.card import AUDIO_ROOT, Task

_WHAT = {
  "timgm6mb": "instruments, single notes",
  "scratch-media": "kinds of effects and music",
  "modsounds": "weapons, doors and steps of a game",
  "bucklespring-keys": "a key of a keyboard is pressed, or released",
}

CARDS = tuple(
  Task(
    name,
    f"folder:{AUDIO_ROOT}/pool/pool.csv",
    split_rules.OwnSplits(
      f"of classes with {least} clips or more, a random half tests, drawn once for all seeds"
    ),
    about="a collection of the pool, whose pool.csv names its source",
    collection=name,
    licence="per clip, see pool.csv",
    size=f"at most {pool.MOST_OF_CLASS} clips of each class",
    classes=_WHAT[name],
    comparable="nothing: the classes and the halves are ours",
  )
  for name, least in pool.JUDGING.items()
)
