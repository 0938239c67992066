"""python -m downstream.knn: the nearest training clips predict the class of a test clip.

Two protocols. `split`: clips, by cosine similarity of their embeddings, with the split of the task.
`patches`: the one of mix-back's code, without a training part: all windows of the test clips are
each other's gallery, those of the same clip excluded; windows vote for their clip.
"""

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring import knn
from downstream import judging
from downstream.encoders.embedding_parts import Embeddings

PROTOCOLS = ("split", "patches")


def make_method(protocol="split", neighbours=10, cache=None):
  """Returns what makes the method, for judging.run.

  Args:
    protocol: see above.
    neighbours: k of "split".
    cache: `(model, store) -> folder` of its embeddings; None: the user's cache.
  """

  def make(data, model):
    if data.multi_label:
      raise UserError(f"{data.task.name}: clips have several labels, which kNN does not predict")
    if protocol == "patches":
      return lambda problem: _by_patches(problem, cache)
    folder = cache and cache(model, data.store)
    rows = Embeddings(model, data.store, folder).make().of_clips()
    return lambda problem: _by_clips(problem, rows, neighbours)

  return make


def _by_clips(problem, rows, neighbours):
  gallery = problem.fitted_and_chosen
  return knn.votes_of_gallery(
    rows[problem.test], rows[gallery], problem.targets[gallery], neighbours
  )


def _by_patches(problem, cache):
  tested = problem.data.store.select(problem.test)  # the others play no part
  folder = cache and cache(problem.model, tested)
  clips, values = Embeddings(problem.model, tested, folder).make().of_windows()
  labels = [problem.data.clips.labels[i] for i in problem.test]
  k = knn.patch_neighbours(clips, len(set(labels)))
  predicted = knn.leave_one_clip_out(values, clips, labels, k)
  return (predicted[:, None] == np.array(problem.data.class_names, object)).astype(np.float32)


def main(_):
  values = flags.FLAGS.flag_values_dict()
  judging.run("kNN", make_method(values["protocol"], values["neighbours"]), values)


if __name__ == "__main__":
  judging.define_flags()
  flags.DEFINE_enum("protocol", "split", PROTOCOLS, "See the beginning of downstream/knn.py.")
  flags.DEFINE_integer("neighbours", 10, "k of the protocol split.", lower_bound=1)
  main.run_main(main)
