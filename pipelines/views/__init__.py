"""What a person sees in the terminal; nothing is computed here."""
