"""The HTTP service: routes, access, limits and health. Computing a prediction belongs in `serving.prediction`."""
