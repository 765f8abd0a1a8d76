"""Labelled windows to a fitted, calibrated and exported model; MLflow runs and Spark do not belong here."""
