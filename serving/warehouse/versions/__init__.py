"""Numbered migrations of the warehouse, one SQL file each; a released file is never changed."""
