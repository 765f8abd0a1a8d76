"""Checks that a challenger must pass to become champion; moving the alias belongs in `serving.registry`."""
