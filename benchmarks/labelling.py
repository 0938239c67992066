"""python -m benchmarks.labelling: measures how fast a classifier learns from marks, by strategy.

An oracle that knows the truth answers what downstream.label asks about the training clips of a
task, a clip at a time. The classifier learns after every fifth mark, and after every tenth beyond
40; its accuracy on the test clips is measured. Each seed has another four fifths of the training
clips. With --browser, the oracle also presses the keys of the page in a headless Chromium, once for
each task. The same command resumes where it was stopped.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from absl import flags

from benchmarks.lib import browser, learning_curves
from benchmarks.lib.laboratory_flags import define_data_flags
from benchmarks.lib.learning_curves import MARKS, Curves
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, data_location
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, read_json, write_json
from downstream.cards.opening import check_task
from downstream.choices import TaskChoice, parse_seeds
from downstream.labelling.settings import STRATEGIES, Settings
from downstream.model_names import require_model
from downstream.protocols import EVALUATION_VERSIONS

EXAMPLES = (
  "python -m benchmarks.labelling --audio_root=/path/to/audio_root --data_dir=/path/to/data",
  "python -m benchmarks.labelling --audio_root=/path/to/audio_root --tasks=esc10_fold5 --browser",
)
TASKS = {"esc10_fold5": "ESC-10", "digit_unseen_speaker": "spoken digits"}
BROWSER = "uncertain, by the keys of the page"
_SHARE = 0.8  # of the training clips, for each seed
_LONGEST_S = 10.0  # of a clip: each is one window


def main(_: Sequence[str]) -> None:
  name, seeds, output = FLAGS.model, parse_seeds(FLAGS.seeds), FLAGS.output
  tasks, marks = FLAGS.tasks or list(TASKS), [count for count in MARKS if count <= FLAGS.marks]
  drives, location = FLAGS.browser, data_location()
  choices = {task: TaskChoice(task, audio_root=FLAGS.audio_root) for task in tasks}
  if unknown := [task for task in tasks if task not in TASKS]:
    raise UserError(f"--tasks: there is no {unknown[0]!r}; there are {', '.join(TASKS)}")
  if drives and (missing := browser.missing()):
    raise UserError(f"--browser: {missing} is not installed")
  require_model(name)
  for choice in choices.values():
    check_task(choice, location)
  start_tensorflow()
  make_folder(output)
  curves = {}
  for task, choice in choices.items():
    oracle = Oracle(name, choice, location)
    rows = {strategy: [(strategy, seed, False) for seed in seeds] for strategy in STRATEGIES}
    if drives:
      rows[BROWSER] = [("uncertain", seeds[0], True)]
    scores = {
      row: np.array([_measure(oracle, output, marks, *cell) for cell in cells])
      for row, cells in rows.items()
    }
    curves[task] = Curves(TASKS[task], marks, seeds, scores)
    learning_curves.print_and_write(curves[task], os.path.join(output, f"labelling-{task}.csv"))
  learning_curves.draw(os.path.join(output, "labelling.png"), list(curves.values()))
  line("files", f"{output}/labelling-TASK.csv, labelling.png")


def _measure(
  oracle: "Oracle", output: str, marks: Sequence[int], strategy: str, seed: int, in_browser: bool
) -> list[float]:
  """Returns the accuracy (%) at each number of marks; measures it if nobody has."""
  kind = f"{strategy}-browser" if in_browser else strategy
  path = os.path.join(output, f"{oracle.task}-{oracle.identity}-{kind}-{seed}.json")
  known = read_json(path) or []
  if len(known) < len(marks):
    known = list(oracle.curve(strategy, seed, marks, in_browser))
    write_json(path, known)
  line(oracle.task, f"{kind}, seed {seed}: " + ", ".join(f"{score:.1f}" for score in known))
  return known[: len(marks)]


class Oracle:
  """Knows the truth, and answers what a labelling asks.

  Args:
    name: of the model.
    choice: the task.
    location: where its data is.
  """

  def __init__(self, name, choice, location):
    from downstream.cards.opening import open_task
    from downstream.encoders.models import open_model

    self.task = choice.name
    self._model = open_model(name)
    self._data = open_task(choice, location, self._model.sample_rate_hz)
    version = EVALUATION_VERSIONS["logistic"]
    embeddings = self._model.embeddings_identity[:16]
    self.identity = f"{embeddings}-{self._data.store.digest[:16]}-{version}"
    self._split = self._data.splits(0)[0]

  def curve(
    self, strategy: str, seed: int, marks: Sequence[int], in_browser: bool = False
  ) -> Iterator[float]:
    """Yields the accuracy (%) on the test clips at each number of marks."""
    rng, train = np.random.default_rng([seed, 0]), self._split.train
    pool = np.sort(rng.choice(train, round(_SHARE * len(train)), replace=False))
    with tempfile.TemporaryDirectory() as folder:
      session, store = self._session(pool, strategy, seed, os.path.join(folder, "labels.csv"))
      answers = _in_browser if in_browser else _directly
      labels = [self._data.clips.labels[number] for number in pool]
      for count in answers(session, store, labels, marks[-1]):
        if count in marks:
          yield self._accuracy(session)

  def _session(self, pool: np.ndarray, strategy: str, seed: int, path: str):
    from downstream.labelling.label_table import LabelTable
    from downstream.labelling.places import Recordings, WindowPlaces
    from downstream.labelling.session import Session
    from downstream.labelling.window_rows import WindowRows

    store = self._data.store.select(pool)
    windows, keys = self._windows(store), store.keys()
    names = [os.path.join(os.path.dirname(path), f"{key}.wav") for key in keys]
    recordings = Recordings(path, names, store.num_samples.tolist(), store.sample_rate_hz)
    settings = Settings(strategy, tuple(self._data.class_names), seed=seed)
    session = Session(
      WindowRows(self._model, windows, seed),
      WindowPlaces(windows),
      recordings,
      LabelTable(path, recordings),
      settings,
    )
    return session, store

  def _windows(self, store):
    from downstream.encoders.window_store import cut_windows

    return cut_windows(store, self._model, _LONGEST_S, _LONGEST_S)

  def _accuracy(self, session) -> float:
    from downstream.labelling.window_rows import WindowRows

    if session.fitted is None:
      return 0.0
    store = self._data.store.select(self._split.test)
    scores = WindowRows(self._model, self._windows(store)).scan(session.fitted.classifier)
    names = np.array(session.fitted.class_names)[scores.argmax(axis=1)]
    truth = [self._data.clips.labels[number] for number in self._split.test]
    return 100 * float(np.mean(names == np.array(truth)))


def _directly(session, store, labels: Sequence[str], num_marks: int) -> Iterator[int]:
  """Answers through the session; yields the number of marks whenever the classifier has learned."""
  session.refit()
  for count in range(1, num_marks + 1):
    name = session.state()["upcoming"][0]["name"]
    session.mark(name, [labels[session.place(name).clip]])
    if count % (5 if count <= 40 else 10) == 0:
      session.refit()
      yield count


def _in_browser(session, store, labels: Sequence[str], num_marks: int) -> Iterator[int]:
  """Answers by the keys of the page; it learns after each mark."""
  from downstream.labelling.guard import Guard
  from downstream.labelling.refitting import Refitting
  from downstream.labelling.server import LabelServer, Page
  from downstream.labelling.sounds import Sounds

  with (
    Refitting(session.refit) as refitting,
    LabelServer(Page(session, Sounds(store), refitting), Guard()) as server,
    browser.browser() as driver,
  ):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.LabelPage(driver, server.url)
    for count in range(1, num_marks + 1):
      clip = int(page.get("current.name").split("-")[0])
      page.press(page.key_of(labels[clip]))
      yield count
    server.shutdown()


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_string("model", "preset:general", "Encoder, as in downstream.label.")
    flags.DEFINE_list("tasks", None, f"Some of {', '.join(TASKS)}; if not given, all.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each strategy.")
    flags.DEFINE_integer("marks", MARKS[-1], "Largest number of marks.", lower_bound=MARKS[0])
    flags.DEFINE_bool("browser", False, "Also press the keys of the page in a headless Chromium.")
    flags.DEFINE_string("output", "runs/labelling", "Folder of results and tables.")
  define_data_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
