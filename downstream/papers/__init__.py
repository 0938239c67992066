"""The tables of the papers: what is compared, and how every number is measured once.

What a table is:

  tables            which models are compared, by which method, on which tasks
  table             what a table, its variants and its request are
  budgets           how long the pre-trainings of a table are, by its suite
  open_suite        what pre-trains in the suite "open", and what shows how it goes on
  measurement       what a pre-training and a measurement are
  methods           methods by name, by the papers' protocols or ours
  cells             the numbers of a table: one for each variant, column and seed

What a folder holds; these and `stages` take no TensorFlow until something is measured:

  pretraining_clips which clips pre-train
  pretrainings      a run for each different training, identified by its configuration and clips
  result_files      a JSON file for each measurement
  run_health        what is wrong with a run
  estimates         how long work takes, judged by what was done

The work, and what comes of it:

  stages            looks for the data, trains what is missing, measures what is missing
  dry_run           prints that work instead
  obstacles         what keeps a cell from being measured
  laboratory        measures a number, and keeps it
  results           means, spreads, and differences between variants
  intervals         confidence intervals of means over seeds
  table_files       a measured table, printed and written
  bar_chart         a table as groups of bars
  curves            kNN and linear accuracy of the runs behind a table, against steps
  claims            what the papers claim, and whether measured tables say that it holds
"""
