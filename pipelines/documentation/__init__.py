"""Pages of the documentation site that are made from the code. What a command does or shows does not belong here."""
