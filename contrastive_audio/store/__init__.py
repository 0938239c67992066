"""Decoded clips on disk, written once, atomically, and verified.

store             an opened store: PCM read by position, labels and statistics of each clip
clip_columns      the index of an opened store
pieces            which pieces of its clips a store is cut into
copies            recordings that are copies of others
shard_files       reads the files that hold the PCM, and verifies them
manifest          what belongs to a store, and whether it is whole
disk_format       names of files, columns, blocks, quantisation
preparation       a data set -> its store, on all cores or many machines
exclusive         one process writes a store at a time
chunks            what one process decodes at a time, and the file that says that it is done
chunk_writer      decodes a chunk, and writes it
decoding          clips -> PCM, several at once, within a bound of memory
spool             samples in memory, or in a temporary file
levels            levels of a clip, from its PCM
checksummed_file  a new file whose blocks get checksums
index             finished chunks -> the index and the manifest that complete a store
left_out          lists of clips that are unusable or missing
beam              the same work, distributed by Apache Beam
"""
