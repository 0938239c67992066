"""What several benchmarks use; nothing here is a command.

Of several of them:

  systems            a system's name -> its configuration and its model
  untrained_runs     run folders of networks with random weights
  short_training     some steps on the synthetic set, whose losses are kept
  step_timing        the steps of a training loop beside bare steps
  forked             runs commands in forks of a process that has imported TensorFlow
  own_process        calls a function in a process of its own
  laboratory_flags   the flags of benchmarks that evaluate encoders on tasks
  model_table        a table of models by tasks

Speed and memory:

  view_steps         each step of mix-back's views
  step_contestants   one network in one library, in a process that waits while others are measured
  pytorch_networks   our encoders in PyTorch
  pytorch_steps      training steps of both papers in PyTorch
  embedding_speed    downstream.embed, and its two parts
  cost_model         what a training on several replicas sends and holds, in numbers
  export_accuracy    what exported files lose
  checks             checks of a machine, each bounded in time
  gpu_checks         what a GPU computes, against a CPU
  gpu_speed          what a GPU is worth

Recordings and labels:

  soundscapes        made-up field recordings: sounds at known times in noise and rain
  soundscape_tables  search and a detector in them
  event_matching     how well detections fit what is heard
  learning_curves    accuracy against the number of marks
  browser            a headless Chromium

Faults:

  damage             what happens to files on disks
  damaging           campaigns: files of ours are damaged, then used again
  mutations          small sound files of many formats, and damages to them
  fuzzing            the campaign that reads them
  killing            campaigns: commands at once, killed, and without space
  tiny_commands      the commands of these campaigns
  fault_worker       a child process that may crash, hang or grow without harm
  fault_tally        how often each outcome was, and which cases were wrong
"""
