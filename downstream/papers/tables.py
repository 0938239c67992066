"""The tables of the papers: which models are compared, by which method, on which tasks.

`tables` runs and prints them. Pre-trainings are named by their flags, so that tables share them.
"""

import dataclasses

from contrastive_audio.errors import UserError
from downstream.cards import published_scores
from downstream.judging import Condition
from downstream.papers.laboratory import PAPER_DATASETS, Pretraining
from downstream.tasks import SUITES


@dataclasses.dataclass(frozen=True)
class Variant:
  """What is compared: a model and how it is judged.

  Attributes:
    name: for people.
    model: a Pretraining, or what `--model` takes.
    method: see experiments.
    column: its name in `published`, or None.
  """

  name: str
  model: object
  method: str = "linear"
  column: str | None = None


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of a paper.

  Attributes:
    title: what it shows, and where in the paper.
    variants: list of Variants.
    tasks: names.
    tasks_are_rows: as COLA has it; otherwise variants are rows.
    published: (column, task) -> %.
    conditions: name -> Condition, where a task is judged under several.
  """

  title: str
  variants: list
  tasks: tuple
  tasks_are_rows: bool = True
  published: dict = dataclasses.field(default_factory=dict)
  conditions: dict = dataclasses.field(default_factory=lambda: {"": Condition()})


def _cola(values, **options):
  return _pretraining("cola", values, options)


def _mixback(values, **options):
  return _pretraining("mixback", values, options)


def _pretraining(system, values, options):
  dataset = None
  if values["suite"] == "papers":
    dataset = values["pretraining_dataset"] or PAPER_DATASETS[system]
  return Pretraining(system, _budget(values, system) + tuple(options.items()), dataset=dataset)


def _budget(values, system):
  """The paper's recipe, or, for the small suite, the quick one and a budget of steps."""
  given = tuple((name, values[name]) for name in ("steps", "batch_size") if values[name])
  if values["suite"] == "papers":
    return (("recipe", "paper"), *given)
  steps = () if values["steps"] else (("steps", _SMALL_STEPS[system]),)
  return (("recipe", "quick"), *steps, *given)


def _cola_tasks(values):
  return SUITES["small"] if values["suite"] == "small" else tuple(published_scores.PAPER_TASKS)


def _mixback_tasks(values, small, papers):
  return small if values["suite"] == "small" else papers


_SMALL_STEPS = {"cola": 100, "mixback": 80}
_RANDOM = "random:efficientnet_b0"


def _cola_downstream(values):
  run = _cola(values, similarity="bilinear")
  return Table(
    "random weights, supervised, frozen and fine-tuned (COLA, Table 1)",
    [
      Variant("random weights", _RANDOM, column="random"),
      Variant("supervised", _RANDOM, "finetune", "supervised"),
      Variant("COLA, frozen", run, column="frozen"),
      Variant("COLA, fine-tuned", run, "finetune", "fine_tuned"),
    ],
    _cola_tasks(values),
    published=published_scores.COLA_DOWNSTREAM,
  )


def _cola_baselines(values):
  others = {"cbow": "CBoW", "skip_gram": "SG", "temporal_gap": "TemporalGap"}
  others |= {"triplet_loss": "Triplet loss", "trill": "TRILL"}
  variants = [
    Variant("log-mel statistics", "logmel_stats"),
    Variant("random weights", _RANDOM),
    Variant("COLA", _cola(values, similarity="bilinear"), column="cola"),
  ]
  if values["suite"] == "papers":
    variants += [Variant(name, None, column=column) for column, name in others.items()]
  return Table(
    "linear classifiers on COLA and on baselines (COLA, Table 2)",
    variants,
    _cola_tasks(values),
    published=published_scores.COLA_BASELINES,
  )


def _cola_similarity(values):
  names = ("cosine", "bilinear")
  return Table(
    "cosine and bilinear similarity (COLA, Table 3)",
    [Variant(name, _cola(values, similarity=name), column=name) for name in names],
    _cola_tasks(values),
    published=published_scores.COLA_SIMILARITY,
  )


def _cola_batch_size(values):
  sizes = (256, 512, 1024, 2048) if values["suite"] == "papers" else (8, 16, 32, 64)
  return Table(
    "batch size of pre-training, at equal steps (COLA, Table 4)",
    [
      Variant(
        str(size), _cola(values, similarity="bilinear", batch_size=size), column=f"batch_{size}"
      )
      for size in sizes
    ],
    _cola_tasks(values),
    published=published_scores.COLA_BATCH_SIZE,
  )


def _knn_table(title, values, variants):
  """The second paper judges its ablations by kNN, without training."""
  rows = [
    Variant(name, _mixback(values, **options), "knn_patches") for name, options in variants.items()
  ]
  # As in the released code: clean training clips, by which one chooses, and the official test.
  judged_on = _mixback_tasks(values, SUITES["small"], ("fsdnoisy18k_validation", "fsdnoisy18k"))
  return Table(title, rows, judged_on, tasks_are_rows=False)


_VIEWS = {"positives": "random", "mix": "batch", "mix_alpha": 0.05}


def _mixback_sampling(values):
  return _knn_table(
    "choice of the two patches, kNN (mix-back, ablation of patch sampling)",
    values,
    {
      "same patch": _VIEWS | {"positives": "same"},
      "random patches": _VIEWS,
      "separated patches": _VIEWS | {"positives": "separated", "separation_frames": 101},
    },
  )


def _mixback_mix(values):
  return _knn_table(
    "mix-back, kNN (mix-back, ablation of the background)",
    values,
    {
      "no mix-back": _VIEWS | {"mix": "none"},
      "within the clip": _VIEWS | {"mix": "within_clip"},
      "other clips": _VIEWS,
    },
  )


def _mixback_augment(values):
  compositions = ["none", "rrc", "compress", "noise", "specaugment", "rrc,compress,noise", "all"]
  return _knn_table(
    "augmentation, kNN (mix-back, ablation of data augmentation)",
    values,
    {name: _VIEWS | {"augment": name} for name in compositions},
  )


_ENCODERS = {"resnet18": "ResNet-18", "vgg_like": "VGG-like", "crnn": "CRNN"}


def _mixback_linear(values):
  variants = []
  for encoder, name in _ENCODERS.items():
    run = _mixback(values, **_VIEWS, encoder=encoder)
    random = dataclasses.replace(run, random=True)
    variants += [Variant(f"{name}, random weights", random), Variant(f"{name}, pre-trained", run)]
  judged_on = _mixback_tasks(values, SUITES["small"], ("fsdnoisy18k",))
  return Table("linear evaluation (mix-back)", variants, judged_on, tasks_are_rows=False)


def _mixback_finetune(values):
  variants = []
  for encoder, name in _ENCODERS.items():
    run = _mixback(values, **_VIEWS, encoder=encoder)
    random = dataclasses.replace(run, random=True)
    variants += [
      Variant(f"{name}, from scratch", random, "finetune"),
      Variant(f"{name}, pre-trained", run, "finetune"),
    ]
  title = "fine-tuning on noisy and on few labels (mix-back)"
  if values["suite"] == "papers":  # the labels are noisy, or few, by themselves
    return Table(title, variants, ("fsdnoisy18k", "fsdnoisy18k_clean"), tasks_are_rows=False)
  return Table(
    title,
    variants,
    ("esc10_fold5", "instrument"),
    tasks_are_rows=False,
    conditions={"40 % flipped": Condition(label_noise=0.4), "10 per class": Condition(10)},
  )


def _suite(values):
  if not values["models"]:
    raise UserError("--table=suite needs --models=NAME=MODEL,...; {seed} in it is the seed")
  pairs = [pair.partition("=") for pair in values["models"]]
  variants = [Variant(name, model or name) for name, _, model in pairs]
  chosen = _cola_tasks(values)
  return Table("linear evaluation of the given models", variants, chosen, tasks_are_rows=False)


MAKERS = {
  "suite": _suite,
  "cola_downstream": _cola_downstream,
  "cola_baselines": _cola_baselines,
  "cola_similarity": _cola_similarity,
  "cola_batch_size": _cola_batch_size,
  "mixback_sampling": _mixback_sampling,
  "mixback_mix": _mixback_mix,
  "mixback_augment": _mixback_augment,
  "mixback_linear": _mixback_linear,
  "mixback_finetune": _mixback_finetune,
}
