"""A task card: which clips, which labels, which of them train and which test, and how to score."""

import dataclasses

from contrastive_audio.datasets import corpora
from downstream.cards import split_rules

METRICS = ("accuracy", "macro_accuracy", "mAP")
AUDIO_ROOT = "{audio_root}"


@dataclasses.dataclass(frozen=True)
class Task:
  """A card.

  Attributes:
    name: as `--task` has it.
    dataset: as `--dataset` has it; `{audio_root}` stands for that flag.
    split: a rule; None: parts named by the data set, otherwise a seeded split.
    label: what of a clip is predicted: its "label" or its "group".
    metric: one of METRICS, the mean over the splits.
    about: the data set, for people; of a published one its own description stands for it.
    opens: parts of the data set to be opened, joined by "+", or "all"; None: those of the rule, or
      train and test, where it has them, otherwise all.
    keep: classes that stay what they are; empty: all.
    others: name of the one class made of all that are not kept.
    licence: under which it is published.
    size: how much there is of each part.
    classes: how many classes, and of what.
    published: (system, value in %, source), to be printed beside measured values.
    comparable: what can be compared with those values, and what cannot.
  """

  name: str
  dataset: str
  split: object = None
  label: str = "label"
  metric: str = "accuracy"
  about: str = "a data set of your own"
  opens: str | None = None
  keep: tuple = ()
  others: str = "unknown"
  licence: str = ""
  size: str = ""
  classes: str = ""
  published: tuple = ()
  comparable: str = ""

  @property
  def corpus(self):
    """The Corpus that it is cut from; None: not a published data set that we know."""
    return corpora.get(self.dataset) if self.dataset in corpora.NAMES else None

  @property
  def source(self):
    """The data set in one line: what it is and where to get it."""
    if self.corpus is None:
      return self.about
    return f"{self.corpus.title}; {self.corpus.homepage}"

  @property
  def parts(self):
    """Names of the parts of the data set that the rule needs; empty: it looks at no parts."""
    return getattr(self.split, "names", ())

  def renamed(self, label):
    """Returns the class of a label: itself, or `others` where it is not kept."""
    return label if label is None or not self.keep or label in self.keep else self.others

  def order(self, classes):
    """Returns the order of the classes of this task, given that of the data set."""
    return (*self.keep, self.others) if self.keep else classes

  def lines(self):
    """Returns (title, text) pairs that say all there is to know of it; empty ones are left out."""
    rule = self.split or split_rules.Given(
      "parts named by the data set, otherwise a seeded fifth tests"
    )
    rows = [("task", self.name), ("source", self.source), ("data set", self.dataset)]
    rows += [("files", self.corpus.layout if self.corpus else "")]
    rows += [("licence", self.licence), ("size", self.size), ("classes", self.classes)]
    rows += [("predicts", self.label), ("split", rule.describe)]
    rows += [("metric", f"{self.metric}, the mean over the splits")]
    numbers = [f"{name}: {value:.1f} % ({where})" for name, value, where in self.published]
    rows += [("published", text) for text in numbers or ["no number that we know of"]]
    rows += [("comparable", self.comparable)]
    return [(title, text) for title, text in rows if text]
