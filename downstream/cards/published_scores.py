"""Numbers printed in the papers, in %; numbers that we do not have are left out.

Every table maps (column, task) to a value; the tasks are those of the papers, see PAPER_TASKS.
"""

COLA = "COLA, ICASSP 2021"
_BYOL_A = "BYOL-A paper, Table I"
_M2D = "README of nttcslab/m2d"
_ICASSP = f"{COLA}, Table 1"

# Task card -> the name in COLA's tables, in their order.
PAPER_TASKS = {
  "librispeech_speaker": "Speaker Id. (LBS)",
  "speech_commands_v1": "Speech commands (V1)",
  "speech_commands_v2": "Speech commands (V2)",
  "tut_2018": "Acoustic scenes",
  "voxceleb_speaker": "Speaker Id. (Voxceleb)",
  "birdsong_detection": "Birdsong detection",
  "musan": "Music, Speech and Noise",
  "voxforge_language": "Language Id.",
  "nsynth_instrument": "Music instrument",
}
AVERAGE = "average"
# Column of COLA's Table 1 -> what it is.
_SYSTEMS = {
  "random": "linear on random weights",
  "supervised": "supervised from scratch",
  "frozen": "COLA, linear on frozen",
  "fine_tuned": "COLA, fine-tuned",
}
# Task card -> (system, value, source): linear classifiers on frozen encoders of later papers, with
# the classes and clips of the card. COLA' is the objective of COLA with BYOL-A's encoder.
_LATER: dict[str, tuple[tuple[str, float, str], ...]] = {
  "speech_commands_v2": (
    ("COLA', 2048-d", 76.8, _BYOL_A),
    ("BYOL-A, 2048-d", 92.2, _BYOL_A),
    ("MSM-MAE", 94.5, _M2D),
    ("M2D, ratio 0.6", 95.4, _M2D),
  ),
  "nsynth_instrument": (
    ("COLA', 2048-d", 70.2, _BYOL_A),
    ("BYOL-A, 2048-d", 74.1, _BYOL_A),
    ("MSM-MAE", 75.9, _M2D),
    ("M2D, ratio 0.6", 75.3, _M2D),
  ),
  "voxforge_language": (
    ("COLA', 2048-d", 79.5, _BYOL_A),
    ("BYOL-A, 2048-d", 90.2, _BYOL_A),
    ("MSM-MAE", 97.5, _M2D),
    ("M2D, ratio 0.6", 97.9, _M2D),
  ),
  "voxceleb_speaker": (("MSM-MAE", 72.2, _M2D), ("M2D, ratio 0.6", 73.1, _M2D)),
  "esc50": (("MSM-MAE", 88.6, _M2D), ("M2D, ratio 0.6", 89.7, _M2D)),
}


def _columns(**columns: list[float | None]) -> dict[tuple[str, str], float]:
  """Returns (column, task) -> number, from columns of nine tasks and their average."""
  tasks = [*PAPER_TASKS, AVERAGE]
  return {
    (name, task): value
    for name, values in columns.items()
    for task, value in zip(tasks, values, strict=True)
    if value is not None
  }


# Table 1: the paper truncates averages, it does not round them.
COLA_DOWNSTREAM = _columns(
  random=[0.4, 62.9, 4.0, 8.6, 0.0, 49.6, 56.8, 59.1, 20.8, 29.1],
  supervised=[100.0, 97.2, 94.3, 98.2, 31.7, 79.4, 99.3, 85.0, 70.7, 83.9],
  frozen=[100.0, 71.7, 62.4, 94.1, 29.9, 77.0, 99.1, 71.3, 63.4, 74.3],
  fine_tuned=[100.0, 98.1, 95.5, 99.2, 37.7, 80.2, 99.4, 82.9, 73.0, 85.1],
)
# Table 2: a linear classifier on other systems. Its averages are over six (non-TRILL) and three
# (TRILL) tasks; no column has an average over all tasks.
COLA_BASELINES = _columns(
  cbow=[99.0, None, 30.0, 66.0, None, 71.0, 98.0, None, 33.5, None],
  skip_gram=[100.0, None, 28.0, 67.0, None, 69.0, 98.0, None, 34.4, None],
  temporal_gap=[97.0, None, 23.0, 63.0, None, 71.0, 97.0, None, 35.1, None],
  triplet_loss=[100.0, None, 18.0, 73.0, None, 73.0, 97.0, None, 25.7, None],
  trill=[None, 74.0, None, None, 17.7, None, None, 88.1, None, None],
  cola=[100.0, 71.7, 62.4, 94.0, 29.9, 77.0, 99.1, 71.3, 63.4, None],
)
# Table 3
COLA_SIMILARITY = _columns(
  cosine=[99.9, 64.5, 42.4, 87.5, 15.2, 76.5, 99.0, 62.3, 58.3, 67.2],
  bilinear=[100.0, 71.7, 62.4, 94.1, 29.9, 77.0, 99.1, 71.3, 63.4, 74.3],
)
# Table 4
COLA_BATCH_SIZE = _columns(
  batch_256=[99.9, 66.9, 44.4, 86.4, 17.6, 75.9, 98.8, 65.6, 62.3, 68.6],
  batch_512=[99.9, 69.4, 54.2, 90.7, 21.6, 76.9, 99.1, 64.0, 57.3, 70.3],
  batch_1024=[100.0, 71.7, 62.4, 94.1, 29.9, 77.0, 99.1, 71.3, 63.4, 74.3],
  batch_2048=[99.9, 72.9, 64.2, 90.2, 22.8, 76.4, 98.8, 68.4, 56.6, 72.2],
)


def of_task(name: str) -> tuple[tuple[str, float, str], ...]:
  """Returns (system, value in %, source) of all published numbers of a task card.

  Args:
    name: of the card.

  Example:
    >>> of_task("musan")[2]
    ('COLA, linear on frozen', 99.1, 'COLA, ICASSP 2021, Table 1')
  """
  cola = tuple(
    (system, COLA_DOWNSTREAM[column, name], _ICASSP)
    for column, system in _SYSTEMS.items()
    if (column, name) in COLA_DOWNSTREAM
  )
  return cola + _LATER.get(name, ())
