"""The model registry: find the champion, load its file, change aliases; deciding on a champion belongs in `monitoring.gate`."""
