"""Files for TensorBoard's embedding projector: `tensorboard --logdir=FOLDER`."""

import os
from collections.abc import Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from contrastive_audio.utils.files import make_folder

_TENSORS, _METADATA, _SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"
_SPRITE_PIXELS = 8192  # the largest width and height that TensorBoard shows


def write(
  folder: str,
  embeddings: np.ndarray,
  keys: Sequence[str],
  labels: Sequence[str | None],
  thumbnails: np.ndarray,
) -> None:
  """Writes the embeddings, names and thumbnails of clips.

  Args:
    folder: created unless it exists.
    embeddings: float `[n, D]`.
    keys: n names.
    labels: n class names, or None for a clip without one.
    thumbnails: uint8 `[n, side, side]`, see `thumbnail`; halved until all fit into one sprite.

  Example:
    >>> write("projector", np.eye(2), ["a.wav", "b.wav"], ["dog", None], np.zeros([2, 32, 32]))
    >>> sorted(os.listdir("projector"))
    ['metadata.tsv', 'projector_config.pbtxt', 'sprite.png', 'tensors.tsv']
  """
  make_folder(folder)
  np.savetxt(os.path.join(folder, _TENSORS), embeddings, fmt="%.6g", delimiter="\t")
  rows = [f"{_one_cell(key)}\t{_one_cell(label or '')}" for key, label in zip(keys, labels)]
  with open(os.path.join(folder, _METADATA), "w", encoding="utf-8") as file:
    file.write("\n".join(["key\tlabel", *rows]) + "\n")
  picture, side = sprite(np.asarray(thumbnails))
  Image.fromarray(picture).save(os.path.join(folder, _SPRITE))
  config = ProjectorConfig()
  entry = config.embeddings.add(tensor_name="clips", tensor_path=_TENSORS, metadata_path=_METADATA)
  entry.sprite.image_path = _SPRITE
  entry.sprite.single_image_dim.extend([side, side])
  with open(os.path.join(folder, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
    file.write(text_format.MessageToString(config))


def sprite(thumbnails: np.ndarray) -> tuple[np.ndarray, int]:
  """Arranges thumbnails in a square grid, row by row, as the projector reads them.

  Args:
    thumbnails: uint8 `[n, side, side]`.

  Returns:
    (uint8 `[height, width]`, side of a single thumbnail in pixels).

  Example:
    >>> picture, side = sprite(np.zeros([5, 32, 32], np.uint8))  # a grid of 3 x 3
    >>> picture.shape, side
    ((96, 96), 32)
  """
  columns = int(np.ceil(np.sqrt(len(thumbnails))))
  while columns * thumbnails.shape[1] > _SPRITE_PIXELS and thumbnails.shape[1] > 1:
    thumbnails = thumbnails[:, ::2, ::2]
  side = thumbnails.shape[1]
  grid = np.zeros([columns * columns, side, side], np.uint8)
  grid[: len(thumbnails)] = thumbnails
  rows = grid.reshape(columns, columns, side, side).transpose(0, 2, 1, 3)
  return rows.reshape(columns * side, columns * side), side


def thumbnail(log_mel: np.ndarray, side: int = 32) -> np.ndarray:
  """Draws a log-mel in shades of grey, low frequencies at the bottom.

  Args:
    log_mel: float `[T, F]`.
    side: width and height of the picture in pixels.

  Returns:
    uint8 `[side, side]`; the clip's minimum is black and its maximum white. Silence is black.

  Example:
    >>> thumbnail(np.array([[0.0, 1.0]]), side=2)  # one frame; the higher band is louder
    array([[255, 255],
           [  0,   0]], dtype=uint8)
  """
  log_mel = np.asarray(log_mel, float)
  frames, bands = (np.linspace(0, size - 1, side).round().astype(int) for size in log_mel.shape)
  picture = log_mel[np.ix_(frames, bands)].T[::-1]
  low, high = picture.min(), picture.max()
  if high - low < 1e-6:
    return np.zeros([side, side], np.uint8)
  return (255 * (picture - low) / (high - low)).round().astype(np.uint8)


def _one_cell(text: str) -> str:
  return " ".join(text.split())
