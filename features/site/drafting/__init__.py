"""A first site.yaml, guessed from a site's files; reading files with it belongs in `features.site`."""
