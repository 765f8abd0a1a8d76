"""What keeps a hostile or broken file from bringing the reader down: limits, safe opening, and notes of files that killed a run."""
