"""Which window is asked about next: how much each is wanted, as pure functions.

top        what the classifier takes for a class most surely: finds rare sounds, and checks it
uncertain  what it can tell apart least: teaches it most
diverse    what stands for most of what no mark stands for yet: knows no class
random     any: what is found so is what there is

Letters: W windows, C classes, D embedding, M marked stretches.
"""

import numpy as np

from contrastive_audio.monitoring.knn import normalise_rows


def top(probabilities: np.ndarray, target: int) -> np.ndarray:
  """Wants the windows that most probably are of a class.

  Args:
    probabilities: float `[W, C]`.
    target: number of the class.

  Returns:
    float `[W]`.

  Example:
    >>> top(np.array([[0.1, 0.9], [0.8, 0.2]]), target=0).argmax()
    np.int64(1)
  """
  return probabilities[:, target]


def uncertain(probabilities: np.ndarray, multi_label: bool) -> np.ndarray:
  """Wants the windows about which the classifier is least sure.

  Args:
    probabilities: float `[W, C]`, C at least 2.
    multi_label: whether each class is a yes or no of its own; then that class counts which is
      nearest to one half. Otherwise, the two most probable classes are compared.

  Returns:
    float `[W]`, minus the difference of the two, or twice the distance from one half: -1 is sure.

  Example:
    >>> uncertain(np.array([[0.1, 0.9], [0.45, 0.55]]), multi_label=False).round(2)
    array([-0.8, -0.1])
    >>> uncertain(np.array([[0.1, 0.9], [0.45, 0.99]]), multi_label=True).round(2)
    array([-0.8, -0.1])
  """
  if multi_label:
    return -2 * np.abs(probabilities - 0.5).min(axis=1)
  second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
  return second - first


def diverse(similarities: np.ndarray, covered: np.ndarray) -> np.ndarray:
  """Wants the windows that stand for most of what nothing stands for yet.

  How well a window is stood for is its similarity to the most similar one that is chosen, at least
  0. A window is worth by how much the sum of that would grow: the greedy choice for the problem of
  facility location, which takes the middle of a crowd before an outlier.

  Args:
    similarities: float `[W, W]`, of each window (row) to each that may be chosen (column).
    covered: float `[W]`, how well each is stood for.

  Returns:
    float `[W]`.

  Example:
    >>> similarities = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> diverse(similarities, np.zeros(3))
    array([1.9, 1.9, 1. ])
    >>> diverse(similarities, np.array([1.0, 0.9, 0.0])).round(2)
    array([0. , 0.1, 1. ])
  """
  return np.maximum(similarities - covered[:, None], 0).sum(axis=0)


def cover(similarities: np.ndarray) -> np.ndarray:
  """Returns how well windows are stood for by stretches, float `[W]`, see `diverse`.

  Args:
    similarities: float `[W, M]`.

  Example:
    >>> cover(np.array([[0.2, 0.7], [-0.5, -0.1]])), cover(np.zeros([2, 0]))
    (array([0.7, 0. ]), array([0., 0.]))
  """
  return np.maximum(similarities, 0).max(axis=1, initial=0)


def random(num_windows: int, seed: int) -> np.ndarray:
  """Wants all windows alike: an order that is drawn.

  Args:
    num_windows: W.
    seed: determines the order.

  Returns:
    float `[W]`.

  Example:
    >>> sorted(random(4, seed=0).tolist())
    [0.0, 1.0, 2.0, 3.0]
  """
  return np.random.default_rng([seed, 6]).permutation(num_windows).astype(np.float64)


def similar(rows: np.ndarray, examples: np.ndarray, centre: np.ndarray) -> np.ndarray:
  """Wants what is most similar to an example.

  Args:
    rows: embeddings, float `[W, D]`.
    examples: their embeddings, float `[M, D]`, M at least 1.
    centre: the mean embedding, float `[D]`.

  Returns:
    float `[W]`, the largest cosine similarity.

  Example:
    >>> rows, examples = np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([[0.0, 1.0]])
    >>> similar(rows, examples, centre=np.zeros(2))
    array([0., 1.])
  """
  return cosines(rows, examples, centre).max(axis=1)


def cosines(rows: np.ndarray, others: np.ndarray, centre: np.ndarray) -> np.ndarray:
  """Returns the cosine similarities of embeddings without their mean, float `[W, M]`.

  Args:
    rows: float `[W, D]`.
    others: float `[M, D]`.
    centre: the mean, float `[D]`.

  Example:
    >>> cosines(np.array([[2.0, 1.0]]), np.array([[1.0, 2.0], [5.0, 1.0]]), np.ones(2))
    array([[0., 1.]])
  """
  return normalise_rows(rows - centre) @ normalise_rows(others - centre).T
