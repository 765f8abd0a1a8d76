"""The model registry: find the champion, load its file, change aliases; deciding who is champion belongs in `monitoring.gate`."""
