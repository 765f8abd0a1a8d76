"""The small tables beside the readings, as sites write them: the list of compressors and work orders. Lakes do not belong here."""
