"""Writes, checks and measures an exported folder. Code that runs inside the folder belongs in `serving/edge`."""
