"""Messages of the prediction service, for its routes and its client: what goes in and what comes out, and nothing that reads or answers."""
