"""Decoded clips on disk, written once, atomically, and verified.

store        an opened store: PCM read by position, a row of labels and numbers for each clip
shard_files  the files that hold the PCM
preparation  a data set -> its store, by all cores
chunks       what one process decodes at a time, and how it is written
index        chunks -> the index and the manifest that complete a store
left_out     lists of clips that are unusable or missing
beam         the same work shared by Apache Beam
"""
