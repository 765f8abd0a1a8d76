"""The champion's reference, distances to it, and whether to retrain; the retraining belongs in `pipelines.lifecycle`."""
