"""An encoder with its front end as a self-contained SavedModel."""

import keras
import tensorflow as tf

from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.finite import checked_waves
from contrastive_audio.frontend.front_end import FRAME_HOP_S, FrontEnd
from contrastive_audio.utils import quiet
from contrastive_audio.utils.exchange import replacing_whole
from contrastive_audio.utils.tracing import traced


class ClipClassifier(ClipEncoder):
  """A ClipEncoder with a trained linear classifier.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    classifier: trained on the embeddings of this encoder.

  Attributes:
    class_names: string variable `[C]`.

  Example:
    >>> import numpy as np
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))  # D = 1
    >>> weights, bias = np.zeros([1, 2], np.float32), np.zeros(2, np.float32)
    >>> linear = LinearClassifier(weights, bias, ("cat", "dog"), False, "runs/mine", bias[:1])
    >>> module = ClipClassifier(front_end, encoder, linear)
    >>> module.classify(tf.zeros([1, 800]))["scores"].numpy()
    array([[0.5, 0.5]], dtype=float32)
  """

  def __init__(self, front_end: FrontEnd, encoder: keras.Model, classifier: LinearClassifier):
    super().__init__(front_end, encoder)
    self.class_names = tf.Variable(list(classifier.class_names), trainable=False)
    self._classifier = classifier

  @traced(waveform=tf.TensorSpec([None, None]))
  def classify(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"scores": [B, C], "labels": [C]}`, probabilities and class names."""
    scores = self._classifier.scores(self.embed(waveform)["embedding"])
    return {"scores": scores, "labels": tf.identity(self.class_names)}

  @traced(waveform=tf.TensorSpec([None, None]))
  def classify_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"scores": [B, W, C], "time_ms": [B, W], "labels": [C]}`, every 50 ms.

    Scores are those of the window around each moment. Unlike those of `embed_frames`, windows lie
    inside the clip, so that none holds silence that is not in it: near an end of the clip, a moment
    has the scores of the first or the last window.
    """
    laid_out = self._front_end.lay_out(checked_waves(waveform))
    centres = self._front_end.centred_starts(tf.shape(waveform)[1])  # in samples of the clip
    layout = self._front_end.layout
    starts = centres + layout.mirrored_samples - layout.num_samples // 2
    last = tf.cast(tf.shape(laid_out)[1] - layout.num_samples, starts.dtype)
    embeddings = self._encode_all(laid_out, tf.clip_by_value(starts, 0, last))
    batch_and_windows = tf.shape(embeddings)[:2]
    flat = tf.reshape(embeddings, [-1, embeddings.shape[-1]])
    shape = tf.concat([batch_and_windows, [len(self._classifier.class_names)]], 0)
    times_ms = tf.cast(tf.range(batch_and_windows[1]), tf.float32) * (1000 * FRAME_HOP_S)
    return {
      "scores": tf.reshape(self._classifier.scores(flat), shape),
      "time_ms": tf.tile(times_ms[None], [batch_and_windows[0], 1]),
      "labels": tf.identity(self.class_names),
    }


def export_saved_model(
  front_end: FrontEnd,
  encoder: keras.Model,
  folder: str,
  classifier: LinearClassifier | None = None,
) -> None:
  """Writes a self-contained SavedModel; an older one stands until this one does.

  Signatures: `embed` (also the default) and `embed_frames`, see clip_encoder.ClipEncoder; with a
  classifier also `classify` and `classify_frames`, see ClipClassifier.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    folder: to write; replaced if it exists.
    classifier: trained on the embeddings of this encoder, or None.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> export_saved_model(FrontEnd(log_mel, 96, "excerpt_l2"), encoder, "model")
    >>> sorted(tf.saved_model.load("model").signatures)
    ['embed', 'embed_frames', 'serving_default']
  """
  module = ClipEncoder(front_end, encoder)
  signatures = {"serving_default": module.embed}
  if classifier:
    module = ClipClassifier(front_end, encoder, classifier)
    signatures = {"serving_default": module.embed, "classify": module.classify}
    signatures["classify_frames"] = module.classify_frames
  signatures |= {"embed": module.embed, "embed_frames": module.embed_frames}
  with replacing_whole(folder) as unfinished, quiet.native_stderr():
    tf.saved_model.save(module, unfinished, signatures)
