"""Writes, checks and measures an exported folder; what runs inside the folder belongs in `serving.edge`."""
