"""python -m benchmarks.logits: a large batch's loss and gradient, whole and in blocks.

Each way runs in a process of its own; prints its loss, time, and by how much its memory grew, and
how far the gradient in blocks is from the whole one.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_UNITS = 512


def main(_):
  values = flags.FLAGS.flag_values_dict()
  if values["child"] is not None:
    _measure(values["batch_size"], values["child"], values["output"])
    return
  rows, whole = [], None
  with tempfile.TemporaryDirectory() as folder:
    for block in [0, *map(int, values["blocks"])]:
      found = _run(values["batch_size"], block, os.path.join(folder, f"{block}.npz"))
      whole = whole or found
      error = np.abs(found["gradient"] - whole["gradient"]).max() / np.abs(whole["gradient"]).max()
      numbers = [f"{found['loss']:.6f}", f"{error:.1e}", f"{found['seconds']:.2f}"]
      rows.append([block or "whole", *numbers, f"{found['megabytes']:.0f}"])
  print(f"\n{values['batch_size']} rows and columns of {_UNITS}, loss and gradient\n")
  markdown_table.show(["rows at once", "loss", "gradient off by", "s", "MB more"], rows)


def _run(batch_size, block, path):
  command = [sys.executable, "-m", "benchmarks.logits", f"--batch_size={batch_size}"]
  subprocess.run([*command, f"--child={block}", f"--output={path}"], check=True)
  return dict(np.load(path))


def _measure(batch_size, block, path):
  """Measures one way, in this process; the first call is a small one."""
  import tensorflow as tf

  from contrastive_audio.training.cross_entropy import cross_entropy

  @tf.function(reduce_retracing=True)
  def loss_and_gradient(rows, columns):
    with tf.GradientTape() as tape:
      tape.watch(rows)
      loss, _ = cross_entropy(rows, columns, tf.range(tf.shape(rows)[0]), block=block)
    return loss, tape.gradient(loss, rows)

  rng = np.random.default_rng(0)
  rows, columns = rng.normal(0, 0.1, [2, batch_size, _UNITS]).astype("f")
  loss_and_gradient(tf.constant(rows[:64]), tf.constant(columns[:64]))
  loss_and_gradient(tf.constant(rows[:65]), tf.constant(columns[:65]))
  before, begin_s = _peak_megabytes(), time.perf_counter()
  loss, gradient = loss_and_gradient(tf.constant(rows), tf.constant(columns))
  seconds = time.perf_counter() - begin_s
  grown = _peak_megabytes() - before
  np.savez(path, loss=loss, gradient=gradient, seconds=seconds, megabytes=grown)


def _peak_megabytes():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _define_flags():
  flags.DEFINE_integer("batch_size", 8192, "Rows, and columns.", lower_bound=1)
  flags.DEFINE_list("blocks", ["2048", "256"], "Rows at once.")
  flags.DEFINE_integer("child", None, "Used by itself.")
  flags.DEFINE_string("output", None, "Used by itself.")


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
