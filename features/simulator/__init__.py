"""Simulated fleets with known failures; no pipeline may read the truth that they come with."""
