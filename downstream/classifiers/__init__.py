"""How an encoder is evaluated: logistic regression, nearest neighbours, training on excerpts.

problem              one split of a task, as a method gets it
logistic             logistic regression on embeddings
linear_evaluation    linear classifiers on a frozen encoder
nearest_neighbours   the nearest training clips vote
excerpt_method       training on excerpts: the papers' linear evaluation, fine-tuning
fine_tuned_runs      keeps what was trained as a run folder
classifier           an encoder with a dense layer on top
excerpt_training     trains that classifier on random excerpts
gradient_step        one step of that training
training_state       saves each epoch, so that a killed training resumes
intervals            how far a score may be off because the test clips are few
scores               accuracy, macro accuracy, mean average precision
"""
