"""Is the encoder any good while it trains?

monitor       what every monitor does; kNN and a linear probe on embeddings of whole clips
knn           k nearest neighbours
linear_probe  cross-validated logistic regression
health        BatchNorm that lags behind, embeddings that collapse
"""
