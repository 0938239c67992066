"""The train_step that both papers share, and a run from its start to its end.

contrastive    the keras.Model with the train_step: start here
step_seeds     what a step draws
microbatches   large batches part by part, in two passes
cross_entropy  the loss over large batches, in blocks
optimizers     Adam, SGD as in PyTorch, a learning rate that rises and falls
source_run     the run whose weights a training starts from: its record
starting_weights  its networks: do they fit, and who gets them
source_distance   what --keep holds small
building       a model for all replicas, with the weights that it starts from
pretraining    a run: trains, monitors, saves, resumes exactly, exports
callbacks      what happens between two steps
recording      what is logged
checkpoints    all variables of a training
verified_checkpoints  the newest whole one of two wins; fine-tuning uses it, too
checkpoint_files      their files, sealed with checksums
trackers       wandb and MLflow
plots          figures of a run
"""
