"""Files as sites write them, turned into readings with the contract's names and units; the lake does not belong here."""
