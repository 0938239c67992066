"""What Keras has to be set to: checked for programs, set for commands, except the backend."""

from contrastive_audio.errors import UserError


def require_tensorflow_backend() -> None:
  """Raises an ImportError unless Keras runs on the TensorFlow backend.

  Example:
    >>> require_tensorflow_backend()
  """
  import keras  # here: its import may import our layers, and they this module

  name = keras.backend.backend()
  if name != "tensorflow":
    raise ImportError(
      f"Keras runs on the backend {name!r}; contrastive_audio needs 'tensorflow': set the "
      "environment variable KERAS_BACKEND=tensorflow before Keras is imported"
    )


def require_channels_last() -> None:
  """Raises an error if Keras would build networks for images whose channels come first.

  Raises:
    UserError: it would.

  Example:
    >>> require_channels_last()
  """
  import keras

  if (image_format := keras.config.image_data_format()) != "channels_last":
    raise UserError(
      f"Keras is set to image_data_format={image_format!r} (in keras.json?): the networks need "
      "keras.config.set_image_data_format('channels_last') before they are built"
    )


def use_default_settings() -> None:
  """Sets Keras to its own defaults, whatever ~/.keras/keras.json says.

  For commands, whose results must not depend on a file that no configuration of a run records.

  Example:
    >>> import keras
    >>> use_default_settings()
    >>> keras.config.floatx(), keras.config.image_data_format()
    ('float32', 'channels_last')
  """
  import keras

  keras.config.set_image_data_format("channels_last")
  keras.config.set_floatx("float32")
  keras.config.set_epsilon(1e-7)
