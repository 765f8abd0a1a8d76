"""Metrics of predictions on unseen fleets; making these fleets belongs in `pipelines.evaluation`."""
