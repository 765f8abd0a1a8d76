"""Ownership, passage and paths of a home's files, so that it can be moved and restored. Its contents do not belong here."""
