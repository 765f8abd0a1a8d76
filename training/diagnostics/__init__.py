"""Measurements and plots of a trained model; whether it is good enough belongs in `monitoring.gate`."""
