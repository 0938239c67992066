"""An encoder -> SavedModel, TFLite, ONNX, classifier.

clip_encoder    waveform -> embedding, as every run is evaluated and exported
whole_clip      the embedding of all frames of a clip at once, in blocks
clip_embedder   many clips of any length -> embeddings
rows            embeddings of windows -> those of clips
finite          what becomes of NaN, and of clips without samples
saved_model     writes the SavedModel
converters      writes TFLite and ONNX models
quantising      weights in fewer bits: which of them, and in which numbers
tflite_weights  a TFLite model -> the same with quantised weights
onnx_weights    an ONNX model -> the same with quantised weights
portable        the same computation in operations that other runtimes have
classifier      a trained linear classifier in one file
export          a run folder -> any of these
"""
