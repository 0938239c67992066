"""An encoder -> SavedModel, TFLite, ONNX, classifier.

clip_encoder  waveform -> embedding, as every run is evaluated and exported
saved_model   the SavedModel
converters    TFLite and ONNX
portable      the same computation in operations that other runtimes have
classifier    a trained linear classifier as one file
export        a run folder -> any of these
"""
