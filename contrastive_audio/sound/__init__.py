"""Sound files -> mono samples at one sample rate.

reading        a file, its bytes or an array -> mono float32: start here
ffmpeg         formats that libsndfile does not open
tensorflow_io  the decoders of tensorflow-io, where they run
truncation     files that hold less than their headers promise
samples        samples of any type -> float, mono
"""
