"""What an encoder is worth: judges run folders, SavedModels and baselines; knows no paper.

models              what --model may be
tasks, task_data    what it is judged on: a card, or a data set of your own, with its clips
cards, card         all task cards: those of COLA (cola_cards), of sound events (event_cards)
splits              which clips test: rules, and those of published data sets (corpus_splits)
knn, linear         commands: neighbours; a linear classifier on the frozen encoder
finetune            command: encoder and classifier trained together
judging, scores     what the three share
training            a classifier trained on random excerpts
embed               command: embeddings of any audio in a file
embeddings, outputs parts on disk, and the file made of them
tables              command: the papers' tables; paper_tables, published, experiments (obstacles,
                    result_files)
hear                the HEAR 2021 API
plots, projector    figures; files for TensorBoard's embedding projector
"""
