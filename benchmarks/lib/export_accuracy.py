"""What exported files lose: classifiers of the unquantised encoder score the files' embeddings."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from contrastive_audio.cli.open_data import DataLocation
from downstream.papers.measurement import PRETRAINING_TASKS


@dataclasses.dataclass(frozen=True)
class Judge:
  """A task with a classifier that was fitted on embeddings of the encoder itself.

  Attributes:
    task: its name.
    waves: returns the test clips one after the other, float32 `[n]` each.
    score: embeddings of the test clips -> score in per cent.
    own_score: of the encoder itself.
  """

  task: str
  waves: Callable[[], Sequence[np.ndarray]]
  score: Callable[[np.ndarray], float]
  own_score: float

  def score_of(self, embed: Callable[[np.ndarray], np.ndarray]) -> float:
    """Returns the score of what embeds waves `[1, n]`, in per cent."""
    return self.score(np.concatenate([embed(wave[None]) for wave in self.waves()]))


def make(model_name: str, audio_root: str | None, location: DataLocation) -> list[Judge]:
  """Fits the classifiers of the small suite.

  Args:
    model_name: as of --model.
    audio_root: folder that holds the data sets of tasks by name.
    location: where other data is.
  """
  from downstream.cards.opening import open_task
  from downstream.choices import TaskChoice
  from downstream.encoders.models import open_model

  model = open_model(model_name)
  return [
    _judge(
      open_task(TaskChoice(name, audio_root=audio_root), location, model.sample_rate_hz), model
    )
    for name in PRETRAINING_TASKS["small"]
  ]


def _judge(data, model) -> Judge:
  from downstream.choices import Condition
  from downstream.classifiers.linear_evaluation import cached_linear_method
  from downstream.classifiers.scores import score
  from downstream.evaluation import evaluate

  choices: list = []
  method = cached_linear_method(keep=choices.append)(data, model)
  result = evaluate(method, data, model, Condition(), seed=0)
  (choice,) = choices  # the tasks of the suite have one split
  test = choice.problem.test
  return Judge(
    task=data.task.name,
    waves=lambda: [data.store.wave(clip) for clip in test],
    score=lambda rows: 100 * score(data.task.metric, data.targets()[test], choice.classifier(rows)),
    own_score=result.score,
  )
