"""Helpers that know nothing about sound.

files           files that are written atomically, folders, JSON
checksums       of files, and of JSON inside it
cache           the folder for data that can be rebuilt
progress_bar    one look for all progress bars
quiet           keeps native libraries from writing to the terminal
backend         checks that Keras runs on TensorFlow
extras          how to install an optional dependency
figures         figures without pyplot
words           numbers with their nouns
markdown_table  rows as a Markdown table that also reads well in a terminal
"""
