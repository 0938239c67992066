"""What the bytes of a file state: where recordings begin and end, and whether they are whole.

recordings    the recordings in a file, and whether libsndfile may be believed: start here
chunked       WAV, RF64, W64, AIFF, CAF, IFF
headed        AU, NIST, VOC, AVR, WVE
stated_sizes  sizes in headers, and those that were never filled in
mpeg_audio    MP3: the count in its first frame
atoms         MP4, MOV, 3GP
tags          ID3, APE and Lyrics3 tags before and behind the sound
flac_stream   FLAC: the count in its header against the last frame
ogg_stream    Ogg: its pages, chained streams
"""
