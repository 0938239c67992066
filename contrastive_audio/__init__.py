"""Sound in, embeddings out: what both papers assume, and nothing that only one of them says.

Each folder is a floor, and imports only what stands below it:

  cli/            flags -> dataclasses, console lines, errors for people, the training command
  training/       the train_step that both papers share, and a run from its start to its end
  monitoring/     is the encoder any good while it trains?
  exporting/      encoder -> SavedModel, TFLite, ONNX, classifier
  store/          decoded clips on disk, written once, atomically, and verified
  views/          store -> excerpt pairs -> augmented views, by stateless random numbers
  networks/       log-mels -> embedding -> projection
  frontend/       samples -> log-mels
  datasets/       a name -> clips with labels
  sound/          a file -> mono samples
  distributed/    who the hosts are, and what replicas exchange
  utils/          what knows nothing about sound

`runs` is the run folder, `configuration` what all configurations share, `errors` what can be wrong,
`pretrained` a trained encoder in one line of Python.
The commands are `prepare`, `export` and `presets`.

What a program of your own needs most can be imported from here:

  load              a preset or a run folder -> a PretrainedEncoder
  PretrainedEncoder embeds waveforms of any length
  read              a file -> mono samples at one sample rate
  open_source       a name -> the clips of a data set
  Run               a run folder: its encoder, its front end, its metrics
  ClipEncoder       front end and encoder in one: waveform in, embedding out
  ClipEmbedder      embeds many clips of any length with a ClipEncoder
  LogMel            the log-mel layer, every convention an argument
  FrontEnd          the front end of a run: level, windows, log-mels, statistics
  ContrastiveModel  the keras.Model with the train_step
  ExcerptPairs      a store -> the excerpts of a training
  Store             decoded clips on disk
  UserError         a mistake the user can fix
  UnusableAudio     a file that cannot be used

Nothing here knows a paper. An import changes nothing, except that Keras can load models that hold
layers of ours, and is as fast as it can be: what is named above is imported when it is first asked
for.
"""

import lazy_loader

from contrastive_audio.utils.keras_objects import register_with_keras

__version__ = "0.2.0.dev0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_with_keras()
