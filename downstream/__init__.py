"""Evaluates and uses run folders, SavedModels and baselines; does not depend on either paper.

Commands:

  linear, knn   evaluate a frozen encoder: linear classifier, nearest neighbours
  finetune      trains encoder and classifier together
  worth         says whether an encoder is worth it, against what costs nothing
  embed         writes the embeddings of any audio into one file
  neighbours    finds clips that sound alike: a list, and a page to listen to
  detect        finds which sounds occur in recordings, and when
  label         marks what is heard in recordings, on a page, while a classifier learns
  tasks         lists the task cards
  tables        measures the tables of the papers

Folders:

  cards/        the tasks: clips, splits, published scores
  encoders/     what is evaluated: runs, SavedModels, baselines; embeddings in files
  classifiers/  how: logistic regression, nearest neighbours, training on excerpts
  detection/    what is heard when in recordings
  labelling/    marking what is heard, with a classifier that learns meanwhile
  papers/       the papers' tables

`evaluation` brings model, task and method together, `task_report` prints what the task is,
`evaluation_files` writes the results, `class_accuracies` has those of each class, `plots` and
`embedding_map` draw them; `comparison` and `comparison_files` are the same for several models.
`protocols` says how classifiers are trained on excerpts, `model_names` what --model may name.
`hear` is the HEAR 2021 API. `choices`, `comparison_request`, `flags`, `table_flags` and `checks`
belong to the commands.

What your own programs need most can be imported from here:

  open_model   opens what --model names -> a Model
  Model        something that embeds clips, and can be evaluated
  open_task    opens what --task names -> a TaskData
  TaskData     a task with its clips, labels and splits
  Task         how a data set is evaluated
  TaskChoice   the name of a task, and where its data is
  Embeddings   the embeddings of all clips of a store, computed once and kept on disk
  evaluate     evaluates a method on a task with a model -> a Result
  Condition    how many training labels a method sees, and how many of them are wrong
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
