"""The name of a model -> something that embeds clips: a run, a SavedModel or a baseline.

FOLDER                   a run folder, or a SavedModel exported by this project
random:efficientnet_b0   random weights behind the front end of COLA
random:RUN               the network and the front end of a run, with random weights
logmel_stats             mean and standard deviation of each log-mel band: no network at all
"""

import dataclasses
import hashlib
import json
import os

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from downstream.encoders.log_mel_baseline import StatisticsEmbedder

_RANDOM = "random:"
LOGMEL_STATS = "logmel_stats"


@dataclasses.dataclass(frozen=True)
class Model:
  """Something that embeds clips, and can be judged.

  Attributes:
    name: as the user wrote it.
    identity: hex digest of everything that its embeddings depend on, the clips apart.
    sample_rate_hz: rate of the waves it expects.
    embedding_size: D.
    embedder: an embedding.ClipEmbedder, or what embeds as one does.
    front_end: its FrontEnd; None where there is nothing to train.
    encoder: its keras.Model `[B, T, F, 1] -> [B, D]`; None where there is nothing to train.
  """

  name: str
  identity: str
  sample_rate_hz: int
  embedding_size: int
  embedder: object
  front_end: FrontEnd | None = None
  encoder: keras.Model | None = None


def open_model(name, seed=0):
  """Opens what `--model` names.

  Args:
    name: see above.
    seed: of random weights.

  Returns:
    A Model.

  Raises:
    UserError: no such model.
  """
  if name == LOGMEL_STATS:
    log_mel = cola_front_end().log_mel
    return Model(name, LOGMEL_STATS, log_mel.sample_rate_hz, 2 * 64, StatisticsEmbedder(log_mel))
  if name.startswith(_RANDOM):
    return _open_random(name, seed)
  if os.path.exists(os.path.join(name, "config.json")):
    run = Run.open(name)
    encoder = run.encoder()
    return _of_keras(name, _digest_of_files([run.path("encoder.keras")]), run.front_end(), encoder)
  return _open_saved_model(name)


def cola_front_end():
  """Returns the front end of COLA (16 kHz, 64 HTK mels, 96 frames), for baselines."""
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


def _open_random(name, seed):
  network = name.removeprefix(_RANDOM)
  keras.utils.set_random_seed(seed)
  if network == "efficientnet_b0":
    front_end = cola_front_end()
    encoder = encoders.efficientnet_b0(front_end.num_mels)
  elif os.path.exists(os.path.join(network, "config.json")):
    run = Run.open(network)
    front_end, encoder = run.front_end(), keras.models.clone_model(run.encoder())
  else:
    raise UserError(
      f"--model={name}: after random: comes efficientnet_b0, or a run folder, whose network and "
      "front end are taken"
    )
  digest = f"{network} {seed} {tf.__version__} {keras.__version__}"
  return _of_keras(name, digest, front_end, encoder)


def _of_keras(name, digest, front_end, encoder):
  front_end = json.dumps(_without_names(front_end.get_config()), sort_keys=True)
  identity = hashlib.sha256(f"{encoder.name} {digest} {front_end}".encode()).hexdigest()
  encoders.use_fast_kernels(encoder)
  return _of_clip_encoder(name, identity, ClipEncoder(front_end, encoder), front_end, encoder)


def _without_names(config):
  """Drops the names of layers, which Keras counts up."""
  return {
    key: _without_names(value) if isinstance(value, dict) else value
    for key, value in config.items()
    if key not in ("name", "dtype")
  }


def _of_clip_encoder(name, identity, clip_encoder, front_end=None, encoder=None):
  sizes = int(clip_encoder.sample_rate_hz), int(clip_encoder.embedding_size)
  return Model(name, identity, *sizes, ClipEmbedder(clip_encoder), front_end, encoder)


_NEEDED = ("sample_rate_hz", "embedding_size", "window_samples", "cut", "encode")


def _open_saved_model(folder):
  if not os.path.isdir(folder):
    raise UserError(
      f"--model={folder}: there is no such folder; a model is a run folder, an exported "
      f"SavedModel, {LOGMEL_STATS}, random:efficientnet_b0 or random:RUN"
    )
  if not tf.saved_model.contains_saved_model(folder):
    raise UserError(
      f"--model={folder}: the folder holds neither a run (config.json) nor a SavedModel "
      "(saved_model.pb)"
    )
  try:
    loaded = tf.saved_model.load(folder)
  except (OSError, ValueError, tf.errors.OpError) as error:
    raise UserError(
      f"--model={folder}: the SavedModel cannot be loaded ({str(error).splitlines()[0]}): export "
      "it again with python -m contrastive_audio.export --run=RUN"
    ) from error
  if missing := [part for part in _NEEDED if not hasattr(loaded, part)]:
    raise UserError(
      f"--model={folder}: the SavedModel lacks {', '.join(missing)}, which those exported by this "
      "version have: export it again with python -m contrastive_audio.export --run=RUN"
    )
  paths = [os.path.join(root, f) for root, _, files in os.walk(folder) for f in files]
  return _of_clip_encoder(folder, _digest_of_files(sorted(paths)), loaded)


def _digest_of_files(paths):
  return hashlib.sha256("".join(map(digest_of_file, paths)).encode()).hexdigest()


def digest_of_file(path):
  """Returns the hex digest of a file's content."""
  digest = hashlib.sha256()
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()
