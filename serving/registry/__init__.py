"""The model registry: find the champion, load its file, change aliases. Deciding on a champion belongs in `monitoring.gate`."""
