"""Waves -> embeddings, as every run is judged and exported.

Letters: B clips, n samples, W windows, T frames, F mel bands, D embedding.
"""

import itertools

import numpy as np
import tensorflow as tf

from audio.windows import covering_windows

WINDOWS_AT_ONCE = 64  # bounds the memory of a long clip


class ClipEncoder(tf.Module):
  """What a SavedModel holds: normalisation, log-mels and encoder, from waveform to embedding.

  Attributes:
    sample_rate_hz: int32 variable, the rate that `embed` expects.
    embedding_size: int32 variable, D.
  """

  def __init__(self, windows, encoder):
    """Takes a LogMelWindows layer and an encoder `[B, T, F, 1] -> [B, D]`."""
    super().__init__()
    self.sample_rate_hz = tf.Variable(windows.sample_rate_hz, trainable=False, dtype=tf.int32)
    self.embedding_size = tf.Variable(encoder.output_shape[-1], trainable=False, dtype=tf.int32)
    # Plain variables: a process that loads them needs no Keras.
    self.encoder_variables = [variable.value for variable in encoder.variables]
    self._windows = windows
    self._encoder = encoder

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def embed(self, waveform):
    """Waveform `[B, n]` -> `{"embedding": [B, D]}`, the mean over windows that cover the clip."""
    windows = self._windows
    laid_out = windows.lay_out(waveform)
    embeddings = self._encode(laid_out, windows.covering_starts(tf.shape(laid_out)[1]))
    return {"embedding": tf.reduce_mean(embeddings, axis=1)}

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def embed_frames(self, waveform):
    """Waveform `[B, n]` -> `{"embedding": [B, W, D], "time_ms": [B, W]}`, a window every 50 ms.

    Times are the centres of the windows; beyond the ends of the clip a window holds zeros.
    """
    padded, starts, centres_ms = self._windows.centred(waveform)
    times = tf.tile(centres_ms[None], [tf.shape(waveform)[0], 1])
    return {"embedding": self._encode(padded, starts), "time_ms": times}

  def _encode(self, waves, starts):
    """Encodes the windows of `[B, n]` at `starts` `[W]`, some at a time -> `[B, W, D]`."""
    num_windows = tf.shape(starts)[0]
    rounds = -(-num_windows // WINDOWS_AT_ONCE)
    at_once = -(-num_windows // rounds)
    starts = tf.pad(starts, [[0, rounds * at_once - num_windows]])
    embeddings = tf.map_fn(
      lambda some: self._encode_at_once(waves, some),
      tf.reshape(starts, [rounds, at_once]),
      fn_output_signature=tf.float32,
      parallel_iterations=1,
    )  # [rounds, B, at_once, D]
    by_clip = tf.transpose(embeddings, [1, 0, 2, 3])
    flat = tf.reshape(by_clip, [tf.shape(waves)[0], -1, self._encoder.output_shape[-1]])
    return flat[:, :num_windows]

  def _encode_at_once(self, waves, starts):
    log_mels = self._windows(self._windows.cut(waves, starts))  # [B, W, T, F]
    shape = tf.shape(log_mels)
    flat = tf.reshape(log_mels, [-1, self._windows.frames, self._windows.log_mel.num_mels, 1])
    embeddings = tf.cast(self._encoder(flat, training=False), tf.float32)
    return tf.reshape(embeddings, [shape[0], shape[1], self._encoder.output_shape[-1]])


class ClipEmbedder:
  """Embeds many clips of any lengths, as ClipEncoder.embed does each; short ones share a batch."""

  def __init__(self, windows, encoder, cut=covering_windows):
    """Takes a LogMelWindows layer, an encoder `[B, T, F, 1] -> [B, D]`, and how to cut a clip."""
    shape = [None, windows.frames, windows.log_mel.num_mels, 1]
    self._cut = tf.function(
      lambda wave: cut(windows, wave), input_signature=[tf.TensorSpec([None])]
    )
    self._encode = tf.function(
      lambda log_mels: encoder(log_mels, training=False), input_signature=[tf.TensorSpec(shape)]
    )

  def embed(self, waves):
    """Yields float32 `[D]` for each of `waves`, an iterable of float32 `[n]`, in order."""
    for embeddings in self.embed_windows(waves):
      yield np.mean(embeddings, axis=0)

  def embed_windows(self, waves):
    """Yields float32 `[W, D]` for each of `waves`, an iterable of float32 `[n]`, in order."""
    windows = (
      (number, log_mel) for number, wave in enumerate(waves) for log_mel in self._cut(wave).numpy()
    )
    for _, rows in itertools.groupby(self._in_batches(windows), key=lambda row: row[0]):
      yield np.stack([embedding for _, embedding in rows])

  def _in_batches(self, windows):
    """(clip, log-mel) one by one -> (clip, embedding) one by one, encoded many at once."""
    while batch := list(itertools.islice(windows, WINDOWS_AT_ONCE)):
      clips, log_mels = zip(*batch)
      yield from zip(clips, self._encode(np.stack(log_mels)[..., None]).numpy())
