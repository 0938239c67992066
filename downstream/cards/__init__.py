"""The tasks on which an encoder is evaluated: their clips, splits and published scores.

card                what a task is
all_cards           every task by name; suites of tasks
cola, sound_events  the cards of COLA's nine tasks, and of sound event recognition
pool                a pool of openly licensed clips -> lists of what trains and what judges
pool_tasks, vowels  the cards of the open suite: collections of the pool; spoken vowels
splits              what a split is; validation clips and folds
holding_out         what is held out: whole groups, or clips of each class
split_rules         rules that say which clips train and which test
corpus_split_rules  rules for published data sets
shared_sound        what must not be on both sides of a split: overlapping stretches, copies
training_labels     few training labels, or flipped ones
task_data           a task with its clips
opening             the name of a task -> its data
published_data      whether published data sets are there, before any is opened
published_scores    numbers printed in the papers
"""
