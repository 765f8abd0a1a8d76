"""Numbers and verdicts about data, models and costs; sentences for the terminal belong in `pipelines.views`."""
