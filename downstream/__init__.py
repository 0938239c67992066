"""What an encoder is worth: judges run folders, SavedModels and baselines; knows no paper.

  models              what --model may be
  tasks, task_data    what it is judged on: a card, or a data set of your own, with its clips
  cards, card         all task cards: those of COLA (cola_cards), of sound events (event_cards)
  splits              which clips test: rules, and those of published data sets (corpus_splits)
  knn, linear         commands: neighbours vote; a linear classifier on the frozen encoder
  finetune            command: encoder and classifier trained together
  judging, scores     what the three share
  logistic, training  a classifier fitted on embeddings; one trained on random excerpts
  embed               command: embeddings of any audio in a file
  neighbours          command: what sounds alike, as a list and as a page to listen
  embeddings, outputs parts on disk, and the file made of them
  tables              command: the papers' tables; paper_tables, published, experiments (obstacles,
                      result_files)
  hear                the HEAR 2021 API
  plots, projector    figures; files for TensorBoard's embedding projector

What a program of your own needs most can be imported from here, too:

  open_model  what --model names -> a Model, which embeds clips
  open_task   what --task names -> a TaskData: clips, labels and splits
  Task        how a data set is judged; TaskData holds it with its clips
  Embeddings  the embeddings of all clips of a store, made once and kept on disk
  judge       a method, a task and a model -> scores of the test clips
  Condition   how much of the training labels a method gets to see
"""

import importlib

_HOMES = {
  "open_model": "models",
  "Model": "models",
  "open_task": "tasks",
  "Task": "card",
  "TaskData": "task_data",
  "Embeddings": "embeddings",
  "judge": "judging",
  "Condition": "judging",
}
_MODULES = ("hear", "knn", "linear", "models", "neighbours", "plots", "splits", "tasks")
__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
  """Imports a public name when it is asked for: `import downstream` stays as fast as it can be."""
  if name in _MODULES:
    return importlib.import_module(f"{__name__}.{name}")
  if name in _HOMES:
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
