"""Settings: YAML files, their schemas, errors and logs; nothing here imports numpy, Spark or a model."""
