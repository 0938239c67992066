"""Sound in, embeddings out: what both papers assume, and nothing that only one of them says.

Read the modules in the order in which a clip passes through them:

  reading      a file (ffmpeg.py)        -> mono float32 at one sample rate
  datasets     a name                    -> clips with keys, labels and groups
  preparation  clips, decoded once       -> a store on disk (chunks, merging, lists, beam)
  store        a store                   -> 16-bit PCM on disk, a row per clip
  excerpts     (seed, step)              -> [B, 2, N] excerpts, two per clip
  frontend     excerpts [.., N]          -> log-mels [.., T, F]
  windows      a clip of any length      -> the log-mel windows that the encoder knows
  encoders     log-mels [B, T, F, 1]     -> embeddings [B, D]
  contrastive  the train_step            -> loss over the global batch
  pretraining  the run: monitor, checkpoints, exact resume
  runs         the run folder: config, metrics, files
  embedding    waveform [B, n]           -> embedding [B, D], as exported
  export       a run folder              -> SavedModel

Nothing here knows a paper or a command-line flag's value.
"""

from audio import quiet

quiet.import_tensorflow()
