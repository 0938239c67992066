"""Files for TensorBoard's embedding projector: `tensorboard --logdir=FOLDER`."""

import os

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from contrastive_audio.utils.files import make_folder

_TENSORS, _METADATA, _SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"
_SPRITE_PIXELS = 8192  # the most on a side that TensorBoard shows


def write(folder, embeddings, keys, labels, thumbnails):
  """Writes embeddings, names and pictures of clips.

  Args:
    folder: where to.
    embeddings: float `[n, D]`.
    keys: n names.
    labels: n class names or Nones.
    thumbnails: uint8 `[n, side, side]`, see `thumbnail`; halved until all fit into one picture.
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


def sprite(thumbnails):
  """Puts pictures into a square grid, row by row, as the projector reads them.

  Args:
    thumbnails: uint8 `[n, side, side]`.

  Returns:
    (uint8 `[height, width]`, side of a single picture).
  """
  columns = int(np.ceil(np.sqrt(len(thumbnails))))
  while columns * thumbnails.shape[1] > _SPRITE_PIXELS and thumbnails.shape[1] > 1:
    thumbnails = thumbnails[:, ::2, ::2]
  side = thumbnails.shape[1]
  grid = np.zeros([columns * columns, side, side], np.uint8)
  grid[: len(thumbnails)] = thumbnails
  rows = grid.reshape(columns, columns, side, side).transpose(0, 2, 1, 3)
  return rows.reshape(columns * side, columns * side), side


def thumbnail(log_mel, side=32):
  """Makes a grey picture of a log-mel, low frequencies at the bottom.

  Args:
    log_mel: float `[T, F]`.
    side: of the picture, in pixels.

  Returns:
    uint8 `[side, side]`, from black to white by the clip's own range; of silence all black.
  """
  log_mel = np.asarray(log_mel, float)
  frames, bands = (np.linspace(0, size - 1, side).round().astype(int) for size in log_mel.shape)
  picture = log_mel[np.ix_(frames, bands)].T[::-1]
  low, high = picture.min(), picture.max()
  if high - low < 1e-6:
    return np.zeros([side, side], np.uint8)
  return (255 * (picture - low) / (high - low)).round().astype(np.uint8)


def _one_cell(text):
  return " ".join(text.split())
