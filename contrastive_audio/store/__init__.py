"""Decoded clips on disk, written once, atomically, and verified.

store         an opened store: PCM read by position, labels and statistics of each clip
disk_format   names of files, columns, quantisation, manifest
shard_files   reads the files that hold the PCM
preparation   a data set -> its store, on all cores or many machines
chunks        what one process decodes at a time, and how it is written
index         finished chunks -> the index and the manifest that complete a store
left_out      lists of clips that are unusable or missing
beam          the same work, distributed by Apache Beam
"""
