"""The user's cache folder: data that can be rebuilt at any time."""

import os


def cache_folder() -> str:
  """Returns the folder for prepared data: $CONTRASTIVE_AUDIO_CACHE, or one in the user's cache.

  Example:
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, {"CONTRASTIVE_AUDIO_CACHE": "/tmp/audio-cache"}):
    ...   cache_folder()
    '/tmp/audio-cache'
  """
  default = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "contrastive-audio")
  return os.path.expanduser(os.environ.get("CONTRASTIVE_AUDIO_CACHE") or default)
