"""When a HealthMonitor warns, and what it says; imports nothing."""

AGREEMENT_MIN = 0.5  # between the modes; 1: the same, 0: nothing in common
SPREAD_MIN = 0.05  # of the embeddings; 1: in all directions, 0: all alike


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
