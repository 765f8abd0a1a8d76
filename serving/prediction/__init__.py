"""Windows to predictions with reasons and repair dates; storing them belongs in `serving.warehouse`."""
