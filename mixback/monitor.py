"""kNN by the paper's protocol, on the embedding and the projection, and a linear classifier."""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from contrastive_audio.exporting.clip_embedder import Clip, ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.monitoring import knn
from contrastive_audio.monitoring.monitor import (
  Evaluation,
  LabelMonitor,
  describe_linear,
  linear_metrics,
)
from contrastive_audio.networks.float32_copy import HasNetworks
from contrastive_audio.runs import Run
from contrastive_audio.store.store import Store


class PatchKnnMonitor(LabelMonitor):
  """Patches vote for the class of their clip, by their K nearest patches of other clips.

  All patches of a clip vote, one every 50 frames. Where clips have groups (speakers, recordings),
  those of the clip's group do not vote for it. K is 200 or, in a small set, half as many as a
  class has on average. The result is the mean over classes of the share of correct clips, of the
  embedding and, as in the paper, of the projection. A linear classifier is evaluated on the
  embedding of each clip, see contrastive_audio.monitoring.linear_probe: that of the same patches,
  without the remainder at the end of a clip, which an export hears.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from mixback.config import Config
    >>> from mixback.model import build_model
    >>> config = Config(encoder="frame_cnn", steps=100)
    >>> store = prepare(open_synthetic(clips_per_class=2), config.sample_rate_hz)
    >>> run = Run.start_or_resume("run", "mixback", {}, {}, config.front_end())
    >>> PatchKnnMonitor(run, store, config.front_end(), build_model(config)).check(step=0)
    step 0: kNN of the embedding ... %, of the projection ... %, K = ... (a small set) ...
  """

  def __init__(self, run: Run, store: Store, front_end: FrontEnd, networks: HasNetworks):
    """Prepares the evaluation.

    Args:
      run: where measurements are logged.
      store: the clips of the training.
      front_end: waves -> log-mels.
      networks: encoder and projection head, in float32.
    """
    super().__init__(run, store)
    self._embedding_size = networks.encoder.output_shape[-1]
    embedding = networks.encoder.output
    both = keras.layers.Concatenate(dtype="float32")([embedding, networks.head(embedding)])
    network = keras.Model(networks.encoder.input, both)
    self._embedder = ClipEmbedder(ClipEncoder(front_end, network, "hopping"))

  def evaluate(
    self, waves: Iterable[Clip], labels: Sequence[str], groups: Sequence[str | None]
  ) -> Evaluation:
    pools_windows = self._embedder.clip_pooling != "clip"
    waves = waves if pools_windows else list(waves)  # these are embedded twice
    by_clip = list(self._embedder.embed_windows(waves))
    clips = np.repeat(np.arange(len(by_clip)), [len(patches) for patches in by_clip])
    patches = np.concatenate(by_clip)
    num_groups = len(set(groups) - {None})
    used_groups = groups if num_groups > 1 else None
    k = knn.patch_neighbours(clips, len(set(labels)), used_groups)
    embeddings, projections = np.split(patches, [self._embedding_size], axis=1)
    predicted, by_projection = (
      knn.leave_one_clip_out(rows, clips, labels, k, used_groups)
      for rows in (embeddings, projections)
    )
    metrics = {
      "knn_accuracy": knn.macro_accuracy(predicted, labels),
      "knn_projection_accuracy": knn.macro_accuracy(by_projection, labels),
      "knn_groups": num_groups,
      "knn_neighbours": k,
      "knn_patches": len(patches),
    }
    embedded = self._of_clips(waves, by_clip)[:, : self._embedding_size]
    metrics |= linear_metrics(embedded, labels, used_groups)
    return metrics, predicted

  def _of_clips(self, waves: Iterable[Clip], patches: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the embeddings of clips, from those of their patches where they are made of them."""
    if self._embedder.clip_pooling == "clip":
      return np.stack(list(self._embedder.embed(waves)))
    pool = np.max if self._embedder.clip_pooling == "windows_max" else np.mean
    return np.stack([pool(rows, axis=0) for rows in patches])

  def describe(self, metrics: Mapping[str, float]) -> str:
    few = " (a small set)" if metrics["knn_neighbours"] < knn.PATCH_NEIGHBOURS else ""
    return (
      f"kNN of the embedding {100 * metrics['knn_accuracy']:.1f} %, of the projection "
      f"{100 * metrics['knn_projection_accuracy']:.1f} %, K = {metrics['knn_neighbours']}{few}"
      + describe_linear(metrics)
    )
