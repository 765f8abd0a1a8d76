"""The HTTP service: routes, access, limits and health; computing a prediction belongs in `serving.prediction`."""
