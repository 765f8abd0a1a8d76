"""Predictions and where they go: service, registry, warehouse and edge; Spark, TensorFlow and `training` are forbidden here."""
