"""The flags of a classifier that is trained on excerpts: linear --protocol=paper, and finetune."""

from absl import flags

from downstream.classifiers.excerpt_training import Options


def define(learning_rate, epochs):
  """Defines the flags, with the given defaults."""
  flags.DEFINE_float("learning_rate", learning_rate, "Of Adam.", lower_bound=1e-9)
  flags.DEFINE_integer("batch_size", 64, "Excerpts of a step.", lower_bound=1)
  flags.DEFINE_integer("epochs", epochs, "Epochs, at most.", lower_bound=1)


def options(flag_values, frozen, patience=None):
  """Returns the training.Options that the flags ask for."""
  names = ("learning_rate", "batch_size", "epochs", "seed")
  given = {name: flag_values[name] for name in names}
  return Options(frozen=frozen, patience=patience, **given)
