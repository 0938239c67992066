"""A labelling as a person works with it: marks, undo, and which windows come next.

Everything but `refit` answers at once. `refit` is called in the background, after changes.
"""

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

from contrastive_audio.errors import UserError
from downstream.labelling.fitting import Fitted, fit_marks
from downstream.labelling.label_table import LabelTable, Rows
from downstream.labelling.places import Place, Recordings, WindowPlaces
from downstream.labelling.proposals import Examples, Knowledge, Proposals, Wish
from downstream.labelling.settings import FIRST_MARKS, STRATEGIES, Settings, require_class_name
from downstream.labelling.window_rows import WindowRows

UPCOMING = 3  # windows that the page may load ahead
RECENT = 30


class Session:
  """One labelling; safe to use from several threads.

  Stretches have names, "RECORDING-FIRST-END" in samples; only what was listed can be asked for.

  Attributes:
    table: where the answers are.
    settings: what it began with.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> model = open_model("logmel_stats")
    >>> windows = cut_windows(store, model)
    >>> recordings = Recordings("labels.csv", store.keys(), store.num_samples, 16_000)
    >>> session = Session(
    ...   WindowRows(model, windows), WindowPlaces(windows), recordings,
    ...   LabelTable("labels.csv", recordings), Settings("random"),
    ... )
    >>> name = session.state()["upcoming"][0]["name"]
    >>> session.mark(name, ["bell"])
    >>> session.state()["num_marked"], session.undo() == name, session.state()["num_marked"]
    (1, True, 0)
  """

  def __init__(
    self,
    rows: WindowRows,
    places: WindowPlaces,
    recordings: Recordings,
    table: LabelTable,
    settings: Settings,
    examples: Examples | None = None,
  ):
    """Goes on with what the table holds.

    Args:
      rows: embeddings of the windows.
      places: the windows.
      recordings: that are labelled.
      table: where the answers are.
      settings: what to begin with.
      examples: sounds to begin with.

    Raises:
      UserError: the class of an example cannot have its name.
    """
    self.table, self.settings = table, settings
    self._rows, self._places, self._recordings = rows, places, recordings
    self._proposals = Proposals(rows, places, settings.negative, settings.seed, examples)
    self._lock = threading.RLock()
    self._history: list[tuple[Place, Rows | None]] = []  # None: it was skipped
    self._skipped: set[Place] = set()
    self._listed: dict[str, Place] = {}
    self._wish = Wish(settings.strategy) if settings.strategy else None  # None: nobody has chosen
    self._knowledge, self._is_closed = Knowledge(), False
    self._of_examples = [
      require_class_name(name) for name in sorted(set(examples.labels if examples else ()))
    ]
    self._class_names = [*settings.classes, *self._of_examples]

  def mark(self, name: str, labels: Sequence[str]) -> None:
    """Gives a stretch its labels; they are in the file before this returns.

    Args:
      name: of the stretch.
      labels: its classes; none: it is not labelled.

    Raises:
      UserError: no such stretch was listed, a label is no name, the file cannot be written.
    """
    with self._lock:
      place = self.place(name)
      labels = [require_class_name(label) for label in labels]
      self._require_open()
      before = self.table.set(place, labels)
      self._history.append((place, before))
      self._class_names += labels

  def undo(self) -> str | None:
    """Takes back the last answer of this session, or skip; returns the name of its stretch.

    Returns:
      None: there is nothing to take back.

    Raises:
      UserError: the file cannot be written.
    """
    with self._lock:
      self._require_open()
      if not self._history:
        return None
      place, before = self._history[-1]
      if before is None:
        self._skipped.discard(place)
      else:
        self.table.put_back(place, before)
      self._history.pop()
      return self._name(place)

  def skip(self, name: str) -> None:
    """Asks about a stretch no more in this session.

    Args:
      name: of the stretch.

    Raises:
      UserError: no such stretch was listed.
    """
    with self._lock:
      place = self.place(name)
      if place not in self._skipped:
        self._skipped.add(place)
        self._history.append((place, None))

  def choose(self, strategy: str, target: str | None = None, like: str | None = None) -> None:
    """Chooses what comes next.

    Args:
      strategy: one of settings.STRATEGIES.
      target: the class that `top` looks for; None: the one with the fewest marks.
      like: name of a stretch: what is most similar to it comes first.

    Raises:
      UserError: there is no such strategy, or stretch.
    """
    if strategy not in STRATEGIES:
      known = ", ".join(STRATEGIES)
      raise UserError(f"there is no strategy {strategy!r:.40}; there are {known}")
    with self._lock:
      self._wish = Wish(strategy, target, self.place(like) if like else None)

  def add_class(self, name: str) -> None:
    """Adds a class that has no marks yet.

    Args:
      name: of the class.

    Raises:
      UserError: it cannot be the name of one.
    """
    with self._lock:
      self._class_names.append(require_class_name(name))

  def close(self) -> None:
    """Waits for an answer that is being written, and refuses others."""
    with self._lock:
      self._is_closed = True

  def refit(self) -> None:
    """Fits the classifier on all marks, and scores all windows; others may answer meanwhile.

    Raises:
      UserError: the table was changed, and is none any more.
    """
    with self._lock:
      self.table.refresh()
      marks = self.table.labels
      wish, names = self._wanted(marks), self._counts(marks)
    fitted = None
    if marks:
      clips = [place.clip for place in marks]
      fitted = fit_marks(self._rows.of(list(marks)), list(marks.values()), clips, list(names))
    knowledge = self._proposals.look(marks, wish, fitted)
    with self._lock:
      self._knowledge = knowledge

  @property
  def fitted(self) -> Fitted | None:
    """The last classifier; None: there was none to be fitted."""
    return self._knowledge.fitted

  def place(self, name: str) -> Place:
    """Returns a stretch that was listed.

    Args:
      name: of the stretch.

    Raises:
      UserError: none was listed under that name.
    """
    with self._lock:
      if (place := self._listed.get(name)) is None:
        raise UserError(f"no stretch is listed as {name!r:.60}")
      return place

  def describe(self, name: str) -> dict[str, Any]:
    """Returns what the page shows of a stretch, in JSON types.

    Args:
      name: of the stretch.

    Raises:
      UserError: none was listed under that name.
    """
    with self._lock:
      return self._described(self.place(name), self.table.labels)

  def state(self) -> dict[str, Any]:
    """Returns everything that the page shows, in JSON types."""
    with self._lock:
      marks, knowledge = self.table.labels, self._knowledge
      wish = self._wanted(marks)
      proposals = self._proposals.choose(marks, self._skipped, wish, knowledge, UPCOMING)
      quality = knowledge.fitted and knowledge.fitted.quality
      return {
        "table": self.table.path,
        "classes": [{"name": n, "marks": count} for n, count in self._counts(marks).items()],
        "negative": self.settings.negative,
        "num_marked": len(marks),
        "num_recordings": len({place.clip for place in marks}),
        "num_windows": len(self._places),
        "strategy": wish.strategy,
        "target": wish.target,
        "like": wish.like and self._described(wish.like, marks),
        "upcoming": [
          self._described(self._places[each.number], marks) | dataclasses.asdict(each)
          for each in proposals
        ],
        "recent": [self._described(place, marks) for place in list(marks)[-RECENT:]],
        "can_undo": bool(self._history),
        "num_fitted": knowledge.num_marks if knowledge.fitted else 0,
        "fitted_classes": list(knowledge.fitted.class_names) if knowledge.fitted else [],
        "quality": quality and dataclasses.asdict(quality),
      }

  def _wanted(self, marks: dict[Place, tuple[str, ...]]) -> Wish:
    """Returns what was chosen; until then, what the examples are like, but not for ever.

    A classifier needs to know, too, what its class is not.
    """
    if self._wish is not None:
      return self._wish
    counts = self._counts(marks)
    is_rare = any(counts[name] < FIRST_MARKS for name in self._of_examples)
    begins = len(marks) < 2 * FIRST_MARKS * len(self._of_examples)
    return Wish("top" if is_rare and begins else "uncertain")

  def _counts(self, marks: dict[Place, tuple[str, ...]]) -> dict[str, int]:
    """Returns the number of marks of each class, in the order of the keys, the negative last."""
    used = [name for names in marks.values() for name in names]
    known = dict.fromkeys([*self._class_names, *used])
    known.pop(self.settings.negative, None)
    return {name: used.count(name) for name in [*known, self.settings.negative]}

  def _described(self, place: Place, marks: dict[Place, tuple[str, ...]]) -> dict[str, Any]:
    rate_hz = self._recordings.sample_rate_hz
    return {
      "name": self._name(place),
      "file": self._recordings.names[place.clip],
      "start_s": round(place.first / rate_hz, 3),
      "end_s": round(place.end / rate_hz, 3),
      "labels": list(marks.get(place, ())),
    }

  def _name(self, place: Place) -> str:
    """Lists a stretch, and returns its name."""
    name = "-".join(map(str, place))
    self._listed[name] = place
    return name

  def _require_open(self) -> None:
    if self._is_closed:
      raise UserError("the command is ending: what was answered before is saved, this is not")
