"""Which windows come next: a strategy, and what takes its place while nothing is known.

Letters: W windows, S windows that stand for all, C classes, D embedding.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from contrastive_audio.monitoring.knn import normalise_rows
from downstream.labelling import strategies
from downstream.labelling.fitting import Fitted
from downstream.labelling.places import Place, WindowPlaces
from downstream.labelling.window_rows import WindowRows

SIMILAR = "similar"  # beside settings.STRATEGIES: most like an example, or like a marked stretch


@dataclasses.dataclass(frozen=True)
class Wish:
  """What a person wants to be asked about.

  Attributes:
    strategy: one of settings.STRATEGIES.
    target: the class that `top` looks for; None: the one with the fewest marks.
    like: a stretch whose like is looked for, in place of the strategy.

  Example:
    >>> Wish("top").target is None
    True
  """

  strategy: str
  target: str | None = None
  like: Place | None = None


@dataclasses.dataclass(frozen=True)
class Examples:
  """Sounds to begin with; they are no marks.

  Attributes:
    labels: their classes.
    rows: their embeddings, float `[n, D]`.

  Example:
    >>> Examples(("wren",), np.ones([1, 3])).labels
    ('wren',)
  """

  labels: tuple[str, ...]
  rows: np.ndarray


@dataclasses.dataclass(frozen=True)
class Proposal:
  """A window that is asked about.

  Attributes:
    number: of the window.
    strategy: what chose it: one of settings.STRATEGIES, or SIMILAR.
    target: the class that is looked for, if one is.
    value: how probable that class is, or how similar the window; None: neither is known.

  Example:
    >>> Proposal(3, "top", "wren", 0.93).value
    0.93
  """

  number: int
  strategy: str
  target: str | None = None
  value: float | None = None


@dataclasses.dataclass(frozen=True)
class Knowledge:
  """What is known about all windows, from the last marks that were looked at.

  Attributes:
    num_marks: how many those were.
    fitted: the classifier; None: there is none yet.
    probabilities: float `[W, C]`.
    similar_to: the class or the stretch that `similarities` are about; None: there are none.
    similarities: float `[W]`.

  Example:
    >>> Knowledge().fitted is None
    True
  """

  num_marks: int = 0
  fitted: Fitted | None = None
  probabilities: np.ndarray | None = None
  similar_to: str | Place | None = None
  similarities: np.ndarray | None = None


class Proposals:
  """Chooses windows that are not marked, and that share no more than half with one that is.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> model = open_model("logmel_stats")
    >>> windows = cut_windows(store, model)
    >>> places = WindowPlaces(windows)
    >>> proposals = Proposals(WindowRows(model, windows), places, "other", seed=0)
    >>> (first,) = proposals.choose({}, (), Wish("diverse"), Knowledge(), count=1)
    >>> marks = {places[first.number]: ("bell",)}
    >>> (second,) = proposals.choose(marks, (), Wish("diverse"), Knowledge(), count=1)
    >>> first.strategy, first.number == second.number
    ('diverse', False)
  """

  def __init__(
    self,
    rows: WindowRows,
    places: WindowPlaces,
    negative: str,
    seed: int,
    examples: Examples | None = None,
  ):
    """Computes little.

    Args:
      rows: embeddings of the windows.
      places: the windows.
      negative: the class that `top` never looks for by itself.
      seed: of the order of `random`.
      examples: sounds to begin with.
    """
    self._rows, self._places, self._examples = rows, places, examples
    self._negative = negative
    self._order = strategies.random(len(places), seed)
    self._num_blocking = np.zeros(len(places), np.int32)  # marks that share most of each window
    self._blocking: set[Place] = set()
    self._units = normalise_rows(rows.sampled - rows.centre).astype(np.float32)
    self._mutual: np.ndarray | None = None  # similarities [S, S]
    self._columns: dict[Place, np.ndarray] = {}  # stretch -> similarities [S]

  def look(
    self, marks: Mapping[Place, Sequence[str]], wish: Wish, fitted: Fitted | None
  ) -> Knowledge:
    """Scores all windows: one or two passes over their embeddings.

    Args:
      marks: labels of stretches.
      wish: what is wanted.
      fitted: classifier of these marks.
    """
    probabilities = None
    if fitted is not None:
      probabilities = self._rows.scan(lambda block: fitted.classifier(block).astype(np.float32))
    similar_to = wish.like or self._target(marks, wish, fitted)
    examples = self._examples_of(marks, similar_to, fitted)
    if not len(examples):
      return Knowledge(len(marks), fitted, probabilities)
    similarities = self._rows.scan(
      lambda block: strategies.similar(block, examples, self._rows.centre)
    )
    return Knowledge(len(marks), fitted, probabilities, similar_to, similarities)

  def choose(
    self,
    marks: Mapping[Place, Sequence[str]],
    skipped: Collection[Place],
    wish: Wish,
    knowledge: Knowledge,
    count: int,
  ) -> list[Proposal]:
    """Returns the windows that are wanted most.

    Args:
      marks: labels of stretches.
      skipped: stretches that are not asked about.
      wish: what is wanted.
      knowledge: of the last look.
      count: how many windows; there are fewer, if fewer are left.
    """
    self._block({*marks, *skipped})
    available = self._num_blocking == 0
    strategy, target = self._plan(marks, wish, knowledge)
    if strategy == "diverse":
      numbers = self._choose_diverse(marks, available, count)
      return [Proposal(number, strategy) for number in numbers]
    values = self._values(strategy, target, knowledge)
    numbers = self._choose_best(values, available, count)
    shown = values if strategy in ("top", SIMILAR) else None
    return [
      Proposal(number, strategy, target, None if shown is None else float(shown[number]))
      for number in numbers
    ]

  def _plan(
    self, marks: Mapping[Place, Sequence[str]], wish: Wish, knowledge: Knowledge
  ) -> tuple[str, str | None]:
    """Returns the strategy that can be followed, and the class that is looked for."""
    if wish.like is not None and knowledge.similar_to == wish.like:
      return SIMILAR, None
    if wish.strategy in ("diverse", "random"):
      return wish.strategy, None
    target = self._target(marks, wish, knowledge.fitted)
    if knowledge.fitted is not None:
      if wish.strategy == "uncertain":
        return "uncertain", None
      if target in knowledge.fitted.class_names:
        return "top", target
    if wish.strategy == "top" and isinstance(knowledge.similar_to, str):
      return SIMILAR, knowledge.similar_to
    return "diverse", None

  def _target(
    self, marks: Mapping[Place, Sequence[str]], wish: Wish, fitted: Fitted | None
  ) -> str | None:
    """Returns the class that is looked for: of those that are known, that with fewest marks."""
    if wish.target is not None:
      return wish.target
    known = {
      *(fitted.class_names if fitted else ()),
      *(name for each in marks.values() for name in each),
    }
    known |= {*(self._examples.labels if self._examples else ())}
    known.discard(self._negative)
    counts = {name: sum(name in each for each in marks.values()) for name in sorted(known)}
    return min(counts, key=counts.__getitem__, default=None)

  def _examples_of(
    self,
    marks: Mapping[Place, Sequence[str]],
    similar_to: str | Place | None,
    fitted: Fitted | None,
  ) -> np.ndarray:
    """Returns the embeddings of what windows are compared with, `[n, D]`."""
    if isinstance(similar_to, Place):
      return self._rows.of([similar_to])
    if similar_to is None or (fitted is not None and similar_to in fitted.class_names):
      return np.zeros([0, 1])
    places = [place for place, names in marks.items() if similar_to in names]
    found = list(self._rows.of(places)) if places else []
    if self._examples is not None:
      labels = self._examples.labels
      found += [row for row, name in zip(self._examples.rows, labels) if name == similar_to]
    return np.array(found) if found else np.zeros([0, 1])

  def _values(self, strategy: str, target: str | None, knowledge: Knowledge) -> np.ndarray:
    if strategy == SIMILAR and knowledge.similarities is not None:
      return knowledge.similarities
    if knowledge.fitted is not None and knowledge.probabilities is not None:
      if strategy == "uncertain":
        return strategies.uncertain(
          knowledge.probabilities, knowledge.fitted.classifier.multi_label
        )
      if strategy == "top" and target is not None:
        number = knowledge.fitted.class_names.index(target)
        return strategies.top(knowledge.probabilities, number)
    return self._order

  def _choose_best(self, values: np.ndarray, available: np.ndarray, count: int) -> list[int]:
    wanted = np.where(available, values, -np.inf)
    chosen: list[int] = []
    while len(chosen) < count and np.isfinite(wanted[best := int(wanted.argmax())]):
      chosen.append(best)
      wanted[self._places.sharing_most(self._places[best])] = -np.inf
    return chosen

  def _choose_diverse(
    self, marks: Mapping[Place, Sequence[str]], available: np.ndarray, count: int
  ) -> list[int]:
    """Chooses among the windows that stand for all; if none is left, any others."""
    if self._mutual is None:
      self._mutual = self._units @ self._units.T
    missing = [place for place in marks if place not in self._columns]
    if missing:
      units = normalise_rows(self._rows.of(missing) - self._rows.centre)
      self._columns |= zip(missing, units.astype(np.float32) @ self._units.T)
    columns = np.array([self._columns[place] for place in marks], np.float32)
    covered = strategies.cover(columns.reshape(len(marks), len(self._units)).T)
    sample, chosen, available = self._rows.sample, list[int](), available.copy()
    while len(chosen) < count and available[sample].any():
      values = strategies.diverse(self._mutual, covered)
      best = int(np.where(available[sample], values, -np.inf).argmax())
      chosen.append(int(sample[best]))
      available[self._places.sharing_most(self._places[chosen[-1]])] = False
      covered = np.maximum(covered, self._mutual[:, best])
    return chosen + self._choose_best(self._order, available, count - len(chosen))

  def _block(self, places: set[Place]) -> None:
    """Keeps count of the marks and skips that share most of each window."""
    for step, changed in ((1, places - self._blocking), (-1, self._blocking - places)):
      for place in changed:
        self._num_blocking[self._places.sharing_most(place)] += step
    self._blocking = places
