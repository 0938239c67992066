"""kNN by the paper's protocol, on the projection as the paper, and on the embedding; and linear."""

import keras
import numpy as np

from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.monitoring import knn
from contrastive_audio.monitoring.monitor import Monitor, linear


class PatchKnnMonitor(Monitor):
  """Patches vote: each for the class of its K nearest patches of other clips, then for its clip's.

  All patches of a clip (a patch every 50 frames), K = 200 or, in a small set, half as many as a
  class has on average; the mean over classes of the share of clips that are right. Beside it a
  linear classifier on the mean embedding of each clip, see contrastive_audio.monitoring.linear_probe.
  """

  def __init__(self, run, store, front_end, networks):
    """Takes a Run, a Store, the FrontEnd and the Float32Networks."""
    super().__init__(run, store)
    self._embedding_size = networks.encoder.output_shape[-1]
    embedding = networks.encoder.output
    both = keras.layers.Concatenate(dtype="float32")([embedding, networks.head(embedding)])
    network = keras.Model(networks.encoder.input, both)
    self._embedder = ClipEmbedder(ClipEncoder(front_end, network, FrontEnd.hopping))

  def judge(self, waves, labels, groups):
    by_clip = list(self._embedder.embed_windows(waves))
    clips = np.repeat(np.arange(len(by_clip)), [len(patches) for patches in by_clip])
    patches = np.concatenate(by_clip)
    k = knn.patch_neighbours(clips, len(set(labels)))
    parts = np.split(patches, [self._embedding_size], axis=1)
    embedding, projection = (
      knn.macro_accuracy(knn.leave_one_clip_out(part, clips, labels, k), labels) for part in parts
    )
    results = {
      "knn_accuracy": embedding,
      "knn_projection_accuracy": projection,
      "knn_neighbours": k,
      "knn_patches": len(patches),
    }
    means = np.stack([np.mean(rows, axis=0)[: self._embedding_size] for rows in by_clip])
    return results | linear(means, labels, groups if len(set(groups) - {None}) > 1 else None)

  def line(self, results):
    few = " (a small set)" if results["knn_neighbours"] < knn.PATCH_NEIGHBOURS else ""
    return (
      f"kNN of the embedding {100 * results['knn_accuracy']:.1f} %, of the projection "
      f"{100 * results['knn_projection_accuracy']:.1f} %, K = {results['knn_neighbours']}{few}"
      + self.linear_part(results)
    )
