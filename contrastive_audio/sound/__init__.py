"""A file -> mono samples at one sample rate.

reading        a file, its bytes or an array -> mono float32
ffmpeg         formats that libsndfile does not open
tensorflow_io  the decoders of tensorflow-io, where they run
samples        samples of any type -> float, mono
"""
