"""Helpers that know nothing about sound.

files           files that are written atomically, folders, JSON
cache           the folder for data that can be rebuilt
progress_bar    one look for all progress bars
quiet           keeps native libraries from writing to the terminal
exchange        models that are replaced whole
backend         checks that Keras runs on TensorFlow, and how it is set
keras_objects   lets Keras know our layers wherever the package is imported
extras          how to install an optional dependency
figures         figures without pyplot
words           numbers with their nouns
markdown_table  rows as a Markdown table that also reads well in a terminal
"""
