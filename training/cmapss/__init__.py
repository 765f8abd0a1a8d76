"""The C-MAPSS data set and its training runs; the network itself belongs in `training.network`."""
