"""A store -> excerpt pairs -> augmented views; every random number is a function of (seed, step).

excerpts             (seed, step) -> two excerpts of each clip of a batch
augment              log-mels and a seed -> augmented log-mels
crop                 the augmentation that crops and stretches
augmentation_config  the numbers of all augmentations, without TensorFlow
system_config        what training reads of the configuration of a system, without TensorFlow
stateless_random     random numbers as a function of a seed
"""
