"""Checks that Keras runs on TensorFlow; it never changes the backend."""

import keras


def require_tensorflow_backend() -> None:
  """Raises an ImportError unless Keras runs on the TensorFlow backend.

  Example:
    >>> require_tensorflow_backend()
  """
  name = keras.backend.backend()
  if name != "tensorflow":
    raise ImportError(
      f"Keras runs on the backend {name!r}; contrastive_audio needs 'tensorflow': set the "
      "environment variable KERAS_BACKEND=tensorflow before Keras is imported"
    )
