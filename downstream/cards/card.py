"""A task card: which clips, which labels, which of them train and test, and how to score."""

import dataclasses

from contrastive_audio.datasets import corpora
from contrastive_audio.datasets.corpora.corpus import Corpus
from downstream.cards.split_rules import OwnSplits
from downstream.cards.splits import SplitRule

AUDIO_ROOT = "{audio_root}"


@dataclasses.dataclass(frozen=True)
class Task:
  """How a data set is evaluated.

  Attributes:
    name: as `--task` takes it.
    dataset: as `--dataset` takes it; `{audio_root}` stands for the flag of this name.
    split: which clips train and which test; None: the data set's own splits, otherwise a seeded
      split.
    label: what is predicted: the "label" of a clip, or its "group".
    metric: one of choices.METRICS, averaged over the splits.
    about: the data set, human-readable; for a published one its own description is used.
    opens: which of the data set's own splits to open, joined by "+", or "all"; None: those that the
      rule needs, or train and test if there are these, otherwise all.
    keep: classes that stay as they are; empty: all.
    others: name of the class that all others are merged into.
    collection: of a pool, whose pool.csv is the data set: one of pool.TASKS; empty: no pool.
    licence: under which it is published.
    size: how much there is of each split.
    classes: how many classes, and of what.
    published: (system, value in %, source), printed beside measured values.
    comparable: what can be compared with those values, and what cannot.

  Example:
    >>> card = Task("commands", "speech_commands_v2", keep=("yes", "no"))
    >>> card.rename("no"), card.rename("tree")
    ('no', 'unknown')
  """

  name: str
  dataset: str
  split: SplitRule | None = None
  label: str = "label"
  metric: str = "accuracy"
  about: str = "a data set of your own"
  opens: str | None = None
  keep: tuple[str, ...] = ()
  others: str = "unknown"
  collection: str = ""
  licence: str = ""
  size: str = ""
  classes: str = ""
  published: tuple[tuple[str, float, str], ...] = ()
  comparable: str = ""

  @property
  def corpus(self) -> Corpus | None:
    """The published data set; None for any other."""
    return corpora.get(self.dataset) if self.dataset in corpora.NAMES else None

  @property
  def source(self) -> str:
    """The data set in one line: what it is and where to get it."""
    if self.corpus is None:
      return self.about
    return f"{self.corpus.title}; {self.corpus.homepage}"

  @property
  def split_names(self) -> tuple[str, ...]:
    """Names of the data set's own splits that the rule needs; empty: it needs none."""
    return getattr(self.split, "names", ())

  def rename(self, label: str) -> str:
    """Returns the class of a label: the label itself, or `others` if it is not kept."""
    return label if not self.keep or label in self.keep else self.others

  def order(self, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the classes of this task in their order.

    Args:
      classes: those of the data set in the official order.
    """
    return (*self.keep, self.others) if self.keep else classes

  def lines(self) -> list[tuple[str, str]]:
    """Returns (title, text) pairs, everything that is known about the task."""
    rule = self.split or OwnSplits("the data set's own splits, otherwise a seeded fifth tests")
    numbers = [f"{name}: {value:.1f} % ({source})" for name, value, source in self.published]
    rows = [
      ("task", self.name),
      ("source", self.source),
      ("data set", self.dataset),
      ("files", self.corpus.layout if self.corpus else ""),
      ("licence", self.licence),
      ("size", self.size),
      ("classes", self.classes),
      ("predicts", self.label),
      ("split", rule.description),
      ("metric", f"{self.metric}, the mean over the splits"),
      *(("published", text) for text in numbers or ["no number that we know of"]),
      ("comparable", self.comparable),
    ]
    return [(title, text) for title, text in rows if text]
