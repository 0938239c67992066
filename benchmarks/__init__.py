"""Measurements: each command compares alternatives in one run, and prints a Markdown table.

  input       excerpt pairs per second, against the published input pipeline
  views       what each step of mix-back's views costs
  train_step  the whole training loop against the bare training step
  step_peers  the bare training step against plain Keras and PyTorch
  step_profile  which operations its time goes into
  logits      loss and gradient of a large batch, in one piece and in blocks
  precision   half precision against float32: loss and speed
  scaling     one process against two, and what the cost model predicts
  scale       the index of two million clips
  embed       speed and memory of downstream.embed
  export      size, speed and error of each export format
  protocols   the two protocols of linear evaluation
  recipes     what the ingredients of the recipe `small` are worth
  labels      what pre-training is worth when labels are few or wrong
  foreign     the recipe `small` on sounds it was not chosen on
  soundscapes       training on long recordings, search and detection in them, by known events
  long_recordings   speed and memory with a day of audio

`lib/` holds what they share: `cost_model`, `systems`, `own_process` and `laboratory_flags`.
"""
