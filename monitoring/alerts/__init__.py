"""Which alerts readings and predictions raise; their life after that belongs in `serving.alerts`."""
