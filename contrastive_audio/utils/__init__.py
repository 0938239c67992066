"""Helpers that know nothing about sound; some know run folders.

files           files that are written atomically, folders, JSON
locks           a folder in which one process works at a time
stopping        Ctrl-C and SIGTERM: heard, answered at once, obeyed in good order
text_files      which encoding a text file is in, and its lines
json_lines      files with a JSON object per line, whatever they hold
tables          tables in files, read strictly
csv_styles      how a CSV file is written, to write it again
spreadsheets    CSV files of ours, no cell of which is taken for a formula
kept_arrays     arrays that are measured once, and kept in a file
run_files       what stands in a run folder, whole or half made
presets         what preset:NAME means: run folders that come with the package
settings        how the settings of a run differ, and which extend it
checksums       of files, and of JSON inside it
cache           the folder for data that can be rebuilt
progress_bar    one look for all progress bars
tracking        TensorBoard, and what else shows a training
ahead           work that another thread does ahead
pipelines       pipelines of tf.data that end when they are told to
tracing         functions that TensorFlow traces once
terminal        output that ends no job: readers that left, names that cannot be shown
quiet           keeps native libraries from writing to the terminal
exchange        models that are replaced whole
backend         checks that Keras runs on TensorFlow, and how it is set
keras_objects   lets Keras know our layers wherever the package is imported
extras          how to install an optional dependency
figures         figures without pyplot
words           numbers with their nouns
versions        the versions that results depend on
markdown_table  rows as a Markdown table that also reads well in a terminal
"""
