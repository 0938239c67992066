"""The weights that a training starts from: do they fit, and who gets them."""

import itertools
from collections.abc import Sequence

import keras

from contrastive_audio.configuration import RunConfig
from contrastive_audio.errors import UserError
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.networks.float32_copy import HasNetworks
from contrastive_audio.runs import Run
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.source_distance import SourceDistance
from contrastive_audio.training.source_run import SourceRun


class StartingWeights:
  """Encoder and head of a run, for a training that goes on from them.

  The encoder has to fit. The head is taken over if it has the same layers and shapes; otherwise
  that of the new training keeps its random weights. What compares projections, such as COLA's
  bilinear matrix, is in no file of a run and starts anew.

  Attributes:
    source: the run.
    encoder: its encoder.
    head: its head; None: it has none.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> run = Run.start_or_resume("run", "cola", {}, {}, front_end)
    >>> run.save_networks(frame_cnn(64))
    >>> weights = StartingWeights(SourceRun.open("run"))
    >>> model = ContrastiveModel(None, frame_cnn(64), keras.Sequential(), objective=None)
    >>> weights.give(model, RunConfig())
    >>> bool((model.encoder.get_weights()[0] == weights.encoder.get_weights()[0]).all())
    True
  """

  def __init__(self, source: SourceRun):
    """Reads the networks.

    Args:
      source: the run.

    Raises:
      UserError: a file of the run is damaged.
    """
    run = Run.open(source.folder)
    self.source, self.encoder, self.head = source, run.encoder(), run.head()
    self._front_end = run.front_end()

  def require_fit(self, model: HasNetworks, front_end: FrontEnd | None = None) -> None:
    """Raises an error unless the encoder of a model can take the weights.

    Args:
      model: whose encoder starts from them.
      front_end: of the training; None: it is not looked at.

    Raises:
      UserError: the first layer, or the first number of the front end, that does not fit.
    """
    if front_end is not None:
      self._require_log_mels(front_end)
    if problem := _first_difference(self.encoder, model.encoder):
      raise UserError(f"--init={self.source.model} does not fit: {problem}")

  def _require_log_mels(self, front_end: FrontEnd) -> None:
    """Raises an error unless log-mels are those that the encoder has learned from."""
    there, here = (
      {"level": each.level} | each.log_mel.get_config() for each in (self._front_end, front_end)
    )
    for name in sorted(there.keys() & here.keys() - {"name", "dtype", "trainable"}):
      if there[name] != here[name]:
        raise UserError(
          f"--init={self.source.model} does not fit: {name} of the log-mels is {there[name]!r} "
          f"there and {here[name]!r} here"
        )

  def fits_head(self, model: HasNetworks) -> bool:
    """Whether the head of a model can take the weights of the source's.

    Args:
      model: whose head would start from them.
    """
    if self.head is None or _kinds(self.head) != _kinds(model.head):
      return False
    return _first_difference(self.head, model.head) is None

  def give(self, model: ContrastiveModel, config: RunConfig) -> None:
    """Gives a model the weights of the encoder and, if they fit, of the head.

    Args:
      model: built in the scope of its strategy; call it there, too.
      config: keep, with which the loss gets the distance to these weights; and mean and std, by
        which the views of the model are standardised.

    Raises:
      UserError: the encoder does not fit.
    """
    self.require_fit(model)
    model.encoder.set_weights(self.encoder.get_weights())
    if self.head is not None and self.fits_head(model):
      model.head.set_weights(self.head.get_weights())
    if config.keep:
      model.keep_near(self._distance(model, config), config.keep)

  def _distance(self, model: HasNetworks, config: RunConfig) -> SourceDistance:
    """Returns the distance to the embeddings of the source, in the precision of a model."""
    encoder = keras.models.clone_model(model.encoder)
    encoder.set_weights(self.encoder.get_weights())
    mean, std = self.source.statistics
    here_mean, here_std = (0.0 if config.mean is None else config.mean), config.std or 1.0
    return SourceDistance(encoder, here_std / std, (here_mean - mean) / std)


def _kinds(network: keras.Model) -> list[str]:
  """Returns the types of the layers that compute something."""
  kinds = [type(layer).__name__ for layer in network.layers]
  return [kind for kind in kinds if kind != "InputLayer"]


def _first_difference(there: keras.Model, here: keras.Model) -> str | None:
  """Returns which layer of two networks is the first that has other weights, with the shapes."""
  for theirs, ours in itertools.zip_longest(_shapes(there), _shapes(here)):
    if theirs is None or ours is None:
      name, shape = theirs or ours
      return f"layer {name}, of shape {shape}, is only {'here' if theirs is None else 'there'}"
    if theirs[1] != ours[1]:
      name = ours[0] if ours[0] == theirs[0] else f"{theirs[0]} (here {ours[0]})"
      return f"layer {name} has the shape {theirs[1]} there and {ours[1]} here"
  return None


def _shapes(network: keras.Model) -> Sequence[tuple[str, list[int]]]:
  return [("/".join(v.path.split("/")[-2:]), list(v.shape)) for v in network.weights]
