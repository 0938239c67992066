"""What a table of a paper is: variants that are compared on tasks."""

import dataclasses
from collections.abc import Mapping, Sequence

from contrastive_audio.errors import UserError
from downstream.choices import Condition
from downstream.papers.measurement import Measurement, PretrainingChoice


@dataclasses.dataclass(frozen=True)
class TableRequest:
  """How a table is filled.

  Attributes:
    suite: "small", "papers" or "open": the tasks, and the clips of pre-training.
    steps: of a pre-training; None: those of its recipe.
    batch_size: pairs per step of a pre-training; None: that of its recipe.
    epoch_steps: steps of an epoch of a pre-training; None: a pass over all clips.
    pretraining_dataset: as `--dataset` takes it; None: that of each paper, in the suite "small" the
      training clips of tasks.
    encoder: of the pre-trainings whose encoder is not compared; None: that of the recipe, or, in
      the open suite, one that two cores can train.
    microbatch: pairs whose activations are in memory at once, in pre-trainings with larger batches;
      0: all.
    monitor: labelled data set for the curves of the open suite, as `--dataset` takes it; None: no
      curves.
    models: for the table "suite": NAME=MODEL each; {seed} stands for the seed.

  Example:
    >>> TableRequest(steps=100).suite
    'small'
  """

  suite: str = "small"
  steps: int | None = None
  batch_size: int | None = None
  epoch_steps: int | None = None
  pretraining_dataset: str | None = None
  encoder: str | None = None
  microbatch: int = 0
  monitor: str | None = None
  models: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Variant:
  """What is compared: a model, and how it is evaluated.

  Attributes:
    name: human-readable.
    model: a PretrainingChoice, or what `--model` takes; None: only published numbers are shown.
    method: one of methods.METHODS.
    column: its name in `published_scores`, or None.

  Example:
    >>> Variant("log-mel statistics", "logmel_stats").method
    'linear'
  """

  name: str
  model: PretrainingChoice | str | None
  method: str = "linear"
  column: str | None = None


def _all_labels() -> dict[str, Condition]:
  return {"": Condition()}


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of a paper.

  Attributes:
    title: what it shows, and which table of the paper it is.
    variants: what is compared.
    tasks: names of the tasks.
    tasks_are_rows: whether tasks are rows, as in COLA, or variants are.
    published: (column, task) -> %.
    conditions: name -> Condition, if tasks are evaluated under several conditions.
    reference: name of the variant that the others are compared with; None: the first.
    measure: what the scores are, in %.

  Example:
    >>> table = Table("two", [Variant("one", "a"), Variant("other", "b")], ("esc50",))
    >>> [variant.name for variant in table.choose(["other"]).variants]
    ['other']
    >>> table.reference_variant
    'one'
  """

  title: str
  variants: list[Variant]
  tasks: tuple[str, ...]
  tasks_are_rows: bool = True
  published: Mapping[tuple[str, str], float] = dataclasses.field(default_factory=dict)
  conditions: Mapping[str, Condition] = dataclasses.field(default_factory=_all_labels)
  reference: str | None = None
  measure: str = "accuracy"

  @property
  def reference_variant(self) -> str:
    """Name of the variant that the others are compared with; the first, if it was not chosen."""
    names = [variant.name for variant in self.variants]
    return self.reference if self.reference and self.reference in names else names[0]

  def measured_rows(self, seed: int) -> list[tuple[Measurement, str]]:
    """Returns how each variant is measured that has a model, whatever the task; and its model.

    Args:
      seed: stands for {seed} in the name of a model.
    """
    return [
      (Measurement(each.model, each.method, ""), str(each.model).replace("{seed}", str(seed)))
      for each in self.variants
      if each.model is not None
    ]

  def choose(self, names: list[str] | None) -> "Table":
    """Returns the table with some of its variants.

    Args:
      names: of the variants, as a flag divides them: at every comma, also one within a name; None:
        all.

    Raises:
      UserError: there is no variant of such a name.

    Example:
      >>> table = Table("two", [Variant("COLA, frozen", None), Variant("COLA", None)], ())
      >>> [variant.name for variant in table.choose(["COLA", "frozen"]).variants]
      ['COLA, frozen']
    """
    chosen = _whole_names(names or [], [variant.name for variant in self.variants])
    variants = [variant for variant in self.variants if not names or variant.name in chosen]
    return dataclasses.replace(self, variants=variants)


def _whole_names(parts: Sequence[str], known: Sequence[str]) -> list[str]:
  """Returns the names that parts between commas make; the longest names first."""
  chosen: list[str] = []
  first = 0
  while first < len(parts):
    longest = range(len(parts), first, -1)
    ends = [end for end in longest if ", ".join(parts[first:end]) in known]
    if not ends:
      raise UserError(f"--variants: there is no {parts[first]!r}; there are {'; '.join(known)}")
    chosen.append(", ".join(parts[first : ends[0]]))
    first = ends[0]
  return chosen
