"""An encoder with its front end as a self-contained SavedModel."""

import os
import shutil
import tempfile

import tensorflow as tf

from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.utils import quiet


class ClipClassifier(ClipEncoder):
  """A ClipEncoder with a trained linear classifier."""

  def __init__(self, front_end, encoder, classifier):
    """Takes what ClipEncoder takes, and an exporting_classifier.LinearClassifier."""
    super().__init__(front_end, encoder)
    self.class_names = tf.Variable(list(classifier.class_names), trainable=False)
    self._classifier = classifier

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def classify(self, waveform):
    """Waveform `[B, n]` -> `{"scores": [B, C], "labels": [C]}`, probabilities and class names."""
    scores = self._classifier.scores(self.embed(waveform)["embedding"])
    return {"scores": scores, "labels": tf.identity(self.class_names)}


def export_saved_model(front_end, encoder, folder, classifier=None):
  """Writes a self-contained SavedModel, whole or not at all.

  Signatures: `embed` (also the default) and `embed_frames`, see embedding.ClipEncoder; with a
  classifier `classify`, see ClipClassifier.

  Args:
    front_end: a FrontEnd layer.
    encoder: a keras.Model.
    folder: where to; replaced if it exists.
    classifier: an exporting_classifier.LinearClassifier, or None.
  """
  module = ClipEncoder(front_end, encoder)
  if classifier:
    module = ClipClassifier(front_end, encoder, classifier)
  parent = os.path.dirname(os.path.abspath(folder))
  unfinished = tempfile.mkdtemp(dir=parent, prefix=".saved_model-")
  signatures = {"embed": module.embed, "embed_frames": module.embed_frames}
  signatures["serving_default"] = module.embed
  if classifier:
    signatures["classify"] = module.classify
  try:
    with quiet.native_stderr():
      tf.saved_model.save(module, unfinished, signatures)
    os.chmod(unfinished, 0o755)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(unfinished, folder)
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)
