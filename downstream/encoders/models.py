"""A name of a model -> something that embeds clips: a run, a SavedModel or a baseline.

FOLDER                   a run folder, or a SavedModel exported by this project
preset:NAME              a run folder that comes with the package
random:efficientnet_b0   random weights behind the front end of COLA
random:RUN               the network and the front end of a run, with random weights
logmel_stats             mean and standard deviation of each log-mel band: no network at all
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import Clip, ClipEmbedder, Embedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.rows import Rows
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.networks import encoders
from contrastive_audio.networks.cpu_kernels import use_cpu_kernels
from contrastive_audio.runs import Run
from contrastive_audio.utils.files import digest_of_file
from contrastive_audio.utils.run_files import has_config
from downstream import protocols
from downstream.encoders.log_mel_baseline import StatisticsEmbedder
from downstream.model_names import (
  LOGMEL_STATS,
  RANDOM,
  folder_of,
  no_head,
  require_model,
  require_parts,
)

_EXPORTED = ("sample_rate_hz", "embedding_size", "window_samples", "cut", "encode")


@dataclasses.dataclass(frozen=True)
class Model:
  """Something that embeds clips, and can be evaluated.

  Attributes:
    name: as the user wrote it.
    identity: hex digest of weights, network and front end.
    sample_rate_hz: rate of the waves that it expects.
    embedding_size: D.
    embedder: a ClipEmbedder, or another Embedder.
    front_end: its FrontEnd; None if there is nothing to train.
    encoder: its encoder, `[B, T, F, 1] -> [B, D]`; None if there is nothing to train.
    head: its projection head, `[B, D] -> [B, P]`; None if it is not known.

  Example:
    >>> model = open_model("logmel_stats")
    >>> second = np.zeros(model.sample_rate_hz, np.float32)
    >>> next(iter(model.embedder.embed([second]))).shape == (model.embedding_size,)
    True
  """

  name: str
  identity: str
  sample_rate_hz: int
  embedding_size: int
  embedder: Embedder
  front_end: FrontEnd | None = None
  encoder: keras.Model | None = None
  head: keras.Model | None = None

  @property
  def embeddings_identity(self) -> str:
    """Hex digest of everything that its embeddings depend on, except the clips."""
    version = protocols.EMBEDDINGS_VERSION
    if version == 1:  # as embeddings were kept before there was a version
      return self.identity
    return hashlib.sha256(f"{self.identity} {version}".encode()).hexdigest()

  def embed_rows(self, clips: Iterable[Clip], windows: str) -> Iterator[Rows]:
    """Yields (number of the clip of each row `[W]`, embeddings `[W, D]`), a few rows at a time.

    Args:
      clips: numbered from 0.
      windows: "clips" or "frames", see clip_embedder.ROWS, or one of protocols.WINDOWS; SavedModels
        and baselines have no others than "covering", which take their place.
    """
    if windows in ("clips", "frames"):
      return self.embedder.embed_rows(clips, windows)
    if windows == "covering" or self.front_end is None or self.encoder is None:
      return self.embedder.embed_rows(clips)
    return ClipEmbedder(ClipEncoder(self.front_end, self.encoder, windows)).embed_rows(clips)

  def with_head(self) -> "Model":
    """Returns the model whose embeddings are the projections of this one.

    Raises:
      UserError: it has no head.
    """
    if self.front_end is None or self.encoder is None or self.head is None:
      raise no_head(self.name)
    network = keras.Model(
      self.encoder.inputs[0], self.head(self.encoder.outputs[0]), name="projections"
    )
    digest = f"{self.identity} {_digest_of_network(self.head)}"
    return keras_model(self.name, digest, self.front_end, network)


def open_model(name: str, seed: int = 0, clip_pooling: str | None = None) -> Model:
  """Opens what `--model` names.

  Args:
    name: see the docstring of this module.
    seed: seed of random weights.
    clip_pooling: one of configuration.CLIP_POOLINGS, in place of the model's; None: that.

  Raises:
    UserError: there is no such model, or it has no such pooling.

  Example:
    >>> open_model("logmel_stats").embedding_size  # mean and standard deviation of 64 bands
    128
  """
  require_model(name)
  require_parts(name, clip_pooling)
  if name == LOGMEL_STATS:
    log_mel = cola_front_end().log_mel
    embedder = StatisticsEmbedder(log_mel)
    return Model(name, LOGMEL_STATS, log_mel.sample_rate_hz, 2 * log_mel.num_mels, embedder)
  if name.startswith(RANDOM):
    return _open_random(name, seed, clip_pooling)
  if has_config(folder_of(name)):
    run = Run.open(name)
    encoder, head = run.encoder(), run.head()
    digest = _digest_of_files([run.path("encoder.keras")])
    return keras_model(name, digest, run.front_end().pooled(clip_pooling), encoder, head)
  return _open_saved_model(name, clip_pooling)


def cola_front_end() -> FrontEnd:
  """Returns the front end of COLA (16 kHz, 64 HTK mels, 96 frames), for baselines.

  Example:
    >>> cola_front_end().num_samples / 16_000  # seconds
    0.975
  """
  log_mel = LogMel(
    sample_rate_hz=16_000,
    window="hann",
    frame_samples=400,
    hop_samples=160,
    fft_samples=1024,
    padding="none",
    power=1,
    mel_scale="htk",
    num_mels=64,
    fmin_hz=60.0,
    fmax_hz=7800.0,
    log_base="e",
    floor_mode="clip",
    floor=1e-5,
    ceiling=1e8,
  )
  return FrontEnd(log_mel, 96, "excerpt_l2")


def _open_random(name: str, seed: int, clip_pooling: str | None) -> Model:
  network = name.removeprefix(RANDOM)
  keras.utils.set_random_seed(seed)
  if network == "efficientnet_b0":
    front_end, head, drawn = cola_front_end(), None, network
    encoder = encoders.efficientnet_b0(front_end.num_mels)
  else:
    run = Run.open(network)
    front_end, encoder = run.front_end(), keras.models.clone_model(run.encoder())
    head = run.head()
    head = head and keras.models.clone_model(head)
    drawn = encoder.to_json()  # a run that is trained again may have another network
  digest = f"{drawn} {seed} {tf.__version__} {keras.__version__}"
  return keras_model(name, digest, front_end.pooled(clip_pooling), encoder, head)


def keras_model(
  name: str,
  digest: str,
  front_end: FrontEnd,
  encoder: keras.Model,
  head: keras.Model | None = None,
) -> Model:
  """Returns the Model of a Keras encoder.

  Args:
    name: of the model.
    digest: a text that changes whenever the weights may have changed.
    front_end: of the encoder.
    encoder: `[B, T, F, 1] -> [B, D]`.
    head: its projection head, if it is known.

  Example:
    >>> model = keras_model("untrained", "", cola_front_end(), encoders.frame_cnn(64))
    >>> model.sample_rate_hz, model.embedding_size
    (16000, 3072)
  """
  fields = _without_names(front_end.get_config())
  if fields["clip_pooling"] == "windows":  # as identities were before there was anything else
    del fields["clip_pooling"]
  config = json.dumps(fields, sort_keys=True)
  identity = hashlib.sha256(f"{encoder.name} {digest} {config}".encode()).hexdigest()
  use_cpu_kernels(encoder)
  return Model(
    name=name,
    identity=identity,
    sample_rate_hz=front_end.sample_rate_hz,
    embedding_size=encoder.output_shape[-1],
    embedder=ClipEmbedder(ClipEncoder(front_end, encoder)),
    front_end=front_end,
    encoder=encoder,
    head=head,
  )


def _digest_of_network(network: keras.Model) -> str:
  """Returns a digest of the layers and weights of a network."""
  weights = b"".join(weight.tobytes() for weight in network.get_weights())
  return hashlib.sha256(
    json.dumps(network.get_config(), default=str).encode() + weights
  ).hexdigest()


def _without_names(config: Mapping[str, Any]) -> dict[str, Any]:
  """Drops the names of layers, which Keras numbers consecutively."""
  return {
    key: _without_names(value) if isinstance(value, dict) else value
    for key, value in config.items()
    if key not in ("name", "dtype")
  }


def _open_saved_model(folder: str, clip_pooling: str | None) -> Model:
  again = "export it again with python -m contrastive_audio.export --model=RUN"
  try:
    loaded = tf.saved_model.load(folder)
  except Exception as error:  # damage shows itself in any way
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UserError(
      f"--model={folder}: the SavedModel cannot be loaded ({reason}): {again}"
    ) from error
  if missing := [name for name in _EXPORTED if not hasattr(loaded, name)]:
    raise UserError(
      f"--model={folder}: the SavedModel lacks {', '.join(missing)}, which those exported by this "
      f"version have: {again}"
    )
  if clip_pooling == "clip" and not hasattr(loaded, "clip_blocks"):
    raise UserError(
      f"--model={folder}: the SavedModel has no clip_pooling=clip: {again} --clip_pooling=clip"
    )
  try:
    sample_rate_hz, embedding_size = int(loaded.sample_rate_hz), int(loaded.embedding_size)
    embedder = ClipEmbedder(loaded, clip_pooling)
    (embedding,) = embedder.embed([np.zeros(int(loaded.window_samples), np.float32)])
    if embedding.shape != (embedding_size,):
      raise ValueError(f"an embedding has the shape {embedding.shape}, not [{embedding_size}]")
  except Exception as error:  # a SavedModel of others may hold anything under these names
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UserError(
      f"--model={folder}: the SavedModel does not embed ({reason}): {again}"
    ) from error
  paths = [os.path.join(root, file) for root, _, files in os.walk(folder) for file in files]
  identity = _digest_of_files(sorted(paths)) + (f" {clip_pooling}" if clip_pooling else "")
  return Model(folder, identity, sample_rate_hz, embedding_size, embedder)


def _digest_of_files(paths: Iterable[str]) -> str:
  return hashlib.sha256("".join(map(digest_of_file, paths)).encode()).hexdigest()
