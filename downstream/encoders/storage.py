"""How embeddings are kept in a file: as they are, as float16, or as principal components."""

import dataclasses
import os
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.decomposition import PCA

from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import replacing

SAMPLE = 10_000  # rows that the components are fitted on, at most; bounds the memory
ENDING = ".pca.npz"  # of the file beside the embeddings
_LARGEST_ERROR = 1e-3  # of float16, relative; that of numbers in its range is below 5e-4


@dataclasses.dataclass(frozen=True)
class Components:
  """Embeddings -> fewer numbers, which keep most of their variance.

  Letters: n rows, D embedding, K components.

  Attributes:
    mean: float32 `[D]`.
    components: float32 `[K, D]`, orthonormal rows, the one with the largest variance first.
    explained_variance_ratio: float32 `[K]`, share of the variance of the sample.

  Example:
    >>> components = Components(np.zeros(2), np.array([[0.0, 1.0]]), np.ones(1))
    >>> components.project(np.array([[3.0, 4.0]])).tolist()
    [[4.0]]
    >>> components.save("embeddings.npz")
    'embeddings.npz.pca.npz'
    >>> Components.open("embeddings.npz").components.shape
    (1, 2)
  """

  mean: np.ndarray
  components: np.ndarray
  explained_variance_ratio: np.ndarray

  def project(self, embeddings: np.ndarray) -> np.ndarray:
    """Returns float32 `[n, K]` of embeddings `[n, D]`."""
    return ((embeddings - self.mean) @ self.components.T).astype(np.float32)

  def save(self, path: str) -> str:
    """Writes them beside a file of embeddings; returns their own path."""
    with replacing(path + ENDING) as unfinished:
      np.savez(unfinished, **dataclasses.asdict(self))
    return path + ENDING

  @classmethod
  def open(cls, path: str) -> "Components":
    """Opens those beside a file of embeddings.

    Raises:
      UserError: there are none.
    """
    if not os.path.exists(path + ENDING):
      raise UserError(f"no such file: {path + ENDING!r}, which downstream.embed --pca=K writes")
    with np.load(path + ENDING, allow_pickle=False) as arrays:
      return cls(**{field.name: arrays[field.name] for field in dataclasses.fields(cls)})


def fit(blocks: Callable[[], Iterator[np.ndarray]], num_components: int) -> Components:
  """Fits components on rows that are spread evenly over all blocks.

  Args:
    blocks: called twice; yields embeddings, float32 `[n, D]`, a few rows at a time.
    num_components: K.

  Raises:
    UserError: there are fewer rows, or fewer numbers in a row.

  Example:
    >>> rows = np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [4.0, 0.1, 1.0]])
    >>> np.abs(fit(lambda: iter([rows]), 1).components).round(1).tolist()
    [[1.0, 0.0, 0.0]]
  """
  num_rows = sum(map(len, blocks()))
  kept, first, step = [], 0, max(1, -(-num_rows // SAMPLE))
  for block in blocks():
    kept.append(block[-first % step :: step])
    first += len(block)
  sample = np.concatenate(kept)
  require_rows(num_components, *sample.shape)
  # Both are exact. The second takes some ten seconds for 3,072 numbers, however few the rows.
  by = "full" if len(sample) < sample.shape[1] / 3 else "covariance_eigh"
  solver = PCA(num_components, svd_solver=by).fit(sample.astype(np.float64))
  arrays = (solver.mean_, solver.components_, solver.explained_variance_ratio_)
  return Components(*(array.astype(np.float32) for array in arrays))


def require_rows(num_components: int, num_rows: int, embedding_size: int) -> None:
  """Raises an error if some rows have fewer components than asked for.

  Args:
    num_components: K.
    num_rows: n.
    embedding_size: D.

  Raises:
    UserError: they have.

  Example:
    >>> require_rows(100, num_rows=40, embedding_size=5120)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --pca=100: 40 embeddings of 5120 numbers have 40 ...
  """
  if num_components > (most := min(num_rows, embedding_size)):
    raise UserError(
      f"--pca={num_components}: {num_rows} embeddings of {embedding_size} numbers have {most} "
      "components at most"
    )


@dataclasses.dataclass(frozen=True)
class Storage:
  """How embeddings are kept in a file.

  Attributes:
    half: as float16, in half the space.
    components: what they are projected to; None: they are kept as they are.

  Example:
    >>> Storage(half=True).stored(np.ones([2, 3], np.float32)).dtype
    dtype('float16')
  """

  half: bool = False
  components: Components | None = None

  def size(self, embedding_size: int) -> int:
    """Returns the number of numbers of a row."""
    return len(self.components.components) if self.components else embedding_size

  def stored(self, embeddings: np.ndarray) -> np.ndarray:
    """Returns the rows of a file, `[n, D]` or `[n, K]`.

    Raises:
      UserError: they are too small or too large for float16.
    """
    rows = self.components.project(embeddings) if self.components else embeddings
    if not self.half:
      return np.ascontiguousarray(rows, "<f4")
    with np.errstate(over="ignore"):
      short = np.ascontiguousarray(rows, "<f2")
    errors, sizes = (np.linalg.norm(each, axis=1) for each in (short - rows, rows))
    if not (errors <= _LARGEST_ERROR * sizes).all():
      raise UserError(
        f"--half: embeddings as small or large as {np.abs(rows).max():.1g} do not fit into "
        "float16: leave it out"
      )
    return short
