"""The name of a task -> its data: clips, labels, and which of them train and test."""

from collections.abc import Mapping
from typing import NamedTuple

from contrastive_audio import datasets
from contrastive_audio.cli.console import line
from contrastive_audio.cli.open_data import DataLocation, prepare_at
from contrastive_audio.cli.store_report import print_copies, print_losses
from contrastive_audio.datasets import LABEL_SEPARATOR, ClipSource, corpora
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.stretches import recording_of
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from downstream.cards import pool
from downstream.cards.all_cards import CARDS
from downstream.cards.card import AUDIO_ROOT, Task
from downstream.cards.published_data import require_corpus
from downstream.cards.split_rules import require_train_and_test
from downstream.cards.task_data import TaskData, check_labels
from downstream.choices import TaskChoice


def task_of(choice: TaskChoice) -> Task:
  """Returns the card of a task; for a data set of the user's own, a new card.

  Args:
    choice: which task.

  Raises:
    UserError: the card has another metric.

  Example:
    >>> task_of(TaskChoice("esc50")).classes
    '50, environmental sounds'
    >>> task_of(TaskChoice("./my_sounds")).dataset
    'folder:./my_sounds'
  """
  if choice.name in CARDS:
    card = CARDS[choice.name]
    if choice.metric not in ("accuracy", card.metric):
      raise UserError(f"--metric={choice.metric}: the task {card.name} has {card.metric}")
    return card
  return Task(choice.name, datasets.full_name(choice.name), metric=choice.metric)


def open_task(choice: TaskChoice, location: DataLocation, sample_rate_hz: int) -> TaskData:
  """Opens the data of a task, decoded at a rate.

  Args:
    choice: which task.
    location: where its data is.
    sample_rate_hz: of the model.

  Raises:
    UserError: the data is missing, or is not what the task needs.

  Example:
    >>> open_task(TaskChoice("esc10"), DataLocation(), 16_000)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: the task esc10 needs --audio_root: ...
  """
  task = task_of(choice)
  stores: list[Store] = []
  split_names: list[str | None] = []
  classes: tuple[str, ...] = ()
  for opened in _open_sources(task, dataset_of(task, choice), location, choice.background):
    source = opened.source
    if task.name not in CARDS:  # what was taken for classes and splits is a guess
      line("data", source.summary)
    store = prepare_at(location, source, sample_rate_hz)
    print_losses(store)
    stores.append(store)
    classes = source.classes
    split_names += _split_names(task, opened, store)
  whole = Store.join(stores, of_one_data_set=True)
  store, split_names = _select_needed(task, whole, split_names)
  print_copies(store)
  data = TaskData(task, store, split_names, classes)
  if lost := data.without_clips(classes):
    text = f"{len(lost)} of the {len(classes)} classes have no clip ({lost[0]!r} among them)"
    line("missing", f"{task.name}: {text}: no score is comparable with published ones")
  several = [name for name in data.class_names if LABEL_SEPARATOR in name]
  if several and not data.multi_label:
    line("labels", f"{several[0]!r} is one class; with --metric=mAP it is several labels")
  return data


def check_task(choice: TaskChoice, location: DataLocation) -> None:
  """Raises an error unless the files of a task are what they should be; quick, decodes nothing.

  Args:
    choice: which task.
    location: where its data is.

  Raises:
    UserError: what is missing or malformed.

  Example:
    >>> check_task(TaskChoice("folder:no/such/folder"), DataLocation())
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: 'no/such/folder' ...
  """
  task, source = task_of(choice), _open_quickly(choice, location)
  if source is None:
    return
  own_splits = set(filter(None, source.splits().values()))
  if task.split is None and own_splits:
    require_train_and_test(own_splits)
  if task.name not in CARDS and isinstance(source, FileSource) and (labels := source.labels()):
    check_labels(task, list(labels), list(labels.values()))


def listing_of(choice: TaskChoice, location: DataLocation) -> str | None:
  """Returns a digest of the clips, labels and splits of a task; quick, decodes nothing.

  Args:
    choice: which task.
    location: where its data is.

  Returns:
    None if the data does not lie on disk as files, but is tensorflow-datasets'.

  Raises:
    UserError: what is missing or malformed.

  Example:
    >>> listing_of(TaskChoice("synthetic"), DataLocation()) is None
    True
  """
  source = _open_quickly(choice, location)
  # Of the clips, what is known of each, its split included, and where they are.
  return None if source is None else source.listing()[:16]


def _open_quickly(choice: TaskChoice, location: DataLocation) -> ClipSource | None:
  """Opens the files of a task without decoding any; None: it has none, but tensorflow-datasets'."""
  task = task_of(choice)
  dataset = dataset_of(task, choice)
  return datasets.open_local(
    dataset,
    _splits_to_open(task, dataset),
    location.data_dir,
    location.manual_dir,
    choice.background,
  )


def require_data(choice: TaskChoice, location: DataLocation) -> None:
  """Raises an error unless the data of a task is there; quick, decodes and downloads nothing.

  Args:
    choice: which task.
    location: where its data is.

  Raises:
    UserError: what is missing, and where to get it.

  Example:
    >>> require_data(TaskChoice("musan"), DataLocation())
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no musan without --data_dir=FOLDER, ...
  """
  if (corpus := task_of(choice).corpus) is not None:
    require_corpus(corpus, location)
  check_task(choice, location)


def dataset_of(task: Task, choice: TaskChoice) -> str:
  """Returns the data set of a task, as `--dataset` takes it.

  Args:
    task: its card.
    choice: which task, and where the user keeps audio.

  Raises:
    UserError: --audio_root is missing, or there is no pool in it.

  Example:
    >>> choice = TaskChoice("esc10", audio_root="/audio")
    >>> dataset_of(task_of(choice), choice)
    'folder:/audio/esc10'
  """
  if AUDIO_ROOT not in task.dataset:
    return task.dataset
  if not choice.audio_root:
    folder = task.dataset.partition(AUDIO_ROOT)[2].strip("/")
    raise UserError(f"the task {task.name} needs --audio_root: the folder that holds {folder!r}")
  dataset = task.dataset.replace(AUDIO_ROOT, choice.audio_root)
  if not task.collection:
    return dataset
  return f"folder:{pool.cached_list(dataset.removeprefix('folder:'), task.collection)}"


def _splits_to_open(task: Task, dataset: str) -> str | None:
  """Returns which of the data set's own splits to open: those that the rule of the task needs."""
  may_have_splits = dataset.startswith("folder:") or dataset in corpora.NAMES
  everything = "all" if may_have_splits else None
  return task.opens or "+".join(task.split_names) or everything


class _Opened(NamedTuple):
  """An opened source.

  Attributes:
    source: its clips.
    split_of_key: key -> own split, for the clips whose split is known.
    default_split: the split of all other clips, or None.
  """

  source: ClipSource
  split_of_key: Mapping[str, str | None]
  default_split: str | None


def _open_sources(
  task: Task, dataset: str, location: DataLocation, background: str | None
) -> list[_Opened]:
  """Opens what a task needs: one source if it tells the split of each clip, else one per split."""
  split = _splits_to_open(task, dataset)
  source = _open_source(dataset, split, location, background)
  split_of_key = source.splits() if split else {}
  names = () if split_of_key else task.split_names
  if not split and {"train", "test"} <= set(source.split_names):
    names = source.split_names
  if not names:
    return [_Opened(source, split_of_key, None)]
  return [_Opened(_open_source(dataset, name, location, background), {}, name) for name in names]


def _open_source(
  dataset: str, split: str | None, location: DataLocation, background: str | None
) -> ClipSource:
  return datasets.open_source(dataset, split, location.data_dir, location.manual_dir, background)


def _split_names(task: Task, opened: _Opened, store: Store) -> list[str | None]:
  """Returns the split of each clip of a store, by the names that the rule of the task uses."""
  # A split that the rule names may be a union of several splits of the data set.
  unions = opened.source.unions
  union_of = {member: name for name in task.split_names for member in unions.get(name, ())}
  splits, default = opened.split_of_key, opened.default_split
  own = [splits.get(key, splits.get(recording_of(key), default)) for key in store.keys()]  # noqa: SIM118
  return [union_of.get(name, name) if name else None for name in own]


def _select_needed(
  task: Task, store: Store, split_names: list[str | None]
) -> tuple[Store, list[str | None]]:
  """Drops the clips of splits that the rule of the task does not need."""
  if not task.split_names:
    return store, split_names
  needed = [number for number, name in enumerate(split_names) if name in task.split_names]
  if not needed:
    raise UserError(f"the task {task.name}: no clip of the splits {', '.join(task.split_names)}")
  if len(needed) == len(split_names):
    return store, split_names
  return store.select(needed), [split_names[number] for number in needed]
