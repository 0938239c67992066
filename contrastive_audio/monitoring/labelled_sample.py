"""Which labelled clips an encoder is evaluated on while it trains."""

import collections

import tensorflow as tf

from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.store.store import Store

MAX_CLIPS = 500
_CLIPS_AT_ONCE = 4 * MAX_CLIPS  # whose labels are read to find them


def draw(store: Store) -> list[int]:
  """Returns the ids of up to MAX_CLIPS labelled clips, the same in every run on this store.

  Args:
    store: the clips; those with several labels are left out.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> len(draw(prepare(open_synthetic(clips_per_class=2), 16_000)))
    20
  """
  seed = tf.constant([0, 0], tf.int64)
  last = tf.constant(store.num_clips - 1, tf.int64)
  found: list[int] = []
  for first in range(0, store.num_clips, _CLIPS_AT_ONCE):
    end = min(first + _CLIPS_AT_ONCE, store.num_clips)
    positions = tf.range(first, end, dtype=tf.int64)
    ids = tf.random.experimental.index_shuffle(positions, seed, last).numpy()
    found += ids[[is_usable(label) for label in store.labels(ids)]].tolist()
    if len(found) >= MAX_CLIPS:
      break
  return found[:MAX_CLIPS]


def is_usable(label: str | None) -> bool:
  """Whether a clip with such a label can evaluate: it has one, and not several.

  Args:
    label: of a clip.

  Example:
    >>> [is_usable(label) for label in ("wren", "wren;rain", None)]
    [True, False, False]
  """
  return label is not None and LABEL_SEPARATOR not in label


def without_single_groups(store: Store, clip_ids: list[int]) -> tuple[list[str], list[int]]:
  """Leaves out classes whose clips are all of one group: nothing else could show what they are.

  Args:
    store: the clips.
    clip_ids: some of them, all labelled.

  Returns:
    (the classes that are left out, the clips of the others); no clips if those are of one class.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> without_single_groups(store, [0, 1])  # without groups nothing is left out
    ([], [0, 1])
  """
  groups, labels = store.groups(clip_ids), store.labels(clip_ids)
  if len(set(groups) - {None}) < 2:  # groups play no part
    return [], clip_ids
  groups_of = collections.defaultdict(set)
  for clip_id, label, group in zip(clip_ids, labels, groups):
    groups_of[str(label)].add(clip_id if group is None else group)
  single = sorted(label for label, members in groups_of.items() if len(members) == 1)
  kept = [clip_id for clip_id, label in zip(clip_ids, labels) if label not in single]
  return single, kept if len(groups_of) - len(single) > 1 else []
