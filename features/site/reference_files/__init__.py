"""The list of compressors and the work orders as sites write them; their tables belong in `features.reference_tables`."""
