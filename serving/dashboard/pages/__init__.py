"""One module a page: what it reads, and where each part stands."""
