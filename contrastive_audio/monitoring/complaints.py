"""When a HealthMonitor warns, and what it says; imports nothing."""

AGREEMENT_MIN = 0.5  # between the modes; 1: the same, 0: nothing in common
SPREAD_MIN = 0.05  # of the embeddings; 1: in all directions, 0: all alike
LONG_S = 30.0  # a median above it means recordings rather than clips
_LITTLE = 0.05  # of the way from chance to perfect


def is_at_chance(accuracy: float, chance: float) -> bool:
  """Returns whether a contrastive accuracy is hardly above that of an untrained encoder.

  Args:
    accuracy: share of the pairs that were found, over many steps.
    chance: the share that would be found by guessing.

  Example:
    >>> is_at_chance(0.066, chance=1 / 32), is_at_chance(0.36, chance=1 / 32)
    (True, False)
  """
  return accuracy < min(3 * chance, chance + _LITTLE * (1 - chance))


def chance_complaint(
  accuracy: float, chance: float, num_clips: int, median_s: float, are_pieces: bool
) -> str:
  """Returns a line about a contrastive accuracy at chance: the likely cause, and what to do.

  Args:
    accuracy: the mean over many steps.
    chance: that of an untrained encoder.
    num_clips: what is trained on.
    median_s: length of the clips.
    are_pieces: whether they are pieces of recordings.

  Example:
    >>> chance_complaint(0.08, 1 / 12, num_clips=12, median_s=180.0, are_pieces=False)
    'only 8.0 % of the pairs are found, ... the 12 clips are long (180 s), ... --piece_s=5 ...'
  """
  found = f"only {100 * accuracy:.1f} % of the pairs are found, {100 * chance:.1f} % by chance"
  if median_s > LONG_S and not are_pieces:
    return (
      f"{found}: the {num_clips} clips are long ({median_s:.0f} s), and two excerpts of one have "
      "little in common: --piece_s=5 cuts them into pieces, in a new --run"
    )
  return (
    f"{found}: nothing is learned yet that tells clips apart; likely they are too few "
    f"({num_clips}) or too alike, the steps too few, or --learning_rate too low"
  )


def complaints(mode_agreement: float, exported_spread: float) -> list[str]:
  """Returns one line for each problem: what was measured, and what to do about it.

  Args:
    mode_agreement: `agreement` of the embeddings in inference and in training mode.
    exported_spread: `spread` of the embeddings in inference mode.

  Example:
    >>> complaints(mode_agreement=0.9, exported_spread=0.8)
    []
    >>> len(complaints(mode_agreement=0.1, exported_spread=float("nan")))
    2
  """
  lines = []
  if not mode_agreement >= AGREEMENT_MIN:
    lines.append(
      "embeddings in inference mode, which is exported, differ from those in training mode "
      f"(similarity {mode_agreement:.2f}, 1 is equal): BatchNorm's moving statistics lag behind; "
      "train longer, or with --set=batchnorm_momentum=0.9 or --set=reestimate_batches=24"
    )
  if not exported_spread >= SPREAD_MIN:
    lines.append(
      f"the embeddings of all excerpts are nearly the same (spread {exported_spread:.3f}, 1 is "
      "in all directions): the encoder has collapsed; a lower --learning_rate is the usual cure"
    )
  return lines
