"""Sound in, embeddings out: what both papers assume, and nothing that only one of them says.

Read the modules in the order in which a clip passes through them:

  reading       a file (ffmpeg)           -> mono float32 at one sample rate
  datasets      a name                    -> clips with keys, labels and groups
  preparation   clips, decoded once       -> a store on disk (chunks, merging, lists, beam)
  store         a store                   -> 16-bit PCM on disk, a row per clip
  layout        a clip of any length      -> what excerpts are cut from
  excerpts      (seed, step)              -> [B, 2, N] excerpts, two per clip
  frontend      excerpts [.., N]          -> log-mels [.., T, F]
  windows       a clip of any length      -> the log-mel windows that the encoder knows
  statistics    the log-mels of all clips -> their mean and standard deviation
  augment       log-mels and a seed       -> log-mels, changed (randomness)
  encoders      log-mels [B, T, F, 1]     -> embeddings [B, D] (kernels)
  heads         embeddings [B, D]         -> projections [B, P]
  contrastive   the train_step            -> loss over the global batch (logits, replicas)
  pretraining   a run: monitor, checkpoints, exact resume (callbacks, distribution, normalisation,
                optimizers)
  monitor       how good the encoder is   -> kNN and linear accuracy (knn, probe, health, judged)
  runs          the run folder: config, metrics, files
  embedding     waveform [B, n]           -> embedding [B, D], as exported
  export        a run folder              -> SavedModel, TFLite, ONNX (exporting_*)
  plots         a run                     -> its figures

The rest serves these: commands, configuration, errors, json_files, places, progress_bar, quiet,
report, table. Commands are export and prepare; training_command is what both `train` do.

What a program of your own needs most can be imported from here, too:

  Run               a run folder: its encoder, its front end, its metrics
  ClipEncoder       front end and encoder in one: waveform in, embedding out
  ClipEmbedder      embeds many clips of any length with a ClipEncoder
  LogMel            the log-mel layer, every convention an argument
  LogMelWindows     the front end of a run: level, windows, log-mels, statistics
  ContrastiveModel  the keras.Model with the train_step
  ExcerptPairs      a store -> the excerpts of a training
  Store             decoded clips on disk
  UserError         what the user can mend; UnusableAudio: a file that cannot be used

Nothing here knows a paper or a command-line flag's value.
"""

import importlib

from audio import quiet

quiet.import_tensorflow()

_HOMES = {
  "Run": "runs",
  "ClipEncoder": "embedding",
  "ClipEmbedder": "embedding",
  "LogMel": "frontend",
  "LogMelWindows": "windows",
  "ContrastiveModel": "contrastive",
  "ExcerptPairs": "excerpts",
  "Store": "store",
  "UserError": "errors",
  "UnusableAudio": "errors",
}
_MODULES = ("reading", "datasets", "preparation", "augment", "encoders", "export", "plots")
__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
  """Imports a public name when it is asked for: `import audio` stays as fast as it can be."""
  if name in _MODULES:
    return importlib.import_module(f"{__name__}.{name}")
  if name in _HOMES:
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
