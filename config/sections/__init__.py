"""The schema of each YAML file; what depends on several files is checked in `config.settings`."""
