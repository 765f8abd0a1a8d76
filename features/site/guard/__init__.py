"""Limits and safe opening, so that a hostile or broken file cannot stop the reader; formats do not belong here."""
