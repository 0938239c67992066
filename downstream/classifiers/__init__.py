"""How an encoder is evaluated: logistic regression, nearest neighbours, training on excerpts.

  logistic             logistic regression on embeddings
  linear_evaluation    linear classifiers on a frozen encoder
  nearest_neighbours   nearest training clips vote
  fine_tuning          encoder and classifier trained together
  classifier           an encoder with a dense layer on top
  excerpt_training     trains that on random excerpts
  training_state       keeps each epoch, so that a killed training resumes
  scores               accuracy, macro accuracy, mean average precision
"""
