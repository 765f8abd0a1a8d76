"""Backup and restore of a whole home; single tables do not belong here."""
