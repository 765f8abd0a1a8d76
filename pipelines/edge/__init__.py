"""Writes, checks and measures an exported folder; code that runs inside the folder belongs in `serving/edge`."""
