"""Schema of site.yaml: how one site writes its readings and its reference files."""
