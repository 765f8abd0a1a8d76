"""Rows to charts: pure functions that return Altair charts, in one theme for light and dark."""
