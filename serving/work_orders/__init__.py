"""Work orders: drafted from a prediction, changed, exported to a maintenance system, completed; HTTP belongs in `serving.api`."""
