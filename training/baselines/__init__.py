"""Simpler models that the network must beat; their evaluation belongs in `monitoring.evaluation`."""
