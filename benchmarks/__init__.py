"""Measurements: each command compares alternatives in one run, and prints a Markdown table.

  input            excerpt pairs per second, against the published input pipeline
  views            what each step of mix-back's views costs
  train_step       the whole training loop against the bare training step
  step_peers       the bare training step against plain Keras and PyTorch
  step_profile     which operations its time goes into
  microbatch       memory and speed of a training step in one piece and in parts
  logits           loss and gradient of a large batch, in one piece and in blocks
  precision        half precision against float32: loss and speed
  gpu              everything on a GPU: checks, and speed
  scaling          one process against two, and what the cost model predicts
  scale            the index of two million clips
  first_answer     what a newcomer runs, against another version
  embed            speed and memory of downstream.embed, beside its parts
  export           size, speed and error of each export format
  faults           what is lost or wrong when things are broken on purpose
  recipes          what the ingredients of the recipe `small` are worth
  labels           what pre-training is worth when labels are few or wrong
  general_encoder  the training of the preset `general`, and its scores
  going_on         going on from weights, against the alternatives
  labelling        accuracy against marks for each strategy of downstream.label
  soundscapes      training on long recordings, search and detection in them, by known events
  long_recordings  speed and memory with a day of audio
  window_search    a search in a million windows, exact and by an index

`lib/` holds what they share.
"""
