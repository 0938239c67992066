"""Where things are kept that are made once: the user's cache folder."""

import os

from audio.errors import UserError


def cache():
  """Returns the folder for prepared data: $CONTRASTIVE_AUDIO_CACHE, or one in the user's cache."""
  default = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "contrastive-audio")
  return os.path.expanduser(os.environ.get("CONTRASTIVE_AUDIO_CACHE") or default)


def make_folder(path):
  """Makes a folder and its parents, if need be.

  Raises:
    UserError: if that is not possible.
  """
  try:
    os.makedirs(path, exist_ok=True)
  except OSError as error:
    raise UserError(f"cannot make the folder {path!r}: {(error.strerror or '').lower()}") from error
