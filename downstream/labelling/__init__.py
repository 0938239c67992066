"""Marking windows of recordings by ear, with a classifier that learns meanwhile.

places        stretches of recordings, and how tables name them
label_table   the CSV file of answers, written at each of them
strategies    which window is asked about next
window_rows   the embeddings of all windows, and of other stretches
fitting       the classifier of the marks, and how good it is
settings      what a labelling begins with
proposals     which windows come next, by a strategy and what is known
session       all of it, as a person works with it
refitting     fits in the background
sounds        what the page plays and draws
guard         who may ask the server
opening       the flags of the command -> a session
server        the page and its answers over HTTP, on this machine only
page/         the page itself
"""
