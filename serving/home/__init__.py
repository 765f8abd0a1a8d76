"""What the files of a home need so that it can be moved, copied and restored."""
