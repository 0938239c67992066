"""A pool of openly licensed clips -> lists: what trains an encoder, and what judges it.

The pool is a folder with pool.csv, which has the columns file, collection, kind, source, licence,
seconds and label. Labelled collections of it are tasks, and no clip of a task is in a training
list. Weights that are published are free of clips whose licence names GPL or share-alike;
measurements use all.
"""

import collections
import hashlib
import os
import random
import re
from collections.abc import Iterable, Mapping, Sequence

from contrastive_audio.errors import UserError
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.spreadsheets import write_csv
from downstream.cards import vowels

# Collection -> the smallest number of clips of a class. Development tasks choose recipes, and show
# how trainings go on; the others are opened for final tables.
DEVELOPMENT = {
  "klettres": 20,  # the language of a syllable
  "asterisk-prompts": 20,  # the voice of an announcement
  "freepats": 8,  # the instrument of a note
  "lmms-samples": 8,  # kinds of music samples
  "wesnoth-sfx": 8,  # creatures and magic of a game
  vowels.NAME: 10,  # the vowel of a syllable, in voices that nobody labelled
}
JUDGING = {
  "timgm6mb": 7,  # the instrument of a note
  "scratch-media": 10,  # kinds of effects and music
  "modsounds": 6,  # weapons, doors, steps of a game
  "bucklespring-keys": 20,  # a key pressed, or released
}
TASKS = DEVELOPMENT | JUDGING
CURVES = "lmms-samples"  # of the development tasks, the one with most left to learn
MOST_OF_CLASS = 60  # so that no class of hundreds decides
_SHARE_ALIKE = re.compile(r"GPL|-SA\b", re.IGNORECASE)
TABLE = "pool.csv"  # of a pool
_COLUMNS = ("file", "collection", "kind", "licence", "label")

Row = Mapping[str, str]


def read_pool(folder: str) -> list[Row]:
  """Reads pool.csv of a pool.

  Args:
    folder: of the pool.

  Raises:
    UserError: it is not a pool, or its table cannot be read.

  Example:
    >>> read_pool("no/such/folder")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no/such/folder: no pool.csv in it, ...
  """
  from contrastive_audio.utils.tables import read_table  # late: it imports pyarrow

  path = os.path.join(folder, TABLE)
  if not os.path.exists(path):
    raise UserError(f"{folder}: no {TABLE} in it, which lists the clips of a pool")
  table = read_table(path, _COLUMNS)
  if missing := [name for name in _COLUMNS if name not in table.columns]:
    raise UserError(f"{path}: needs the columns {', '.join(missing)}")
  for line, row in table.rows():
    if not row["file"]:
      raise UserError(f"{table.where(line)}: no file is named")
  return [row for _, row in table.rows()]


def may_train(row: Row) -> bool:
  """Whether the licence of a clip names neither GPL nor share-alike.

  Example:
    >>> [may_train({"licence": text}) for text in ("CC-BY-3.0 (salamander/README)", "CC-BY-SA")]
    [True, False]
  """
  return not _SHARE_ALIKE.search(row["licence"])


def label_of(row: Row) -> str:
  """Returns the class of a clip; of the keys of a keyboard, the end of the name says it.

  Example:
    >>> label_of({"collection": "bucklespring-keys", "file": "keys/01-1.ogg", "label": ""})
    'press'
  """
  if row["collection"] == "bucklespring-keys":
    return {"0": "release", "1": "press"}.get(row["file"].removesuffix(".ogg")[-1:], "")
  return row["label"]


def write_training_list(
  rows: Iterable[Row], pool: str, path: str, is_published: bool = True, share: float = 1.0
) -> None:
  """Writes the clips that train, each with its collection as its group.

  Args:
    rows: of the pool.
    pool: its folder.
    path: of the CSV.
    is_published: whether the weights will be: only clips train whose licence allows that.
    share: of the clips of each collection, one at least. A larger share holds a smaller one.

  Example:
    >>> rows = [{"file": "a/1.ogg", "collection": "a", "licence": "GPL-3"}]
    >>> write_training_list(rows, "/pool", "list.csv", is_published=False)
    >>> with open("list.csv") as file:
    ...   file.read().split()
    ['file,group', '/pool/a/1.ogg,a']
  """
  chosen = [
    row for row in rows if row["collection"] not in TASKS and (may_train(row) or not is_published)
  ]
  if share < 1:
    chosen = _share_of_each_collection(chosen, share)
  root = os.path.abspath(pool)
  _write(
    path, ["file", "group"], [(os.path.join(root, r["file"]), r["collection"]) for r in chosen]
  )


def _share_of_each_collection(rows: Sequence[Row], share: float) -> list[Row]:
  collected: dict[str, list[Row]] = collections.defaultdict(list)
  for row in rows:
    collected[row["collection"]].append(row)
  chosen = []
  for name, clips in sorted(collected.items()):
    draw = random.Random(f"share/{name}")
    drawn = draw.sample(sorted(clips, key=lambda row: row["file"]), len(clips))
    chosen += drawn[: max(1, round(share * len(clips)))]
  return chosen


def write_task(
  rows: Iterable[Row], pool: str, name: str, path: str, seed: int, most_labels: int | None = None
) -> None:
  """Writes the labelled clips of a task.

  A random half of each class trains, half tests; of spoken vowels, half of the voices.

  Args:
    rows: of the pool.
    pool: its folder.
    name: of the task: a collection, or spoken vowels.
    path: of the CSV.
    seed: of the halves.
    most_labels: only as many clips of each class train, and the rest of their half is left out;
      classes have too few clips for an exact number. None: all train.

  Raises:
    UserError: no class has enough clips.

  Example:
    >>> rows = [{"file": f"{n}.ogg", "collection": "klettres", "label": "de"} for n in range(40)]
    >>> write_task(rows, "/pool", "klettres", "list.csv", seed=0, most_labels=1)
    >>> with open("list.csv") as file:
    ...   sum(line.endswith(",test\\n") for line in file)
    20
  """
  if name == vowels.NAME:
    table = vowels.draw_vowels(rows, seed, TASKS[name], most_labels)
  else:
    table = _halves(rows, name, seed, most_labels)
  if {split for *_, split in table} != {"train", "test"}:
    raise UserError(
      f"{pool}: no class of the task {name} has {TASKS[name]} clips or more, some of which train "
      "and some test"
    )
  root = os.path.abspath(pool)
  _write(path, ["file", "label", "split"], [(os.path.join(root, f), *rest) for f, *rest in table])


def _halves(
  rows: Iterable[Row], name: str, seed: int, most_labels: int | None
) -> list[tuple[str, str, str]]:
  clips: dict[str, list[str]] = collections.defaultdict(list)
  for row in rows:
    if row["collection"] == name and (label := label_of(row)):
      clips[label].append(row["file"])
  table = []
  for label, files in sorted(clips.items()):
    if len(files) >= TASKS[name]:
      draw = random.Random(f"{name}/{label}/{seed}")
      drawn = draw.sample(sorted(files), min(len(files), MOST_OF_CLASS))
      table += [(file, label, "train") for file in drawn[::2][:most_labels]]
      table += [(file, label, "test") for file in drawn[1::2]]
  return table


def cached_list(table: str, task: str | None = None) -> str:
  """Returns the path of a list of a pool; in the user's cache, so that it is the same for all.

  Args:
    table: the pool.csv.
    task: a collection of TASKS, whose halves are those of seed 0; None: what pre-trains, all clips
      of the other collections, whatever their licence.

  Raises:
    UserError: it is not a pool, or lacks the collection.

  Example:
    >>> cached_list("no/such/pool.csv")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: /...no/such: no pool.csv in it, ...
  """
  folder = os.path.dirname(os.path.abspath(os.path.expanduser(table)))
  rows = read_pool(folder)
  place = hashlib.sha256(folder.encode()).hexdigest()[:12]
  path = os.path.join(cache_folder(), "pools", place, f"{task or 'training'}.csv")
  if task:
    write_task(rows, folder, task, path, seed=0)
  else:
    write_training_list(rows, folder, path, is_published=False)
  return path


def _write(path: str, heading: Sequence[str], table: Iterable[Sequence[str]]) -> None:
  make_folder(os.path.dirname(os.path.abspath(path)))
  write_csv(path, [heading, *table])
