"""The schema of site.yaml, which describes how a site writes its files; reading those files belongs in `features.site`."""
