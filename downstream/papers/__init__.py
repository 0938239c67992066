"""The tables of the papers: what is compared, and a laboratory that measures it once.

  tables        which models are compared, by which method, on which tasks
  laboratory    pre-trainings and measurements that are done once
  obstacles     what keeps a cell from being measured
  result_files  a JSON file for each measurement
"""
