"""Ownership, passage and paths of a home's files, so that it can be moved and restored; its contents do not belong here."""
