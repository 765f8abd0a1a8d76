"""The tables of compressors and maintenance events in the lake; reading a site's files belongs in `features.site`."""
