"""Reading files as sites write them: found, opened, matched with the contract, and read as batches of its types."""
