"""What is evaluated: runs, SavedModels, baselines; and their embeddings on disk.

  models            what --model names -> a Model
  log_mel_baseline  mean and standard deviation of each log-mel band
  embedding_parts   the embeddings of a store, computed once
  embedding_files   embeddings -> one .npz or .parquet file
  projector         files for TensorBoard's embedding projector
"""
