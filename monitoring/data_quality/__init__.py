"""Daily checks of readings; writing them to the warehouse belongs in `pipelines.lakehouse`."""
