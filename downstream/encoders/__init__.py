"""What is evaluated: runs, SavedModels and baselines; their embeddings on disk.

models            what --model names -> a Model
log_mel_baseline  mean and standard deviation of each log-mel band
window_store      the windows of long recordings, each a clip of its own
embedding_parts   the embeddings of a store, computed once
part_files        embeddings in a file, a few rows at a time
parts_plan        what the parts of embeddings in a folder are of
embedding_files   embeddings -> one .npz or .parquet file
storage           how they are kept there: float16, principal components
neighbour_page    the nearest clips of each query: a list, and a page to listen to them
window_search     the nearest stretches of long recordings
window_index      an index of windows, for many searches
hit_list          those stretches: a list, and a page to listen to them
listening_page    a page with log-mels and players
page_template     its layout, colours and keys
projector         files for TensorBoard's embedding projector
"""
