"""The tables of the papers: what is compared, and a laboratory that measures it once.

tables        which models are compared, by which method, on which tasks
table         what a table, its variants and its request are
measurement   what a pre-training and a measurement are
laboratory    measures each number once, and keeps everything in a folder
pretrainings  trains each model once
obstacles     what keeps a cell from being measured
result_files  a JSON file per measurement
results       a table that is measured, printed and written
bar_chart     a table as groups of bars
"""
