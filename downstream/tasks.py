"""Tasks: which clips, which labels, which of them train and which test, and how it is scored.

`python -m downstream.tasks` lists the cards, `--show=NAME` prints one. A data set of the user's is
a task, too: `--task=folder:PATH` (classes are sub-folders, or a CSV) or an audio data set of
tensorflow-datasets by its name.
"""

import glob
import os

from absl import flags

from contrastive_audio import datasets
from contrastive_audio.cli import flags, main
from contrastive_audio.datasets import LABEL_SEPARATOR, corpora
from contrastive_audio.datasets.corpora import corpus
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from contrastive_audio.store.store import Store
from downstream.cards.all_cards import CARDS, SUITES
from downstream.cards.card import AUDIO_ROOT, METRICS, Task
from downstream.cards.task_data import TaskData

__all__ = ["AUDIO_ROOT", "CARDS", "METRICS", "SUITES", "Task", "TaskData", "open_task"]


def open_task(name, sample_rate_hz, flag_values):
  """Opens the data of a task.

  Args:
    name: a card, folder:PATH, or an audio data set of tensorflow-datasets.
    sample_rate_hz: rate of the model.
    flag_values: dictionary of the flags of `define_flags`.

  Returns:
    A TaskData.
  """
  task = CARDS.get(name) or Task(name, name, metric=flag_values["metric"])
  dataset = _located(task, flag_values)

  def open_store(source):
    max_bad = flag_values["max_bad_fraction"]
    return preparation.prepare(source, sample_rate_hz, flag_values["store_dir"], max_bad)

  stores, parts, classes = [], [], ()
  for source, marks, part in _open_sources(task, dataset, flag_values):
    stores.append(open_store(source))
    classes = source.classes
    # A part that the rule names may stand for several of the data set.
    named = {member: name for name in task.parts for member in source.unions.get(name, ())}
    marked = [marks.get(key, part) for key in stores[-1].keys()]  # noqa: SIM118, no dictionary
    parts += [named.get(mark, mark) for mark in marked]
  store, parts = _needed(task, Store.join(stores), parts)
  return TaskData(task, store, parts, classes)


def require_data(name, flag_values):
  """Refuses a card whose data is not there; decodes nothing, and downloads nothing.

  Args:
    name: of a card.
    flag_values: dictionary of the flags of `define_flags`.

  Raises:
    UserError: what is missing, and where to get it.
  """
  task = CARDS[name]
  if task.corpus is not None and not _is_there(task.corpus, flag_values):
    where = flag_values["data_dir"]
    where = f"in {where!r}" if where else "without --data_dir=FOLDER, the folder that holds it"
    raise UserError(
      f"no {task.dataset} {where}: expected {task.corpus.layout}; get it from "
      f"{task.corpus.homepage}"
    )
  _open_sources(task, _located(task, flag_values), flag_values)


def _is_there(published, flag_values):
  """Whether a Corpus lies on disk: unpacked, prepared, or as its archives."""
  data_dir = os.path.expanduser(flag_values["data_dir"] or "")
  if flag_values["manual_dir"] or corpus.find(published, data_dir):
    return True
  builder = (published.builder or published.name).split("/")[0]
  prepared = [f"{builder}/*/dataset_info.json", f"{builder}/*/*/dataset_info.json"]
  archives = [glob.escape(archive.name) for archive in published.archives]
  found = (glob.glob(pattern, root_dir=data_dir) for pattern in prepared + archives)
  return bool(data_dir) and any(found)


def _located(task, flag_values):
  """Returns the data set of a task with the folder of the user in place of `{audio_root}`."""
  if AUDIO_ROOT not in task.dataset:
    return task.dataset
  if not flag_values["audio_root"]:
    folder = task.dataset.partition(AUDIO_ROOT)[2].strip("/")
    raise UserError(f"the task {task.name} needs --audio_root: the folder that holds {folder!r}")
  return task.dataset.replace(AUDIO_ROOT, flag_values["audio_root"])


def _open_sources(task, dataset, flag_values):
  """Opens what a task needs, in one piece if that tells the part of each of its clips.

  Returns:
    [(ClipSource, key -> part where it says so, the part of all other clips or None)].
  """
  locations = flag_values["data_dir"], flag_values["manual_dir"]
  is_csv = dataset.startswith("folder:") and dataset.lower().endswith(".csv")
  everything = "all" if is_csv or dataset in corpora.NAMES else None
  wanted = task.opens or "+".join(task.parts) or everything
  source = datasets.open_source(dataset, wanted, *locations)
  marks = source.splits() if wanted else {}
  names = () if marks else task.parts
  if not wanted and {"train", "test"} <= set(source.split_names):
    names = source.split_names
  if not names:
    return [(source, marks, None)]
  return [(datasets.open_source(dataset, name, *locations), {}, name) for name in names]


def _needed(task, store, parts):
  """Returns the store and the parts without clips that the rule of the task does not look at."""
  needed = [i for i, part in enumerate(parts) if not task.parts or part in task.parts]
  if not needed:
    raise UserError(f"the task {task.name}: no clip of the parts {', '.join(task.parts)}")
  if len(needed) == len(parts):
    return store, parts
  return store.select(needed), [parts[i] for i in needed]


def define_flags():
  """Defines the flags that every judging command has to find the data of its task."""
  flags.DEFINE_string("audio_root", None, "Folder that holds the data sets of tasks by name.")
  flags.DEFINE_enum(
    "metric",
    "accuracy",
    METRICS,
    f"Of a task of your own; mAP: a clip may have several labels, with {LABEL_SEPARATOR} between.",
  )
  flags.define_location_flags()


def show(task):
  """Prints a card."""
  for title, text in task.lines():
    print(f"{title:<10} {text}")


def main(_):
  chosen = flags.FLAGS.show
  if chosen and chosen not in CARDS:
    raise UserError(f"--show={chosen}: there is no such card; there are {', '.join(CARDS)}")
  for name in [chosen] if chosen else CARDS:
    show(CARDS[name])
    print()


if __name__ == "__main__":
  flags.DEFINE_string("show", None, "Name of a task; default: all.")
  main.run_main(main)
