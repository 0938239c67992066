"""A store -> excerpt pairs -> augmented views; every random number is a function of (seed, step).

excerpts             (seed, step) -> two excerpts of each clip of a batch
arrangement          batches with at most one piece of a recording
balance              batches that the largest group of clips does not dominate
activity             how much happens where in a clip: excerpts are drawn in proportion to it
augment              log-mels and a seed -> augmented log-mels
crop                 the augmentation that crops and stretches
augmentation_config  the numbers of all augmentations, without TensorFlow
system_config        what training reads of the configuration of a system, without TensorFlow
stateless_random     random numbers as a function of a seed
"""
