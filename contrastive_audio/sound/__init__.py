"""Sound files -> mono samples at one sample rate.

reading        a file, its bytes or an array -> mono float32, at once or in blocks: start here
formats        the formats that the decoders read, and their extensions
containers     where the recordings in a file begin and end, and whether they are whole
libsndfile     the decoder of files that state their length
ffmpeg         the decoder of other formats and codecs, and of unknown lengths
tensorflow_io  the decoders of tensorflow-io, where they run
content        the bytes of a file, and views of some of them
resampling     blocks at some sample rate -> blocks at another one
segments       pieces of recordings
samples        samples of any type -> float, mono
"""
