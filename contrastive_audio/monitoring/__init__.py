"""Is the encoder any good while it trains?

monitor          what monitors have in common; kNN and a linear probe on embeddings of whole clips
labelled_sample  which labelled clips an encoder is evaluated on
knn              k nearest neighbours, macro accuracy
confusion        which classes are taken for which: counts, and a figure
linear_probe     cross-validated logistic regression
health           BatchNorm that lags behind, embeddings that collapse
complaints       when health warns, and what it says
"""
