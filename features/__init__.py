"""Readings to features: intake, bronze, silver, gold, windows and the simulator; labels and models do not belong here."""
