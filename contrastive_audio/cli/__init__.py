"""Command-line flags -> dataclasses, console lines, errors for people, the training command.

main            runs a command: quiet start, flags, help
subcommands     contrastive-audio SUBCOMMAND: runs any command
endings         how it ends: errors in one line, exit codes
flags           the flags that commands share, and the dataclasses they become
training_flags  those of every `train` command, and the request that they become
settings        --set: fields of a configuration without a flag of their own
flag_values     values that no flag has a use for
help            what --help prints
open_data       the data sets that flags name -> one store
chosen_keys     --keys: the clips to use
overlaps        data sets that hold the same clips are not combined
recordings      which clips are long, and are cut into pieces
places          where a command may write
starting        the weights and statistics that a training starts from
training        what both `train` commands do
children        commands that a command starts, and signals
report          what commands print about a training
store_report    what they print about a store
console         one aligned line of output
"""
