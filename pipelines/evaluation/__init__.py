"""Runs an evaluation on simulated fleets; its metrics belong in `monitoring`."""
