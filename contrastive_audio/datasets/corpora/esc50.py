"""ESC-50 and ESC-10: environmental sounds of 5 s in five official folds."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.errors import UserError

# fmt: off
ESC50_CLASSES = (  # by the column `target`
  "dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow",
  "rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds",
  "water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm",
  "crying_baby", "sneezing", "clapping", "breathing", "coughing",
  "footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping",
  "door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening",
  "washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking",
  "helicopter", "chainsaw", "siren", "car_horn", "engine",
  "train", "church_bells", "airplane", "fireworks", "hand_saw",
)
ESC10_CLASSES = (
  "dog", "rooster", "rain", "sea_waves", "crackling_fire",
  "crying_baby", "sneezing", "clock_tick", "helicopter", "chainsaw",
)
# fmt: on
_FOLDS = ("1", "2", "3", "4", "5")
_HOMEPAGE = "https://github.com/karolpiczak/ESC-50"
_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")


def _read(root: str, classes: tuple[str, ...]) -> Contents:
  """Reads meta/esc50.csv; the split is the fold, the group the recording on Freesound.

  Args:
    root: the folder with `audio` and `meta`.
    classes: ESC50_CLASSES; or ESC10_CLASSES, for the clips that the column `esc10` marks.
  """
  path, what = os.path.join(root, "meta", "esc50.csv"), f"meta/esc50.csv of {_HOMEPAGE}"
  lines = listing.read_table(path, _COLUMNS, what)
  if classes == ESC10_CLASSES:
    lines = [line for line in lines if line["esc10"] == "True"]
  rows = [_row(line, classes, f"{path}, line {line['line']}", what) for line in lines]
  audio = f"audio/*.wav of {_HOMEPAGE}"
  present, missing, remarks = listing.compare(rows, root, ["audio"], audio)
  if classes == ESC10_CLASSES:
    remarks = ()  # the unlisted files are those of ESC-50
  return Contents(to_table(present), classes, missing=missing, remarks=remarks)


def _row(line: Mapping[str, Any], classes: Sequence[str], where: str, what: str) -> Row:
  label = listing.require_class(line["category"], classes, where, what)
  if line["target"] != str(ESC50_CLASSES.index(label)):
    raise UserError(
      f"{where}: {label} has the target {line['target']!r}, expected "
      f"{ESC50_CLASSES.index(label)}; it should be {what}"
    )
  if line["fold"] not in _FOLDS:
    raise UserError(f"{where}: fold {line['fold']!r}, expected 1 to 5; it should be {what}")
  path = os.path.join("audio", line["filename"])
  return Row(path, label=label, group=line["src_file"], split=line["fold"])


def _corpus(name: str, title: str, classes: tuple[str, ...]) -> Corpus:
  return Corpus(
    name=name,
    title=title,
    homepage=_HOMEPAGE,
    layout="ESC-50-master/audio/*.wav and ESC-50-master/meta/esc50.csv",
    find=folder_with([os.path.join("meta", "esc50.csv")]),
    read=functools.partial(_read, classes=classes),
    sample_rate_hz=44_100,
    # GitHub packs it on demand, so its digest is not constant.
    archives=(Archive("ESC-50-master.zip", f"{_HOMEPAGE}/archive/master.zip"),),
    split_names=_FOLDS,
    builder=f"esc50/{name}",
  )


CORPORA = {
  "esc50": _corpus(
    "esc50", "ESC-50: 2,000 environmental sounds of 5 s, 50 classes, 5 folds", ESC50_CLASSES
  ),
  "esc10": _corpus(
    "esc10", "ESC-10: 400 environmental sounds of 5 s, 10 classes, 5 folds", ESC10_CLASSES
  ),
}
