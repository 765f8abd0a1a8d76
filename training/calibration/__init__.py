"""Fits intervals, probabilities and the law of lives on held-out compressors; applying them needs nothing from here."""
