"""The tables of the papers: which models are compared, by which method, on which tasks.

`stages` trains and measures them. Equal pre-trainings are one run, so tables share them.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from contrastive_audio.errors import UserError
from downstream.cards import published_scores
from downstream.cards.all_cards import SUITES
from downstream.choices import Condition
from downstream.model_names import LOGMEL_STATS
from downstream.papers.budgets import pretraining
from downstream.papers.measurement import PretrainingChoice
from downstream.papers.table import Table, TableRequest, Variant


def _cola(request: TableRequest, settings: Sequence[str] = (), **options: Any) -> PretrainingChoice:
  return pretraining("cola", request, options, settings)


def _mixback(
  request: TableRequest, settings: Sequence[str] = (), **options: Any
) -> PretrainingChoice:
  return pretraining("mixback", request, options, settings)


def _cola_tasks(request: TableRequest) -> tuple[str, ...]:
  return SUITES.get(request.suite, tuple(published_scores.PAPER_TASKS))


def _mixback_tasks(request: TableRequest, papers: tuple[str, ...]) -> tuple[str, ...]:
  return SUITES.get(request.suite, papers)


_RANDOM = "random:efficientnet_b0"


def _untrained(request: TableRequest, run: PretrainingChoice) -> PretrainingChoice | str:
  """Returns the network of COLA's runs with random weights; the paper's needs no AudioSet."""
  is_of_the_paper = request.suite == "papers" and request.encoder is None
  return _RANDOM if is_of_the_paper else dataclasses.replace(run, random=True)


def _cola_downstream(request: TableRequest) -> Table:
  run = _cola(request, similarity="bilinear")
  untrained = _untrained(request, run)
  return Table(
    "random weights, supervised, frozen and fine-tuned (COLA, Table 1)",
    [
      Variant("random weights", untrained, column="random"),
      Variant("supervised", untrained, "finetune", "supervised"),
      Variant("COLA, frozen", run, column="frozen"),
      Variant("COLA, fine-tuned", run, "finetune", "fine_tuned"),
    ],
    _cola_tasks(request),
    published=published_scores.COLA_DOWNSTREAM,
  )


def _cola_baselines(request: TableRequest) -> Table:
  others = {"cbow": "CBoW", "skip_gram": "SG", "temporal_gap": "TemporalGap"}
  others |= {"triplet_loss": "Triplet loss", "trill": "TRILL"}
  run = _cola(request, similarity="bilinear")
  variants = [
    Variant("log-mel statistics", LOGMEL_STATS, "linear_cached"),
    Variant("random weights", _untrained(request, run)),
    Variant("COLA", run, column="cola"),
  ]
  if request.suite == "papers":
    variants += [Variant(name, None, column=column) for column, name in others.items()]
  return Table(
    "linear classifiers on COLA and on baselines (COLA, Table 2)",
    variants,
    _cola_tasks(request),
    published=published_scores.COLA_BASELINES,
  )


def _cola_similarity(request: TableRequest) -> Table:
  names = ("cosine", "bilinear")
  return Table(
    "cosine and bilinear similarity (COLA, Table 3)",
    [Variant(name, _cola(request, similarity=name), column=name) for name in names],
    _cola_tasks(request),
    published=published_scores.COLA_SIMILARITY,
  )


_BATCH_SIZES = {"papers": (256, 512, 1024, 2048), "small": (8, 16, 32, 64), "open": (64, 256, 1024)}


def _cola_batch_size(request: TableRequest) -> Table:
  sizes = _BATCH_SIZES[request.suite]
  variants = [
    Variant(
      str(size), _cola(request, similarity="bilinear", batch_size=size), column=f"batch_{size}"
    )
    for size in sizes
  ]
  return Table(
    f"batch size of pre-training, at equal {_length(request)} (COLA, Table 4)",
    variants,
    _cola_tasks(request),
    published=published_scores.COLA_BATCH_SIZE,
  )


def _cola_batch_clips(request: TableRequest) -> Table:
  """Returns the table of batch sizes at equal clips; the smallest has the steps of the request.

  Epochs of all clips are equal anyway; those of a number of steps are shortened as the steps are.
  """
  smallest, chosen = _BATCH_SIZES[request.suite][0], dict(_cola(request).options)
  lengths = {name: int(chosen[name]) for name in ("steps", "epoch_steps") if name in chosen}
  variants = []
  for size in _BATCH_SIZES[request.suite]:
    scaled: dict[str, Any] = {
      name: max(1, round(count * smallest / size)) for name, count in lengths.items()
    }
    run = _cola(request, similarity="bilinear", batch_size=size, **scaled)
    variants.append(Variant(str(size), run))
  title = "batch size of pre-training, at equal clips: a larger batch takes fewer steps (COLA)"
  return Table(title, variants, _cola_tasks(request))


# The views of COLA's recipe `small`; its other fields stay those of the paper.
_SMALL_VIEWS = ["augment=pitch_shift,level,equalise,specaugment", "masks=1", "mask_frames_max=24"]
_SMALL_VIEWS += ["mask_bands_max=12", "mask_fill=mean"]


def _cola_views(request: TableRequest) -> Table:
  variants = [
    Variant("no augmentation", _cola(request, similarity="bilinear")),
    Variant("views of small", _cola(request, _SMALL_VIEWS, similarity="bilinear")),
  ]
  return Table("augmented views (COLA, section 2)", variants, _cola_tasks(request))


def _cola_projection(request: TableRequest) -> Table:
  variants = [
    Variant("LayerNorm and tanh", _cola(request, similarity="bilinear")),
    Variant("dense layer alone", _cola(request, ["head=plain"], similarity="bilinear")),
  ]
  return Table("end of the projection head (COLA, section 2)", variants, _cola_tasks(request))


def _length(request: TableRequest) -> str:
  """Returns what the pre-trainings of a table have in common."""
  has_passes = request.suite == "papers" and not (request.steps or request.epoch_steps)
  return "epochs: a larger batch takes fewer steps" if has_passes else "steps"


def _knn_table(title: str, request: TableRequest, models: dict[str, PretrainingChoice]) -> Table:
  """Returns a table of the second paper, which evaluates its ablations by kNN, without training."""
  rows = [Variant(name, model, "knn_patches") for name, model in models.items()]
  # As in the released code: clean training clips, for model selection, and the official test clips.
  tasks = _mixback_tasks(request, ("fsdnoisy18k_validation", "fsdnoisy18k"))
  return Table(title, rows, tasks, tasks_are_rows=False)


_VIEWS: dict[str, Any] = {"positives": "random", "mix": "batch", "mix_alpha": 0.05}


def _mixback_sampling(request: TableRequest) -> Table:
  return _knn_table(
    "choice of the two patches, kNN (mix-back, ablation of patch sampling)",
    request,
    _mixbacks(
      request,
      {
        "same patch": _VIEWS | {"positives": "same"},
        "random patches": _VIEWS,
        "separated patches": _VIEWS | {"positives": "separated", "separation_frames": 101},
      },
    ),
  )


def _mixbacks(
  request: TableRequest, options: dict[str, dict[str, Any]]
) -> dict[str, PretrainingChoice]:
  return {name: _mixback(request, **flags) for name, flags in options.items()}


_ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.5)


def _mixback_mix(request: TableRequest) -> Table:
  variants = {
    "no mix-back": {"positives": "random", "mix": "none"},
    "within the clip": _VIEWS | {"mix": "within_clip"},
    "other clips": _VIEWS,
    "other clips without energy adjustment": _VIEWS | {"mix_energy": "own"},
  }
  # One alpha is the default: that row has the options, and so the pre-training, of "other clips".
  for alpha in _ALPHAS:
    variants[f"other clips with alpha {alpha}"] = _VIEWS | {"mix_alpha": alpha}
  title = "mix-back, kNN (mix-back, ablation of the background)"
  return _knn_table(title, request, _mixbacks(request, variants))


def _mixback_augment(request: TableRequest) -> Table:
  compositions = ["none", "rrc", "compress", "noise", "specaugment"]
  compositions += ["rrc,compress", "rrc,compress,noise", "all"]
  # A name without a comma: --variants is a list.
  views = {name.replace(",", " + "): _VIEWS | {"augment": name} for name in compositions}
  return _knn_table(
    "augmentation, kNN (mix-back, ablation of data augmentation)",
    request,
    _mixbacks(request, views),
  )


def _mixback_temperature(request: TableRequest) -> Table:
  models = {
    f"temperature {value}": _mixback(request, [f"temperature={value}"], **_VIEWS)
    for value in (0.2, 0.1, 0.5, 1.0)  # the released configuration first
  }
  return _knn_table("temperature, kNN (mix-back)", request, models)


_ENCODERS = {"resnet18": "ResNet-18", "vgg_like": "VGG-like", "crnn": "CRNN"}


def _encoders(request: TableRequest) -> dict[str, str]:
  """Returns the paper's encoders and, but in its own suite, one that a CPU trains in minutes."""
  return _ENCODERS if request.suite == "papers" else {"frame_cnn": "frame_cnn"} | _ENCODERS


def _mixback_linear(request: TableRequest) -> Table:
  variants = []
  for encoder, name in _encoders(request).items():
    run = _mixback(request, **_VIEWS, encoder=encoder)
    random = dataclasses.replace(run, random=True)
    variants += [Variant(f"{name}, random weights", random), Variant(f"{name}, pre-trained", run)]
    if request.suite == "open":
      variants.append(Variant(f"{name}, supervised", random, "finetune"))
  tasks = _mixback_tasks(request, ("fsdnoisy18k",))
  return Table("linear evaluation (mix-back)", variants, tasks, tasks_are_rows=False)


def _mixback_finetune(request: TableRequest) -> Table:
  variants = []
  for encoder, name in _encoders(request).items():
    run = _mixback(request, **_VIEWS, encoder=encoder)
    random = dataclasses.replace(run, random=True)
    variants += [
      Variant(f"{name}, from scratch", random, "finetune"),
      Variant(f"{name}, pre-trained", run, "finetune"),
    ]
  title = "fine-tuning on noisy and on few labels (mix-back)"
  if request.suite == "papers":  # these data sets have noisy or few labels anyway
    return Table(title, variants, ("fsdnoisy18k", "fsdnoisy18k_clean"), tasks_are_rows=False)
  return Table(
    title,
    variants,
    ("esc10_fold5", "instrument"),
    tasks_are_rows=False,
    conditions={"40 % flipped": Condition(label_noise=0.4), "10 per class": Condition(10)},
  )


def _suite(request: TableRequest) -> Table:
  if not request.models:
    raise UserError("--table=suite needs --models=NAME=MODEL,...; {seed} stands for the seed")
  pairs = [pair.partition("=") for pair in request.models]
  variants = [_evaluated(name, model or name) for name, _, model in pairs]
  tasks = _cola_tasks(request)
  return Table("linear evaluation of the given models", variants, tasks, tasks_are_rows=False)


def _evaluated(name: str, model: str) -> Variant:
  """Returns a variant of a given model; no protocol of a paper trains on statistics."""
  return Variant(name, model, "linear_cached" if model == LOGMEL_STATS else "linear")


MAKERS: dict[str, Callable[[TableRequest], Table]] = {
  "suite": _suite,
  "cola_downstream": _cola_downstream,
  "cola_baselines": _cola_baselines,
  "cola_similarity": _cola_similarity,
  "cola_batch_size": _cola_batch_size,
  "cola_batch_clips": _cola_batch_clips,
  "cola_views": _cola_views,
  "cola_projection": _cola_projection,
  "mixback_sampling": _mixback_sampling,
  "mixback_mix": _mixback_mix,
  "mixback_augment": _mixback_augment,
  "mixback_temperature": _mixback_temperature,
  "mixback_linear": _mixback_linear,
  "mixback_finetune": _mixback_finetune,
}
