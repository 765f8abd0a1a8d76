"""Jobs that make versions and change the champion: train, tune, retrain, promote; using the champion belongs in `operations`."""
