"""Samples -> log-mels.

log_mel      the log-mel layer: every convention is an argument
clip_store   what this folder needs of a store of clips
clip_layout  how a clip of any length is laid out before excerpts are cut from it (NumPy)
front_end    a clip of any length -> the log-mel windows that an encoder expects (TensorFlow)
whole_clip   the log-mels of a whole clip at once
saved        a front end out of the JSON of a run, every number looked at
drawing      log-mels as pictures, in seconds and Hz
statistics   mean and standard deviation of the log-mels of a data set
"""

from contrastive_audio.utils.backend import require_tensorflow_backend

require_tensorflow_backend()
