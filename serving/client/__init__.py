"""The Python client of the prediction service: a method for each route, typed messages, and errors; it needs httpx and pydantic alone."""
