"""What stands between a socket and the routes of the service: connections, access, limits, problems, metrics."""
