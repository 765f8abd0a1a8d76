"""The network: build, fit, combine and export it; labels and splits belong in `training.data`."""
