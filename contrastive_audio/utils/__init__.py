"""What knows nothing about sound: files written atomically, progress bars, the cache, figures, tables.

files           files that are written atomically, folders, JSON
cache           where data is kept that can be rebuilt
progress_bar    one look for all progress bars
quiet           keeps native libraries from writing to the terminal
backend         checks that Keras runs on TensorFlow
figures         figures without pyplot
markdown_table  rows as a table that reads well in a terminal
"""
