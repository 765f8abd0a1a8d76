"""Pages and pictures of the documentation that are made by the code; pages written by hand belong in `docs/`."""
