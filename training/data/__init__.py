"""History to labelled windows, splits and batches; what is fitted to them belongs elsewhere in `training`."""
