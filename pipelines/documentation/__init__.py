"""Pages of the documentation that are generated from the code; pages written by hand belong in `docs/`."""
