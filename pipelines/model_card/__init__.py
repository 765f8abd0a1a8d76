"""The card of a model version: its facts and its page; the metrics themselves are computed in `monitoring` and `training`."""
