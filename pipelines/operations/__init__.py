"""Jobs that use the champion: score, serve, reproduce, monitor; jobs that make one belong in `lifecycle`."""
