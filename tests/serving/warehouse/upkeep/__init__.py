"""Schema, roles, kept rows and retention of the warehouse."""
